// What is known about a bit: adaptive probabilities, and a mixer that weighs several of them against each other.
//
// Integers only, so that every machine computes the same. Mixing as in PAQ (M. Mahoney, "Adaptive weighing of context
// models for lossless data compression", 2005). Exact rules: docs/format/readings.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace skerry::codec {

// The probability that a bit is one, in 1/2^22, learnt fast at first and slower with every bit seen.
class Bit {
 public:
  std::uint32_t p12() const { return packed_ >> 20; }  // in 1/4,096
  template <unsigned Limit>
  void learn(bool bit) {
    const auto seen = packed_ & 0x3ffU;
    const auto p = static_cast<std::int32_t>(packed_ >> 10);
    const auto target = bit ? (1 << 22) - 1 : 0;
    const auto moved = p + static_cast<std::int32_t>((static_cast<std::int64_t>(target - p) * rate(seen)) / 65536);
    packed_ = (static_cast<std::uint32_t>(moved) << 10) | (seen < Limit ? seen + 1 : Limit);
  }

 private:
  static constexpr std::array<std::uint16_t, 1024> rates() {
    std::array<std::uint16_t, 1024> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::uint16_t>(131072 / (2 * i + 3));
    return made;
  }
  static std::int32_t rate(std::uint32_t seen) {
    static constexpr auto table = rates();
    return table[seen];
  }
  std::uint32_t packed_ = 0x80000000U;  // probability 22 bits, bits seen 10 bits
};

namespace mixing {
// squash(x) = 4096 / (1 + e^(-x/256)), by interpolation between 33 points.
inline constexpr std::array<std::int32_t, 33> squash_points{
    1,    2,    3,    6,    10,   16,   27,   45,   73,   120,  194,  310,  488,  747,  1101, 1546, 2047,
    2549, 2994, 3348, 3607, 3785, 3901, 3975, 4022, 4050, 4068, 4079, 4085, 4089, 4092, 4093, 4094};
inline constexpr std::int32_t squash_at(std::int32_t x) {
  if (x > 2047) x = 2047;
  if (x < -2047) x = -2047;
  const auto at = (x >> 7) + 16;
  const auto part = x & 127;
  return (squash_points[static_cast<std::size_t>(at)] * (128 - part) +
          squash_points[static_cast<std::size_t>(at + 1)] * part + 64) >>
         7;
}
inline constexpr std::array<std::int16_t, 4096> make_squash() {
  std::array<std::int16_t, 4096> made{};
  for (int i = 0; i < 4096; ++i) made[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(squash_at(i - 2048));
  return made;
}
// stretch(p) is the inverse of squash.
inline constexpr std::array<std::int16_t, 4096> make_stretch() {
  std::array<std::int16_t, 4096> made{};
  int next = 0;
  for (int x = -2047; x <= 2047; ++x) {
    const auto v = squash_at(x);
    for (int i = next; i <= v; ++i) made[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(x);
    next = v + 1;
  }
  for (int i = next; i < 4096; ++i) made[static_cast<std::size_t>(i)] = 2047;
  return made;
}
inline constexpr auto squash_table = make_squash();
inline constexpr auto stretch_table = make_stretch();
inline std::int32_t squash(std::int32_t x) {
  if (x > 2047) x = 2047;
  if (x < -2047) x = -2047;
  return squash_table[static_cast<std::size_t>(x + 2048)];
}
inline std::int32_t stretch(std::uint32_t p12) { return stretch_table[p12]; }
}  // namespace mixing

// Weights of N opinions about one kind of bit.
template <std::size_t N>
class Mixer {
 public:
  Mixer() { weights_.fill(static_cast<std::int32_t>(65536 * 12 / (10 * N))); }

  std::int32_t mix(const std::array<std::int32_t, N>& stretched) const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < N; ++i) sum += static_cast<std::int64_t>(weights_[i]) * stretched[i];
    auto p = mixing::squash(static_cast<std::int32_t>(sum >> 16));
    return p < 1 ? 1 : p;
  }
  void learn(const std::array<std::int32_t, N>& stretched, std::int32_t p12, bool bit) {
    const auto wrong = ((bit ? 4096 : 0) - p12) * rate_;
    for (std::size_t i = 0; i < N; ++i) {
      const auto moved = weights_[i] + ((stretched[i] * wrong + 0x8000) >> 16);
      weights_[i] = moved > weight_max ? weight_max : moved < -weight_max ? -weight_max : moved;
    }
    if (rate_ > 6 && (++seen_ & 63) == 0) --rate_;
  }

 private:
  static constexpr std::int32_t weight_max = 1 << 20;
  std::array<std::int32_t, N> weights_;  // 16 bits behind the point
  std::int32_t rate_ = 22;
  std::uint32_t seen_ = 0;
};

// Codes one bit from the opinions of several models, and lets them learn from it.
template <unsigned Limit, typename Io, std::size_t N>
bool code_bit(Io& io, bool value, const std::array<Bit*, N>& models, Mixer<N>& mixer) {
  std::array<std::int32_t, N> stretched;
  for (std::size_t i = 0; i < N; ++i) stretched[i] = mixing::stretch(models[i]->p12());
  const auto p = mixer.mix(stretched);
  value = io.bit(value, static_cast<std::uint32_t>(p) << 4);
  mixer.learn(stretched, p, value);
  for (auto* model : models) model->template learn<Limit>(value);
  return value;
}
template <unsigned Limit, typename Io>
bool code_bit(Io& io, bool value, Bit& model) {
  auto p = model.p12() << 4;
  if (p < 16) p = 16;
  value = io.bit(value, p);
  model.learn<Limit>(value);
  return value;
}

}  // namespace skerry::codec
