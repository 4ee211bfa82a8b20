// Whole numbers whose size is about as before: how many bits around what was usual, a sign, the first bits after the
// leading one.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "codec/bit_model.hpp"

namespace skerry::codec {

inline constexpr unsigned number_rate = 250;  // bits seen until a probability is as slow as it gets

// What one series (or one source of frames) knows of its own numbers.
struct NumberHabit {
  std::int16_t level = -1;  // usual bit length in 1/16; -1: none seen
  std::int8_t last_sign = 0;
  std::int8_t last_off = 0;  // how far the last bit length was from the level, -2 … 2
  std::array<Bit, 16> length;
};

// What all series of a kind know together.
struct NumberModel {
  std::int16_t level = 64;
  std::array<Bit, 16 * 8> length;        // by place around the level and the level's fraction
  std::array<Bit, 16 * 5> length_after;  // by place and last_off
  std::array<Bit, 27 * 3> sign;
  std::array<Bit, 16 * 8> front;  // of the bits after the leading one, by place
  Mixer<3> length_mixer;
  Mixer<2> sign_mixer;
};

namespace number {

// One question of the search for the bit length: is it more (up) or less (down) than `at`?
template <typename Io>
bool more(Io& io, bool value, NumberModel& m, NumberHabit& h, int place, unsigned fraction) {
  const auto p = static_cast<std::size_t>(std::clamp(place + 8, 0, 15));
  const std::array<Bit*, 3> models{&m.length[p * 8 + fraction],
                                   &m.length_after[p * 5 + static_cast<std::size_t>(h.last_off + 2)], &h.length[p]};
  return code_bit<number_rate>(io, value, models, m.length_mixer);
}

}  // namespace number

// Codes `magnitude`, any 64-bit number.
template <typename Io>
std::uint64_t code_magnitude(Io& io, std::uint64_t magnitude, NumberModel& m, NumberHabit& h) {
  if (h.level < 0) h.level = m.level;
  const int usual = h.level >> 4;
  const auto fraction = static_cast<unsigned>(h.level & 15) >> 1;
  int length = Io::decoding ? 0 : static_cast<int>(std::bit_width(magnitude));
  // Places: 8 is "more than usual?", 9 … further up; 7 … further down.
  int at = usual;
  if (number::more(io, length > at, m, h, 0, fraction)) {
    do ++at;
    while (at < 64 && number::more(io, length > at, m, h, at - usual, fraction));
  } else {
    while (at > 0 && !number::more(io, length >= at, m, h, at - 1 - usual, fraction)) --at;
  }
  length = at;
  if (length > 1) {
    const auto place = static_cast<std::size_t>(std::clamp(length - usual + 8, 0, 15));
    const auto modelled = std::min(length - 1, 3);
    std::uint64_t got = 1;
    for (int i = 0; i < modelled; ++i) {
      const bool bit = ((magnitude >> (length - 2 - i)) & 1U) != 0;
      got = (got << 1) | (code_bit<number_rate>(io, bit, m.front[place * 8 + got]) ? 1U : 0U);
    }
    int left = length - 1 - modelled;
    while (left > 0) {
      const auto take = std::min(left, 16);
      left -= take;
      got = (got << take) | io.raw((magnitude >> left) & ((1U << take) - 1), static_cast<unsigned>(take));
    }
    magnitude = got;
  } else {
    magnitude = static_cast<std::uint64_t>(length);
  }
  h.last_off = static_cast<std::int8_t>(std::clamp(length - usual, -2, 2));
  h.level = static_cast<std::int16_t>(h.level + (length * 16 + 8 - h.level) / 16);
  m.level = static_cast<std::int16_t>(m.level + (length * 16 + 8 - m.level) / 16);
  return magnitude;
}

}  // namespace skerry::codec
