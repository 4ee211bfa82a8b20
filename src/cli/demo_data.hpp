// Demo data: recorded readings of many devices, from a CSV file (`device,time_ms,<fields…>`, .gz or plain).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::cli {

class DemoData {
 public:
  struct Row {
    std::uint32_t device;  // index into devices()
    std::int64_t time_ms;  // as recorded
    std::uint32_t line;    // where its fields begin in the text
  };

  // gzip is recognised by its first bytes. Errors name the line. Rows come back in order of time.
  static Result<DemoData> parse(Bytes bytes, std::string_view name);

  const std::vector<std::string>& devices() const { return devices_; }
  const std::vector<Row>& rows() const { return rows_; }
  std::int64_t first_ms() const { return rows_.front().time_ms; }
  std::int64_t span_ms() const { return rows_.back().time_ms - rows_.front().time_ms; }
  // The row as a device would publish it: {"timestamp":"…","temperature":21.5,…}; empty fields are left out.
  void append_payload(std::string& to, const Row& row, std::int64_t stamp_ms) const;

 private:
  std::string text_;
  std::vector<std::string> devices_;
  std::vector<std::string> fields_;
  std::vector<Row> rows_;
};

Result<std::string> gunzip(Bytes bytes, std::uint64_t bytes_max);

}  // namespace skerry::cli
