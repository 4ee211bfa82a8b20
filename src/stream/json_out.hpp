// Rows into JSON objects: fields in the columns' order, rows within rows as objects, numbers as short as they read
// back. On the way a row is the values of codec/row.hpp, which may be stored instead of the text.
#pragma once

#include <string>
#include <vector>

#include "codec/row.hpp"
#include "stream/node.hpp"

namespace skerry::stream {

enum class TimeStyle : std::uint8_t { sql, rfc3339 };  // `2026-01-31 23:59:59.123`, `2026-01-31T23:59:59.123Z`

class RowJson {
 public:
  RowJson(const Scope& scope, TimeStyle style, bool skip_null);
  // The fields without brackets around, each with a comma before it when something stands in `to` behind a '{'.
  void append_fields(std::string& to, const Batch& batch, std::size_t row) const;
  // The values alone, which append_row_fields() makes the same text of.
  void append_row(std::string& to, const Batch& batch, std::size_t row) const;
  const codec::Shape& shape() const { return shape_; }

 private:
  codec::Shape shape_;
  std::size_t leaves_ = 0;
};

}  // namespace skerry::stream
