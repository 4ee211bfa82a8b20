// Hybrid logical clock: times that respect cause and effect between machines whose clocks differ.
//
// Kulkarni, Demirbas et al., "Logical Physical Clocks" (2014): wall milliseconds in the upper 48 bits, a counter in the
// lower 16. A remote time more than a minute ahead of our clock is refused (a dead clock battery must not drag the
// whole site into the future) and counted.
#pragma once

#include <compare>
#include <cstdint>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace skerry {

struct Hlc {
  std::uint64_t value = 0;

  auto operator<=>(const Hlc&) const = default;
  EventTime wall() const { return EventTime{std::chrono::milliseconds{static_cast<std::int64_t>(value >> 16)}}; }
};

class HybridClock {
 public:
  static constexpr std::chrono::milliseconds ahead_max{60'000};

  explicit HybridClock(Clock& clock, Hlc floor = {}) : clock_(clock), last_(floor) {}

  Hlc now();                     // for an event of ours: later than every time given out or seen
  Result<Hlc> seen(Hlc remote);  // for an event that came from elsewhere: later than it, too
  Hlc last() const { return last_; }
  std::uint64_t refused() const { return refused_; }

 private:
  Hlc from_wall() const;

  Clock& clock_;
  Hlc last_;
  std::uint64_t refused_ = 0;
};

}  // namespace skerry
