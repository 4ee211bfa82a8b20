// When a frame was: relative to its source's own period, on the grid of the clock that stamped it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "codec/number_model.hpp"

namespace skerry::codec {

// Clocks tick coarser than they print: time = floor(tick * ms / parts). Coarsest first.
struct Grid {
  std::int64_t ms;
  std::int64_t parts;
};
inline constexpr std::array<Grid, 14> grids{{{60'000, 1},
                                             {1'000, 1},
                                             {500, 1},
                                             {250, 1},
                                             {125, 1},
                                             {100, 1},
                                             {125, 2},
                                             {125, 4},
                                             {10, 1},
                                             {125, 8},
                                             {125, 16},
                                             {125, 32},
                                             {125, 64},
                                             {1, 1}}};
inline constexpr std::size_t finest_grid = grids.size() - 1;
inline constexpr std::int64_t grid_time_max = std::int64_t{1} << 52;  // beyond it a tick is a millisecond

struct TimeHabit {
  std::int64_t last = 0;
  std::int64_t period = 0;     // 0: not known yet
  std::int64_t candidate = 0;  // a period seen once
  std::uint8_t hits = 0;       // 1: as predicted, newest in bit 0
  NumberHabit habit;
};

struct TimeModel {
  std::size_t grid = finest_grid;
  std::uint32_t fitting = (1U << grids.size()) - 1;  // grids that all frames since were on
  std::uint32_t frames = 0;
  std::int64_t now = 0;  // of the frame before
  Bit on_grid;
  std::array<Bit, 16 * 6> predicted;
  std::array<Bit, 16> as_before;
  std::array<Bit, 9 * 4> sign;
  NumberModel residual;
};

namespace time {

inline std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
}
inline std::int64_t of_tick(std::int64_t tick, const Grid& g) { return floor_div(tick * g.ms, g.parts); }
// The last tick that is not after `t`... exactly `t` where `t` is on the grid.
inline std::int64_t tick_of(std::int64_t t, const Grid& g) { return -floor_div(-(t * g.parts), g.ms); }
inline bool in_reach(std::int64_t t) { return t < grid_time_max && t > -grid_time_max; }
inline bool on(std::int64_t t, const Grid& g) { return in_reach(t) && of_tick(tick_of(t, g), g) == t; }

// From `a` to `b`, modulo 2^64.
inline std::int64_t apart(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a));
}

// When the next frame of the source is due, moved on by whole periods that passed without one.
inline std::int64_t due(const TimeHabit& h, std::int64_t now) {
  const auto next =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(h.last) + static_cast<std::uint64_t>(h.period));
  if (h.period <= 0 || !in_reach(now) || !in_reach(next) || next + h.period / 2 >= now) return next;
  return next + (now - next + h.period / 2) / h.period * h.period;
}

inline void learn(TimeHabit& h, std::int64_t t) {
  const auto gap = apart(h.last, t);
  h.last = t;
  if (!in_reach(gap) || gap < 0) return;
  const auto off = gap - h.period;
  const auto near = h.period / 8;
  if (h.period != 0 && off <= near && off >= -near) return;  // jitter, not another period
  const auto wobble = h.candidate / 8;
  if (h.period == 0 || (gap - h.candidate <= wobble && gap - h.candidate >= -wobble)) h.period = gap;
  h.candidate = gap;
}

inline void learn(TimeModel& m, std::int64_t t) {
  m.now = t;
  if (m.grid != finest_grid) {
    if (!on(t, grids[m.grid])) {
      m.grid = finest_grid;
      m.frames = 0;
      m.fitting = (1U << grids.size()) - 1;
    }
    return;
  }
  if (m.frames++ > 4096) {
    m.frames = 0;
    m.fitting = (1U << grids.size()) - 1;
  }
  if (m.fitting == 1U << finest_grid) return;
  for (std::size_t i = 0; i < finest_grid; ++i)
    if ((m.fitting >> i & 1U) != 0 && !on(t, grids[i])) m.fitting &= ~(1U << i);
  if (m.frames >= 16) m.grid = static_cast<std::size_t>(std::countr_zero(m.fitting));
}

}  // namespace time

template <typename Io>
std::int64_t code_time(Io& io, std::int64_t t, TimeHabit& h, TimeModel& m) {
  const auto expected = time::due(h, m.now);
  const auto side = expected == m.now ? 0U : expected > m.now ? 1U : 2U;
  const bool hit = code_bit<number_rate>(io, t == expected, m.predicted[(h.hits & 15U) * 6 + side]);
  if (hit) {
    t = expected;
  } else {
    const bool before = side != 0 && code_bit<number_rate>(io, t == m.now, m.as_before[(h.hits & 3U) * 3 + side]);
    if (before) {
      t = m.now;
    } else {
      auto g = m.grid;
      if (g != finest_grid &&
          !(time::in_reach(expected) && code_bit<number_rate>(io, time::on(t, grids[g]), m.on_grid))) {
        g = finest_grid;
      }
      const auto base = g != finest_grid ? time::tick_of(expected, grids[g]) : expected;
      const auto tick = g != finest_grid ? time::tick_of(t, grids[g]) : t;
      const auto off = static_cast<std::uint64_t>(tick) - static_cast<std::uint64_t>(base);
      const bool down = static_cast<std::int64_t>(off) < 0;
      const auto recent = static_cast<std::size_t>(h.habit.last_sign + 1);
      const bool negative = code_bit<number_rate>(io, down, m.sign[(side * 3 + recent) * 4 + (h.hits & 3U)]);
      h.habit.last_sign = negative ? -1 : 1;
      const auto magnitude = code_magnitude(io, down ? 0 - off : off, m.residual, h.habit);
      auto got = static_cast<std::int64_t>(static_cast<std::uint64_t>(base) + (negative ? 0 - magnitude : magnitude));
      if (g != finest_grid)
        got = time::in_reach(got) && got < grid_time_max / 60'000 * 1024 ? time::of_tick(got, grids[g]) : 0;
      t = got;
    }
  }
  h.hits = static_cast<std::uint8_t>((h.hits << 1) | (hit ? 1 : 0));
  time::learn(h, t);
  time::learn(m, t);
  return t;
}

}  // namespace skerry::codec
