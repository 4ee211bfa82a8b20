// The system's clocks, and the wall clock that does not go back.
#include "base/clock.hpp"

#include <sys/timex.h>

#include <algorithm>

namespace skerry {
namespace {

class SystemClock final : public Clock {
 public:
  Wall wall() override { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }
  Mono mono() override { return Mono{std::chrono::steady_clock::now().time_since_epoch()}; }
  bool synchronised() override {  // as whoever disciplines the clock has told the kernel (adjtimex(2))
    timex state{};
    const int got = ::adjtimex(&state);
    return got >= 0 && got != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

Wall SteadyWall::now() {
  const Wall wall = clock_.wall();
  const Mono mono = clock_.mono();
  if (seen_) {
    const auto drift = (wall - last_seen_) - std::chrono::floor<std::chrono::microseconds>(mono - last_mono_);
    if (drift > std::chrono::minutes{1} || drift < -std::chrono::minutes{1}) ++jumps_;
  }
  seen_ = true;
  last_seen_ = wall;
  last_mono_ = mono;
  last_ = std::max(last_, wall);
  return last_;
}

}  // namespace skerry
