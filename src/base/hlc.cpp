// The two rules of a hybrid logical clock.
#include "base/hlc.hpp"

#include <algorithm>

namespace skerry {

Hlc HybridClock::from_wall() const {
  const auto ms = to_event(clock_.wall()).time_since_epoch().count();
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) << 16};
}

Hlc HybridClock::now() {
  // A counter that runs over carries into the milliseconds, which keeps the order.
  last_ = std::max(from_wall(), Hlc{last_.value + 1});
  return last_;
}

Result<Hlc> HybridClock::seen(Hlc remote) {
  const auto ahead = remote.wall() - to_event(clock_.wall());
  if (ahead > ahead_max) {
    ++refused_;
    return fail(Code::invalid, "a time " + std::to_string(ahead.count()) + " ms ahead of this clock; at most " +
                                   std::to_string(ahead_max.count()) + " are believed");
  }
  last_ = std::max(from_wall(), Hlc{std::max(last_, remote).value + 1});
  return last_;
}

}  // namespace skerry
