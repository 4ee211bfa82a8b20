// Clock: the seam for time. The program reads no other clock, so the simulation can hand in its own.
#pragma once

#include "base/time.hpp"

namespace skerry {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Wall wall() = 0;  // may jump either way: see SteadyWall
  virtual Mono mono() = 0;  // never goes back
  // Something better than the machine's own battery keeps wall() right: NTP, PTP, GPS.
  virtual bool synchronised() { return false; }
};

Clock& system_clock();

// Wall time that never goes backwards inside the program, however the system's clock is set. A step back is held (time
// stands still until the clock has caught up) and a step of more than a minute either way is counted as a jump.
// One thread at a time.
class SteadyWall {
 public:
  explicit SteadyWall(Clock& clock, Wall floor = {}) : clock_(clock), last_(floor) {}

  Wall now();
  std::uint64_t jumps() const { return jumps_; }

 private:
  Clock& clock_;
  Wall last_;
  Wall last_seen_{};
  Mono last_mono_{};
  bool seen_ = false;
  std::uint64_t jumps_ = 0;
};

}  // namespace skerry
