// Recording: readings of many devices as they were taken, from a CSV file (`device,time_ms,<fields…>`, .gz or plain).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::demo {

class Recording {
 public:
  struct Row {
    std::uint32_t device;  // index into devices()
    std::int64_t time_ms;  // as recorded
    std::uint32_t line;    // where its fields begin in the text
  };

  // gzip is recognised by its first bytes. Errors name the line. Rows come back in order of time.
  static Result<Recording> parse(Bytes bytes, std::string_view name);

  const std::vector<std::string>& devices() const { return devices_; }
  const std::vector<Row>& rows() const { return rows_; }
  std::int64_t first_ms() const { return rows_.front().time_ms; }
  std::int64_t span_ms() const { return rows_.back().time_ms - rows_.front().time_ms; }
  // The row as members of a JSON object: "temperature":21.5,"place":"roof"; empty fields are left out.
  void append_fields(std::string& to, const Row& row) const;

 private:
  std::string text_;
  std::vector<std::string> devices_;
  std::vector<std::string> fields_;
  std::vector<Row> rows_;
};

Result<std::string> gunzip(Bytes bytes, std::uint64_t bytes_max);

}  // namespace skerry::demo
