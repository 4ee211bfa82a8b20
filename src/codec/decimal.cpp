// Doubles as scaled whole numbers. Every step is one IEEE 754 operation, so that all machines agree.
#include "codec/decimal.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace skerry::codec {
namespace {

constexpr std::array<double, 23> powers{1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr double whole_max = 2251799813685248.0;  // 2^51
// Added and taken off again it rounds what is below 2^51 to the nearest whole number, ties to even.
constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52

// Floating-point bits as integers that are in order of the values, negative ones downwards.
template <typename To, typename From>
To ordered(From value) {
  const auto bits = std::bit_cast<To>(value);
  return bits < 0 ? static_cast<To>(std::numeric_limits<To>::max() ^ bits) : bits;
}
template <typename To, typename From>
To from_ordered(From bits) {
  return std::bit_cast<To>(bits < 0 ? static_cast<From>(std::numeric_limits<From>::max() ^ bits) : bits);
}

bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

std::optional<Scaled> decimal(double value, unsigned digits) {
  const auto steps = value * powers[digits];
  if (!(std::fabs(steps) < whole_max)) return {};  // also what is not a number
  const auto whole = static_cast<std::int64_t>((steps + rounder) - rounder);
  const auto near = static_cast<double>(whole) / powers[digits];
  const auto off = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(value) - std::bit_cast<std::uint64_t>(near));
  if (off == 0) return Scaled{whole, 0};
  if (whole == 0 || off < -last_bits_max || off > last_bits_max) return {};
  return Scaled{whole, static_cast<int>(off)};
}

std::optional<Scaled> single(double value, unsigned digits) {
  const auto steps = value * powers[digits];
  if (!(std::fabs(steps) < whole_max)) return {};
  const auto whole = static_cast<std::int64_t>((steps + rounder) - rounder);
  if (!same(unscale({whole, 0}, {Form::single, static_cast<std::uint8_t>(digits)}), value)) return {};
  return Scaled{whole, 0};
}

}  // namespace

std::optional<Scaled> scale(double value, Scale by) {
  switch (by.form) {
    case Form::decimal: return decimal(value, by.digits);
    case Form::single: return single(value, by.digits);
    case Form::float32: {
      if (std::fabs(value) > std::numeric_limits<float>::max() && !std::isinf(value)) return {};
      const auto narrow = static_cast<float>(value);
      if (!same(static_cast<double>(narrow), value)) return {};
      return Scaled{ordered<std::int32_t>(narrow), 0};
    }
    case Form::float64: return Scaled{ordered<std::int64_t>(value), 0};
  }
  return {};
}

Scale scale_of(double value) {
  if (!std::isfinite(value) || same(value, -0.0)) return {Form::float64, 0};
  constexpr std::int64_t short_max = 10'000'000'000;        // ten digits are somebody's decimals
  constexpr std::int64_t long_max = 1'000'000'000'000'000;  // fifteen still may be; more is arithmetic
  std::optional<Scale> found;
  for (std::uint8_t digits = 0; digits <= digits_max; ++digits) {
    const auto got = decimal(value, digits);
    if (!got) continue;
    const auto size = got->whole < 0 ? -got->whole : got->whole;
    if (size <= short_max) return Scale{Form::decimal, digits};
    if ((size <= long_max && got->last_bits == 0) || digits == 0) found = Scale{Form::decimal, digits};
    break;
  }
  if (scale(value, {Form::float32, 0})) {
    for (std::uint8_t digits = 0; digits <= 9; ++digits) {
      const auto got = single(value, digits);
      if (got && got->whole < 50'000'000 && got->whole > -50'000'000) return Scale{Form::single, digits};
    }
    if (!found) return Scale{Form::float32, 0};
  }
  return found.value_or(Scale{Form::float64, 0});
}

double unscale(Scaled scaled, Scale by) {
  switch (by.form) {
    case Form::decimal: {
      const auto near = static_cast<double>(scaled.whole) / powers[by.digits];
      if (scaled.last_bits == 0) return near;
      return std::bit_cast<double>(std::bit_cast<std::uint64_t>(near) + static_cast<std::uint64_t>(scaled.last_bits));
    }
    case Form::single:
      return static_cast<double>(static_cast<float>(static_cast<double>(scaled.whole) / powers[by.digits]));
    case Form::float32: return static_cast<double>(from_ordered<float>(static_cast<std::int32_t>(scaled.whole)));
    case Form::float64: return from_ordered<double>(scaled.whole);
  }
  return 0;
}

}  // namespace skerry::codec
