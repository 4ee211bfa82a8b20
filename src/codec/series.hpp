// One series (one sensor of one device): what the next value is likely to be, as whole numbers of its scale.
//
// Predictors and the cache of recent values; the same on both sides, so every operation is exact or IEEE 754.
#pragma once

#include <array>
#include <cstdint>

#include "codec/bit_model.hpp"
#include "codec/decimal.hpp"
#include "codec/number_model.hpp"

namespace skerry::codec {

inline constexpr std::size_t recent_values = 8;
inline constexpr std::size_t predictor_count = 7;
inline constexpr std::size_t adaptive_inputs = 5;

// A class of outcomes of one value, for those that come next in the frame.
enum class Outcome : std::uint8_t { none, same, recent, near, far };

struct Series {
  std::uint32_t device = 0;
  std::uint32_t sensor = 0;
  std::uint32_t frame = 0;  // the last frame that held it
  bool begun = false;
  Scale scale;
  std::uint64_t escaped = 0;  // bits of the last value outside the scale

  // Newest first; in steps of the scale.
  std::array<std::int64_t, 4> last{};
  std::array<std::int64_t, recent_values> recent{};  // distinct, moved to front
  std::uint8_t recent_count = 0;
  std::int64_t mean8 = 0;  // exponential means, in 1/256 steps
  std::int64_t mean32 = 0;
  std::array<std::uint64_t, predictor_count> error{};  // decayed, in 1/16 steps
  std::array<double, adaptive_inputs> weights{};
  double power = 0;  // of the inputs

  // What happened lately: 1 hit, 0 miss, newest in bit 0; and which of the recent values it was.
  std::uint8_t hits = 0;
  std::uint8_t place = 0, place_before = 0;
  Outcome outcome = Outcome::none;
  NumberHabit habit;
  std::array<Bit, 4> hit_bits;
  std::array<Bit, 2> corrected;
  std::uint8_t corrections = 0;  // as hits
  std::uint8_t tens = 0;         // how often values that are no recent one are multiples of ten, in 1/256
  std::uint8_t zeros = 0;        // decimal zeros at the end of the last such value

  // Encoder only: when to leave a scale.
  std::uint16_t roomy = 0;    // values in a row that a coarser scale would hold
  std::uint16_t misfits = 0;  // decayed count of values outside the scale
};

// Predictions for the next value; `inputs` are kept for learn().
struct Prediction {
  std::array<std::int64_t, predictor_count> values;
  std::array<double, adaptive_inputs> inputs;
  std::size_t best = 0;
  std::int64_t value() const { return values[best]; }
};

Prediction predict(const Series& s);
void learn(Series& s, const Prediction& p, std::int64_t whole);
// The first value, or the first after a change of form.
void begin(Series& s, std::int64_t whole);
// Keeps what was learnt where only the number of digits changes.
void rescale(Series& s, Scale to);
// Where `whole` is among the recent values; recent_values when it is not.
std::size_t find_recent(const Series& s, std::int64_t whole);
void move_to_front(Series& s, std::size_t at, std::int64_t whole);

}  // namespace skerry::codec
