// Rows into JSON objects: fields in the columns' order, rows within rows as objects, numbers as short as they read
// back.
#pragma once

#include <string>
#include <vector>

#include "stream/node.hpp"

namespace skerry::stream {

enum class TimeStyle : std::uint8_t { sql, rfc3339 };  // `2026-01-31 23:59:59.123`, `2026-01-31T23:59:59.123Z`

class RowJson {
 public:
  RowJson(const Scope& scope, TimeStyle style, bool skip_null);
  // The fields without brackets around, each with a comma before it when something stands in `to` behind a '{'.
  void append_fields(std::string& to, const Batch& batch, std::size_t row) const;

 private:
  struct Part {
    std::string key;  // "name":
    Type type;
    std::vector<Part> parts;
  };
  static Part part_of(const std::string& name, const Type& type);
  void append_value(std::string& to, const Part& part, const Column& column, std::size_t row) const;

  std::vector<Part> parts_;
  TimeStyle style_;
  bool skip_null_;
};

}  // namespace skerry::stream
