// A double as a whole number of steps of a scale, exactly: 21.5 is 215 tenths; and back to the same 64 bits.
#pragma once

#include <cstdint>
#include <optional>

namespace skerry::codec {

// How the whole numbers of a series are to be read.
enum class Form : std::uint8_t {
  decimal,  // whole / 10^digits, rounded to the nearest double, moved by `last_bits` units in the last place
  single,   // the same rounded to the nearest float
  float32,  // the bits of a float, in order of its value
  float64,  // the bits of a double, in order of its value
};
inline constexpr unsigned form_count = 4;
inline constexpr unsigned digits_max = 18;  // behind the point; 10^22 is the last power that a double holds exactly
inline constexpr int last_bits_max = 8;     // what arithmetic on decimals typically leaves behind

struct Scale {
  Form form = Form::decimal;
  std::uint8_t digits = 0;
  bool operator==(const Scale&) const = default;
};

struct Scaled {
  std::int64_t whole = 0;
  int last_bits = 0;
};

// `value` in the steps of `scale`; nothing where that would not give back the same 64 bits.
std::optional<Scaled> scale(double value, Scale by);
// The coarsest scale that holds `value`. Every value has one.
Scale scale_of(double value);
// Any whole number gives some double; what scale() made gives the double it was made from.
double unscale(Scaled scaled, Scale by);

}  // namespace skerry::codec
