// Failover: which of several ways to the cloud is used. Without I/O; one thread.
//
// Ways stand in order: the least priority first, among equals the least cost. The best that works is used. When the one
// in use fails, the others are tried at once, in order; when all have failed, all are tried again after a pause that
// doubles. While another than the best is used, better ones are looked at, each every back_every: one that has proven
// itself is gone over to, and only then is the other let go. A way that is lost again soon after it came into use
// (flap_within) is looked at half as often, up to back_every_max, until it has once lasted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/chance.hpp"
#include "base/time.hpp"
#include "link/limits.hpp"

namespace skerry::link {

struct WayRank {
  std::int64_t priority = 0;
  double cost = 0;
};

class Failover {
 public:
  struct Options {
    std::vector<WayRank> ways;  // at least one
    std::chrono::milliseconds retry_min = link::retry_min;
    std::chrono::milliseconds retry_max = link::retry_max;
    std::chrono::milliseconds back_every{60'000};
  };
  Failover(Options options, Chance& chance);

  // The way to try now, or when to ask again. Nothing while one is in use or being tried.
  struct Next {
    std::optional<std::size_t> way;
    Mono at{};
  };
  Next next(Mono now);
  // A better way to look at beside the one in use, when it is time for one. Only one at a time: ask again when it has
  // been gone over to, or was looked at in vain.
  std::optional<std::size_t> look(Mono now);

  void tried();                                          // next() was followed
  void up(std::size_t way, Mono now);                    // its canary came back
  void failed(std::size_t way, Mono now);                // it could not be reached, or was lost
  void hold(std::chrono::milliseconds pause, Mono now);  // the cloud wants to be left alone: no way is tried before

  void no_pause();  // from the best on, now

  std::optional<std::size_t> in_use() const { return in_use_; }
  const std::vector<std::size_t>& order() const { return order_; }  // of the ways, the best first

 private:
  struct Looks {
    std::chrono::milliseconds every;
    Mono at{};
  };
  std::size_t place_of(std::size_t way) const;  // in order_

  Options options_;
  Chance& chance_;
  std::vector<std::size_t> order_;
  std::vector<Looks> looks_;  // of each way
  std::size_t at_ = 0;        // in order_: what next() gives
  bool trying_ = false;
  std::optional<std::size_t> in_use_;
  Mono used_since_{};
  std::chrono::milliseconds pause_;
  Mono not_before_{};
};

}  // namespace skerry::link
