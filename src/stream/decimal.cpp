// DECIMAL on 128 bits: exact, with 256 bits in between where a product or a quotient needs them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "stream/limits.hpp"
#include "stream/types.hpp"

namespace skerry::stream {
namespace {

constexpr auto powers = [] {
  std::array<Int128, decimal_digits_max + 1> table{};
  table[0] = 1;
  for (std::size_t i = 1; i < table.size(); ++i) table[i] = table[i - 1] * 10;
  return table;
}();

Uint128 magnitude(Int128 v) { return v < 0 ? ~static_cast<Uint128>(v) + 1 : static_cast<Uint128>(v); }

struct Wide {
  Uint128 high = 0;
  Uint128 low = 0;
};

Wide multiply(Uint128 a, Uint128 b) {
  const auto low64 = [](Uint128 v) { return static_cast<Uint128>(static_cast<std::uint64_t>(v)); };
  const Uint128 ll = low64(a) * low64(b);
  const Uint128 lh = low64(a) * (b >> 64);
  const Uint128 hl = (a >> 64) * low64(b);
  const Uint128 hh = (a >> 64) * (b >> 64);
  const Uint128 middle = (ll >> 64) + low64(lh) + low64(hl);
  return {hh + (lh >> 64) + (hl >> 64) + (middle >> 64), (middle << 64) | low64(ll)};
}

// Quotient rounded half away from zero; false when it does not fit. Bit by bit: only reached when 128 bits overflow.
bool divide_rounded(Wide n, Uint128 d, Uint128& out) {
  if (n.high >= d) return false;
  Uint128 rest = n.high;
  Uint128 quotient = 0;
  for (int bit = 127; bit >= 0; --bit) {
    const bool carry = (rest >> 127) != 0;
    rest = (rest << 1) | ((n.low >> bit) & 1);
    quotient <<= 1;
    if (carry || rest >= d) {
      rest -= d;
      quotient |= 1;
    }
  }
  if (rest >= d - rest) ++quotient;
  out = quotient;
  return true;
}

bool signed_result(Uint128 value, bool negative, int precision, Int128& out) {
  if (value >= static_cast<Uint128>(powers[static_cast<std::size_t>(precision)])) return false;
  out = negative ? -static_cast<Int128>(value) : static_cast<Int128>(value);
  return true;
}

}  // namespace

Int128 power_of_ten(int exponent) { return powers[static_cast<std::size_t>(exponent)]; }

bool fits_narrow(Int128 value, int precision) {
  const auto limit = powers[static_cast<std::size_t>(precision)];
  return value < limit && value > -limit;
}

bool rescale(Int128 value, int from_scale, int to_scale, int precision, Int128& out) {
  if (from_scale == to_scale) {
    out = value;
    return fits(value, precision);
  }
  if (to_scale > from_scale) {
    if (to_scale - from_scale > decimal_digits_max) return value == 0 ? (out = 0, true) : false;
    return !__builtin_mul_overflow(value, powers[static_cast<std::size_t>(to_scale - from_scale)], &out) &&
           fits(out, precision);
  }
  if (from_scale - to_scale > decimal_digits_max) return out = 0, true;
  const auto d = static_cast<Uint128>(powers[static_cast<std::size_t>(from_scale - to_scale)]);
  const auto m = magnitude(value);
  auto quotient = m / d;
  const auto rest = m % d;
  if (rest >= d - rest) ++quotient;
  return signed_result(quotient, value < 0, precision, out);
}

bool decimal_multiply_wide(Int128 a, Int128 b, int cut_digits, int precision, Int128& out) {
  if (!__builtin_mul_overflow(a, b, &out)) {
    return cut_digits == 0 ? fits(out, precision) : rescale(out, cut_digits, 0, precision, out);
  }
  if (cut_digits == 0) return false;
  Uint128 quotient = 0;
  return divide_rounded(multiply(magnitude(a), magnitude(b)),
                        static_cast<Uint128>(powers[static_cast<std::size_t>(std::min(cut_digits, 38))]), quotient) &&
         signed_result(quotient, (a < 0) != (b < 0), precision, out);
}

bool decimal_divide(Int128 a, Int128 b, int add_digits, int precision, Int128& out) {
  const int first = std::min(add_digits, decimal_digits_max);
  auto numerator = multiply(magnitude(a), static_cast<Uint128>(powers[static_cast<std::size_t>(first)]));
  for (int i = first; i < add_digits; ++i) {
    const auto low = multiply(numerator.low, 10);
    if (numerator.high > ~Uint128{0} / 16) return false;
    numerator = {numerator.high * 10 + low.high, low.low};
  }
  if (add_digits < 0) return false;
  Uint128 quotient = 0;
  return divide_rounded(numerator, magnitude(b), quotient) &&
         signed_result(quotient, (a < 0) != (b < 0), precision, out);
}

double to_double(Int128 value, int scale) {
  // One rounding only: both parts are exact where the value has at most 53 bits and the power at most 22 digits.
  const bool small = magnitude(value) < (Uint128{1} << 53);
  if (scale == 0) return static_cast<double>(value);
  if (small && scale <= 22) {
    static constexpr double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return static_cast<double>(value) / exact[scale];
  }
  std::string text;
  append_decimal(text, value, scale);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

bool decimal_of_double(double value, int precision, int scale, Int128& out) {
  if (!std::isfinite(value)) return false;
  if (std::abs(value) < 9007199254740992.0 && value == std::trunc(value)) {
    return rescale(static_cast<Int128>(value), 0, scale, precision, out);
  }
  char text[400];
  const auto done = std::to_chars(text, text + sizeof text, value);
  return decimal_of_text({text, static_cast<std::size_t>(done.ptr - text)}, precision, scale, out);
}

bool decimal_of_text(std::string_view text, int precision, int scale, Int128& out) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  Uint128 value = 0;
  int decimals = 0;
  bool point = false;
  bool any = false;
  bool rounded_up = false;
  bool cut = false;  // digits beyond 38 no longer count, but move the point
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (cut || value >= static_cast<Uint128>(powers[37])) {
      if (!cut) rounded_up = c >= '5';
      cut = true;
      if (!point) --decimals;
      continue;
    }
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (point) ++decimals;
  }
  if (!any) return false;
  if (rounded_up) ++value;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return false;
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int exponent = 0;
    const auto done = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (done.ec != std::errc{} || done.ptr != text.data() + text.size()) return false;
    if (exponent > 1000 || exponent < -1000)
      return value == 0 ? (out = 0, true) : (exponent < 0 ? (out = 0, true) : false);
    decimals -= exponent;
  }
  return rescale(negative ? -static_cast<Int128>(value) : static_cast<Int128>(value), decimals, scale, precision, out);
}

}  // namespace skerry::stream
