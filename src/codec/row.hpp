// Rows: what a pipeline makes, stored as values instead of as the JSON text that they stand for.
//
// A shape says names and types, once; a row holds values alone. append_row_json() writes the object: the same bytes
// whoever asks, and whenever. A shape has no field called `timestamp`, so that the event time of a row is when it was
// appended, as of any payload without one. Bytes: docs/format/row.md. Any thread; no input is trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "codec/text.hpp"

namespace skerry::codec {

enum class FieldKind : std::uint8_t {
  boolean = 0,   // an integer, 0 is false
  integer = 1,   // zigzag varint
  real = 2,      // 32-bit floating point; what is not finite is null in JSON
  dbl = 3,       // 64-bit
  decimal = 4,   // 128-bit integer; `digits` are its decimals
  text = 5,      // UTF-8
  date = 6,      // days since 1970
  rfc3339 = 7,   // ms since 1970
  sql_time = 8,  // the same; `digits` of seconds
  row = 9        // fields of its own
};

struct Shape {
  struct Field {
    FieldKind kind = FieldKind::integer;
    std::uint8_t digits = 0;
    std::string key;  // as JSON has it, quoted, with its colon
    std::vector<Field> fields;
  };
  std::vector<Field> fields;
  bool skip_null = false;  // a field of the object that is NULL is left out, not written as null

  std::size_t leaves() const;  // fields, and fields within them: a bit of each row's NULLs
};

void encode_shape(Buffer& to, const Shape& shape);
Result<Shape> decode_shape(Bytes bytes);

// Values in the shape's order, a row before its fields. Everything of a row that is NULL is put as null, too.
class RowWriter {
 public:
  RowWriter(std::string& to, std::size_t leaves) : to_(to), bits_(to.size()) { to.append((leaves + 7) / 8, '\0'); }
  void put_null() {
    to_[bits_ + leaf_ / 8] = static_cast<char>(to_[bits_ + leaf_ / 8] | (1 << (leaf_ % 8)));
    ++leaf_;
  }
  void put_row() { ++leaf_; }
  void put_integer(std::int64_t value);  // boolean, integer and times
  void put_double(double value) {
    to_.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++leaf_;
  }
  void put_real(float value) {
    to_.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++leaf_;
  }
  void put_decimal(Int128 value) {
    to_.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++leaf_;
  }
  void put_text(std::string_view value);

 private:
  void varint(std::uint64_t value);
  std::string& to_;
  std::size_t bits_;
  std::size_t leaf_ = 0;
};
static_assert(std::endian::native == std::endian::little, "rows are written as memory has them");

// The fields without brackets, each with a comma before it unless `to` ends with '{'. False when the bytes are no row
// of this shape: `to` is then as it was.
bool append_row_fields(std::string& to, const Shape& shape, Bytes row);

}  // namespace skerry::codec
