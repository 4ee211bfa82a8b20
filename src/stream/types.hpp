// SQL types as Flink has them, and how a value of each is held while it is worked on.
//
// DECIMAL is an exact 128-bit integer with a scale; a result that needs more than 38 digits is NULL. Times are whole
// milliseconds. BOOLEAN, the integers, times and intervals are held as 64-bit integers, FLOAT and DOUBLE as double.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/text.hpp"

namespace skerry::stream {

using codec::append_decimal;
using codec::append_double;
using codec::Int128;
using Uint128 = unsigned __int128;

enum class Kind : std::uint8_t {
  null,
  boolean,
  tinyint,
  smallint,
  integer,
  bigint,
  real,
  dbl,
  decimal,
  string,
  date,
  timestamp,
  timestamp_ltz,
  interval,
  interval_months,
  row
};

// How a value is held.
enum class Held : std::uint8_t { i64, f64, i128, text, row };

struct Field;

struct Type {
  Kind kind = Kind::null;
  int precision = 0;          // DECIMAL: digits; timestamps: digits of seconds
  int scale = 0;              // DECIMAL
  std::vector<Field> fields;  // ROW

  Held held() const;
  std::string text() const;  // as SQL writes it
  bool is_integer() const { return kind >= Kind::tinyint && kind <= Kind::bigint; }
  bool is_approximate() const { return kind == Kind::real || kind == Kind::dbl; }
  bool is_numeric() const { return kind >= Kind::tinyint && kind <= Kind::decimal; }
  bool is_time() const { return kind == Kind::timestamp || kind == Kind::timestamp_ltz || kind == Kind::date; }
};

struct Field {
  std::string name;
  Type type;
};

inline Type type_of(Kind kind) {
  return Type{kind, kind == Kind::timestamp || kind == Kind::timestamp_ltz ? 3 : 0, 0, {}};
}
inline Type decimal_type(int precision, int scale) { return Type{Kind::decimal, precision, scale, {}}; }

Type as_decimal(const Type& type);  // of an integer type: DECIMAL of as many digits
// What CASE, COALESCE, UNION ALL and comparisons bring both to; nothing when there is no such type.
std::optional<Type> common_type(const Type& a, const Type& b);
// Of + - * / %; nothing when the operands cannot be combined so.
std::optional<Type> arithmetic_type(char op, const Type& a, const Type& b);

// ---- 128 bits ----
Int128 power_of_ten(int exponent);  // 0..38
// False when the result has more than `precision` digits. Rounds half away from zero where digits are cut.
bool rescale(Int128 value, int from_scale, int to_scale, int precision, Int128& out);
inline constexpr Int128 beyond_38_digits =
    static_cast<Int128>(10'000'000'000'000'000'000ULL) * 10'000'000'000'000'000'000ULL;
bool fits_narrow(Int128 value, int precision);
inline bool fits(Int128 value, int precision) {
  return precision == 38 ? value < beyond_38_digits && value > -beyond_38_digits : fits_narrow(value, precision);
}
bool decimal_multiply_wide(Int128 a, Int128 b, int cut_digits, int precision, Int128& out);
// a * b of 38 digits at most.
inline bool decimal_multiply(Int128 a, Int128 b, Int128& out) {
  if (a == static_cast<std::int64_t>(a) && b == static_cast<std::int64_t>(b)) {  // 126 bits are less than 38 digits
    out = static_cast<Int128>(static_cast<std::int64_t>(a)) * static_cast<std::int64_t>(b);
    return true;
  }
  return !__builtin_mul_overflow(a, b, &out) && fits(out, 38);
}
// a * b / 10^cut
inline bool decimal_multiply(Int128 a, Int128 b, int cut_digits, int precision, Int128& out) {
  if (cut_digits == 0 && precision == 38) return decimal_multiply(a, b, out);
  return decimal_multiply_wide(a, b, cut_digits, precision, out);
}
bool decimal_divide(Int128 a, Int128 b, int add_digits, int precision, Int128& out);  // a * 10^add / b; b != 0
double to_double(Int128 value, int scale);
bool decimal_of_double(double value, int precision, int scale, Int128& out);  // of the shortest text, half up
bool decimal_of_text(std::string_view text, int precision, int scale, Int128& out);

}  // namespace skerry::stream
