// Shapes and rows to bytes, and rows to JSON.
#include "codec/row.hpp"

#include <charconv>
#include <cmath>

#include "base/time.hpp"
#include "codec/json.hpp"
#include "codec/limits.hpp"

namespace skerry::codec {
namespace {

constexpr std::uint8_t format = 1;

std::size_t leaves_of(const std::vector<Shape::Field>& fields) {
  std::size_t count = fields.size();
  for (const auto& field : fields) count += leaves_of(field.fields);
  return count;
}

void encode_fields(Buffer& to, const std::vector<Shape::Field>& fields) {
  append_varint(to, fields.size());
  for (const auto& field : fields) {
    append_byte(to, static_cast<std::uint8_t>(field.kind));
    append_byte(to, field.digits);
    append_counted(to, as_bytes(field.key));
    if (field.kind == FieldKind::row) encode_fields(to, field.fields);
  }
}

bool decode_fields(Reader& from, std::vector<Shape::Field>& fields, int depth) {
  const auto count = from.varint();
  if (depth > shape_depth_max || count > shape_fields_max) return false;
  for (std::uint64_t i = 0; i < count && from.ok(); ++i) {
    auto& field = fields.emplace_back();
    const auto kind = from.byte();
    if (kind > static_cast<std::uint8_t>(FieldKind::row)) return false;
    field.kind = static_cast<FieldKind>(kind);
    field.digits = from.byte();
    if (field.digits > 38) return false;
    field.key = as_text(from.counted());
    if (field.kind == FieldKind::row && !decode_fields(from, field.fields, depth + 1)) return false;
  }
  return from.ok();
}

void append_integer(std::string& to, std::int64_t value) {
  char text[24];
  to.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_real(std::string& to, float value) {
  if (!std::isfinite(value)) {
    to += "null";  // JSON has no word for it
    return;
  }
  char text[32];
  to.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// Reads a row's values along its shape.
class Renderer {
 public:
  Renderer(std::string& to, Bytes bits, Reader& from) : to_(to), bits_(bits), from_(from) {}

  void fields(const std::vector<Shape::Field>& all, bool skip_null) {
    for (const auto& field : all) {
      const bool null = next_null();
      if (null && skip_null) {
        leaf_ += leaves_of(field.fields);
        continue;
      }
      if (to_.back() != '{') to_ += ',';
      to_ += field.key;
      if (null) {
        to_ += "null";
        leaf_ += leaves_of(field.fields);
      } else {
        value(field);
      }
    }
  }

 private:
  bool next_null() {
    const bool null = ((std::to_integer<unsigned>(bits_[leaf_ / 8]) >> (leaf_ % 8)) & 1U) != 0;
    ++leaf_;
    return null;
  }
  std::int64_t integer() { return unzigzag(from_.varint()); }

  void value(const Shape::Field& field) {
    switch (field.kind) {
      case FieldKind::boolean: to_ += integer() != 0 ? "true" : "false"; return;
      case FieldKind::integer: append_integer(to_, integer()); return;
      case FieldKind::real: append_real(to_, std::bit_cast<float>(from_.le<std::uint32_t>())); return;
      case FieldKind::dbl: {
        const auto number = std::bit_cast<double>(from_.le<std::uint64_t>());
        if (std::isfinite(number))
          append_double(to_, number);
        else
          to_ += "null";
        return;
      }
      case FieldKind::decimal: {
        const auto low = from_.le<std::uint64_t>();
        const auto high = from_.le<std::uint64_t>();
        append_decimal(to_, static_cast<Int128>(static_cast<unsigned __int128>(high) << 64 | low), field.digits);
        return;
      }
      case FieldKind::text: append_json_string(to_, as_text(from_.counted())); return;
      case FieldKind::row:
        to_ += '{';
        fields(field.fields, false);
        to_ += '}';
        return;
      default:
        to_ += '"';
        time(field);
        to_ += '"';
    }
  }

  void time(const Shape::Field& field) {
    const auto value = integer();
    if (field.kind == FieldKind::date)
      append_date(to_, value);
    else if (field.kind == FieldKind::rfc3339)
      append_rfc3339(to_, EventTime{std::chrono::milliseconds{value}});
    else
      append_sql_time(to_, value, field.digits);
  }

  std::string& to_;
  Bytes bits_;
  Reader& from_;
  std::size_t leaf_ = 0;
};

}  // namespace

std::size_t Shape::leaves() const { return leaves_of(fields); }

void encode_shape(Buffer& to, const Shape& shape) {
  append_byte(to, format);
  append_byte(to, shape.skip_null ? 1 : 0);
  encode_fields(to, shape.fields);
}

Result<Shape> decode_shape(Bytes bytes) {
  Reader from(bytes);
  Shape shape;
  if (const auto version = from.byte(); version != format)
    return fail(Code::unsupported, "a shape of format " + std::to_string(version));
  shape.skip_null = from.byte() != 0;
  if (!decode_fields(from, shape.fields, 0) || !from.rest().empty())
    return fail(Code::damaged, "bytes that are no shape");
  return shape;
}

void RowWriter::varint(std::uint64_t value) {
  char text[varint_bytes_max];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) text[size++] = static_cast<char>(value | 0x80);
  text[size++] = static_cast<char>(value);
  to_.append(text, size);
}

void RowWriter::put_integer(std::int64_t value) {
  varint(zigzag(value));
  ++leaf_;
}

void RowWriter::put_text(std::string_view value) {
  varint(value.size());
  to_.append(value);
  ++leaf_;
}

bool append_row_fields(std::string& to, const Shape& shape, Bytes row) {
  const auto before = to.size();
  Reader from(row);
  const auto bits = from.take((shape.leaves() + 7) / 8);
  if (from.ok()) Renderer(to, bits, from).fields(shape.fields, shape.skip_null);
  if (from.ok() && from.rest().empty()) return true;
  to.resize(before);
  return false;
}

}  // namespace skerry::codec
