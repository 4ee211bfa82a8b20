// Rows give the JSON of their values, whatever kind, and nothing for bytes that are none.
#include "codec/row.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace skerry::codec {
namespace {

Shape::Field field(const std::string& name, FieldKind kind, std::uint8_t digits = 0,
                   std::vector<Shape::Field> fields = {}) {
  return {kind, digits, '"' + name + "\":", std::move(fields)};
}

Shape every_kind() {
  return {{field("b", FieldKind::boolean), field("i", FieldKind::integer), field("r", FieldKind::real),
           field("d", FieldKind::dbl), field("m", FieldKind::decimal, 3), field("t", FieldKind::text),
           field("day", FieldKind::date), field("at", FieldKind::rfc3339), field("sql", FieldKind::sql_time, 6),
           field("row", FieldKind::row, 0,
                 {field("x", FieldKind::dbl), field("inner", FieldKind::row, 0, {field("y", FieldKind::text)})})},
          false};
}

std::string one_row(const Shape& shape) {
  std::string row;
  RowWriter to(row, shape.leaves());
  to.put_integer(1);
  to.put_integer(-42);
  to.put_real(0.1F);
  to.put_double(1e5);
  to.put_decimal(-static_cast<Int128>(1234567));
  to.put_text("a\"ü");
  to.put_integer(20'454);
  to.put_integer(1'767'225'600'123);
  to.put_integer(-1);
  to.put_row();
  to.put_double(21.25);
  to.put_row();
  to.put_text("");
  return row;
}

std::string json(const Shape& shape, std::string_view row) {
  std::string to = "{";
  EXPECT_TRUE(append_row_fields(to, shape, as_bytes(row)));
  return to + "}";
}

TEST(Row, EveryKindAsJson) {
  const auto shape = every_kind();
  EXPECT_EQ(
      json(shape, one_row(shape)),
      R"({"b":true,"i":-42,"r":0.1,"d":100000,"m":-1234.567,"t":"a\"ü","day":"2026-01-01",)"
      R"("at":"2026-01-01T00:00:00.123Z","sql":"1969-12-31 23:59:59.999000","row":{"x":21.25,"inner":{"y":""}}})");
}

TEST(Row, NullsAreWrittenOrLeftOut) {
  auto shape = every_kind();
  std::string row;
  RowWriter to(row, shape.leaves());
  to.put_null();
  to.put_integer(7);
  for (int i = 0; i < 7; ++i) to.put_null();
  to.put_row();
  to.put_double(NAN);  // JSON has no word for it
  for (int i = 0; i < 2; ++i) to.put_null();
  EXPECT_EQ(row.size(), 2 + 1 + 8U);
  EXPECT_EQ(json(shape, row), R"({"b":null,"i":7,"r":null,"d":null,"m":null,"t":null,"day":null,"at":null,"sql":null,)"
                              R"("row":{"x":null,"inner":null}})");
  shape.skip_null = true;
  EXPECT_EQ(json(shape, row), R"({"i":7,"row":{"x":null,"inner":null}})");
}

TEST(Row, AShapeComesBackAndItsBytesNeverChange) {
  const auto shape = every_kind();
  Buffer bytes;
  encode_shape(bytes, shape);
  const auto again = decode_shape(bytes);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(json(*again, one_row(shape)), json(shape, one_row(shape)));
  // Version 1 of docs/format/row.md: one field "n" of DOUBLE, and its row 0.5.
  const std::string golden("\x01\x00\x01\x03\x00\x04\"n\":", 10);
  const auto old = decode_shape(as_bytes(golden));
  ASSERT_TRUE(old) << old.error().text();
  EXPECT_EQ(json(*old, std::string_view("\x00\x00\x00\x00\x00\x00\x00\xe0\x3f", 9)), R"({"n":0.5})");
}

TEST(Row, CutOrForeignBytesGiveNothing) {
  const auto shape = every_kind();
  const auto row = one_row(shape);
  for (std::size_t size = 0; size < row.size(); ++size) {
    std::string to = "before{";
    EXPECT_FALSE(append_row_fields(to, shape, as_bytes(row).first(size))) << size;
    EXPECT_EQ(to, "before{");
  }
  std::string to = "{";
  EXPECT_FALSE(append_row_fields(to, shape, as_bytes(row + "x")));
  Buffer bytes;
  encode_shape(bytes, shape);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_shape(Bytes(bytes).first(size))) << size;
  bytes[0] = std::byte{2};
  EXPECT_EQ(decode_shape(bytes).error().code, Code::unsupported);
}

}  // namespace
}  // namespace skerry::codec
