// One value of a series: is it one of the recent ones, or how far is it from the prediction.
#pragma once

#include <bit>
#include <cmath>

#include "codec/range_coder.hpp"
#include "codec/series.hpp"

namespace skerry::codec {

inline constexpr unsigned hit_rate = 120;
inline constexpr std::uint8_t tens_worth = 90;  // of 256

// What all series of one sensor name know together.
struct Kind {
  std::array<Bit, 64 * 3> hit_by_history;
  std::array<Bit, 16 * 15> hit_by_frame;
  std::array<Bit, 4 * 25> first_recent;
  std::array<Bit, recent_values * 16> next_recent;
  NumberModel residual;
  std::array<Bit, 27> sign_by_means;
  std::array<Bit, 9> sign_by_last;
  std::array<Bit, 4 * 8> corrected;
  std::array<Bit, 32> correction;
  std::array<Bit, 64 * 16> zeros;  // by size of the prediction, the last count, and how many so far
  Bit odd;                         // something other than a plain value comes first
  Bit escape;                      // which of them
  std::array<Bit, 64> scale_bits;
  std::int64_t whole = 0;  // of the last value of any series, and
  Scale scale;             // what it is in
  Mixer<3> hit_mixer;
  Mixer<2> sign_mixer;
};

// What came before in the frame.
struct FrameSoFar {
  Outcome last = Outcome::none;
  Outcome before = Outcome::none;
  bool late = false;  // the frame came later than usual
  void add(Outcome o) {
    before = last;
    last = o;
  }
  std::size_t context() const {
    const auto b = before == Outcome::none ? 0U : before <= Outcome::recent ? 1U : 2U;
    return static_cast<std::size_t>(last) * 3 + b;
  }
};

namespace value {

template <typename Io>
std::uint64_t code_raw64(Io& io, std::uint64_t bits) {
  std::uint64_t got = 0;
  for (unsigned shift = 64; shift > 0;) {
    shift -= 16;
    got = (got << 16) | io.raw((bits >> shift) & 0xffffU, 16);
  }
  return got;
}

template <typename Io>
Scale code_scale(Io& io, Scale s, Kind& kind) {
  std::size_t node = 1;
  const unsigned packed = static_cast<unsigned>(s.form) * 32U + s.digits;
  unsigned got = 0;
  for (int i = 6; i >= 0; --i) {
    const bool bit = code_bit<hit_rate>(io, ((packed >> i) & 1U) != 0, kind.scale_bits[node & 63U]);
    node = node * 2 + (bit ? 1 : 0);
    got = got * 2 + (bit ? 1U : 0U);
  }
  const auto digits = static_cast<std::uint8_t>(got % 32 > digits_max ? digits_max : got % 32);
  return {static_cast<Form>(got / 32), digits};
}

template <typename Io>
int code_correction(Io& io, int off, Series& s, Kind& kind) {
  const std::size_t history = s.corrections & 7U;
  auto& flag = kind.corrected[history * 4 + (s.corrections != 0 ? 1U : 0U)];
  const bool any = code_bit<hit_rate>(io, off != 0, flag);
  s.corrections = static_cast<std::uint8_t>((s.corrections << 1) | (any ? 1 : 0));
  if (!any) return 0;
  const bool negative = code_bit<hit_rate>(io, off < 0, kind.correction[0]);
  const int size = std::abs(off);
  int got = 1;
  while (got < last_bits_max && code_bit<hit_rate>(io, size > got, kind.correction[static_cast<std::size_t>(got)]))
    ++got;
  return negative ? -got : got;
}

template <typename Io>
std::size_t code_recent(Io& io, std::size_t at, Series& s, Kind& kind) {
  const auto place = [](std::uint8_t p) { return static_cast<std::size_t>(p > 3 ? 3 : p); };
  const auto context = place(s.place) * 4 + place(s.place_before);
  std::size_t got = 0;
  auto* model = &kind.first_recent[context * 4 + (s.outcome == Outcome::same ? 1U : 0U)];
  while (got + 1 < s.recent_count) {
    if (!code_bit<hit_rate>(io, at > got, *model)) break;
    ++got;
    model = &kind.next_recent[got * 16 + context];
  }
  return got;
}

// Values of so many significant digits end in zeros on the scale of the smallest of them. Asked for only where that
// happens more often than by chance.
inline constexpr std::array<std::int64_t, 4> tens{1, 10, 100, 1000};
inline unsigned zeros_of(std::int64_t whole) {
  unsigned zeros = 0;
  while (zeros < 3 && whole % tens[zeros + 1] == 0) ++zeros;
  return zeros;
}
template <typename Io>
unsigned code_zeros(Io& io, std::int64_t whole, std::int64_t expected, Series& s, Kind& kind) {
  if (s.tens <= tens_worth) return 0;
  unsigned zeros = 0;
  if constexpr (!Io::decoding) zeros = whole == 0 ? s.zeros : zeros_of(whole);
  const auto size = std::bit_width(static_cast<std::uint64_t>(expected < 0 ? ~expected : expected));
  unsigned got = 0;
  while (got < 3 &&
         code_bit<hit_rate>(io, zeros > got, kind.zeros[static_cast<std::size_t>(size) % 64 * 16 + s.zeros * 4U + got]))
    ++got;
  return got;
}

template <typename Io>
std::int64_t code_residual(Io& io, std::int64_t whole, const Prediction& p, Series& s, Kind& kind) {
  const auto step = tens[code_zeros(io, whole, p.value(), s, kind)];
  const auto expected = p.value() / step;
  if (step > 1) whole /= step;
  const auto off = static_cast<std::uint64_t>(whole) - static_cast<std::uint64_t>(expected);
  const bool down = static_cast<std::int64_t>(off) < 0;
  const auto magnitude = code_magnitude(io, down ? 0 - off : off, kind.residual, s.habit);
  bool negative = false;
  if (magnitude != 0) {
    const auto at = p.value();
    const auto side = [&](std::int64_t v) { return v == at ? 0U : v > at ? 1U : 2U; };
    const std::array<Bit*, 2> models{
        &kind.sign_by_means[side(p.values[0]) * 9 + side(p.values[3]) * 3 + side(p.values[4])],
        &kind.sign_by_last[static_cast<std::size_t>(s.habit.last_sign + 1) * 3 + side(p.values[2])]};
    negative = code_bit<hit_rate>(io, down, models, kind.sign_mixer);
    s.habit.last_sign = negative ? -1 : 1;
  }
  const auto got = static_cast<std::uint64_t>(expected) + (negative ? 0 - magnitude : magnitude);
  whole = static_cast<std::int64_t>(got * static_cast<std::uint64_t>(step));
  const auto zeros = whole == 0 ? s.zeros : static_cast<std::uint8_t>(zeros_of(whole));
  s.tens = static_cast<std::uint8_t>(s.tens + (zeros > 0 ? (255 - s.tens) / 16 : -(s.tens / 16)));
  s.zeros = zeros;
  return whole;
}

// A value inside the scale of a series that has begun.
template <typename Io>
Scaled code_scaled(Io& io, Scaled v, Series& s, Kind& kind, FrameSoFar& frame) {
  auto at = Io::decoding ? 0 : find_recent(s, v.whole);
  const std::array<Bit*, 3> models{&kind.hit_by_history[(s.hits & 63U) * 3 + (s.outcome == Outcome::same  ? 1U
                                                                              : s.outcome == Outcome::far ? 2U
                                                                                                          : 0U)],
                                   &kind.hit_by_frame[(frame.late ? 120U : 0U) + (s.hits & 7U) * 15 + frame.context()],
                                   &s.hit_bits[s.hits & 3U]};
  const bool hit = code_bit<hit_rate>(io, at != recent_values, models, kind.hit_mixer);
  const auto p = predict(s);
  auto outcome = Outcome::same;
  if (hit) {
    at = code_recent(io, at, s, kind);
    v.whole = s.recent[at];
    if (at != 0) outcome = Outcome::recent;
    s.place_before = s.place;
    s.place = static_cast<std::uint8_t>(at);
  } else {
    v.whole = code_residual(io, v.whole, p, s, kind);
    outcome = s.habit.last_off > 0 ? Outcome::far : Outcome::near;
    at = recent_values;
  }
  s.hits = static_cast<std::uint8_t>((s.hits << 1) | (hit ? 1 : 0));
  s.outcome = outcome;
  frame.add(outcome);
  learn(s, p, v.whole);
  if (at != 0) move_to_front(s, at, v.whole);
  if (s.scale.form == Form::decimal && s.scale.digits > 0 && v.whole != 0)
    v.last_bits = code_correction(io, v.last_bits, s, kind);
  return v;
}

// What the encoder does with a value that the present scale does not hold, or holds too finely.
struct Plan {
  enum class Way : std::uint8_t { plain, rescale, escape } way = Way::plain;
  Scale scale;
  Scaled scaled;
};
Plan plan(double value, Series& s);

}  // namespace value

// Any double, bit for bit.
template <typename Io>
double code_value(Io& io, double v, Series& s, Kind& kind, FrameSoFar& frame) {
  value::Plan plan;
  if constexpr (!Io::decoding) plan = value::plan(v, s);
  using Way = value::Plan::Way;
  const bool odd = code_bit<hit_rate>(io, plan.way != Way::plain || !s.begun, kind.odd);
  if (odd) {
    if (!code_bit<hit_rate>(io, plan.way != Way::escape, kind.escape)) {
      const bool again = io.bit(std::bit_cast<std::uint64_t>(v) == s.escaped, 1U << (probability_bits - 1));
      if (!again) s.escaped = value::code_raw64(io, std::bit_cast<std::uint64_t>(v));
      frame.add(Outcome::none);
      return std::bit_cast<double>(s.escaped);
    }
    const auto scale = value::code_scale(io, plan.scale, kind);
    if (s.begun) {
      rescale(s, scale);
    } else {
      s.scale = scale;
      begin(s, kind.scale == scale ? kind.whole : 0);
    }
  }
  const auto scaled = value::code_scaled(io, plan.scaled, s, kind, frame);
  kind.whole = scaled.whole;
  kind.scale = s.scale;
  return unscale(scaled, s.scale);
}

}  // namespace skerry::codec
