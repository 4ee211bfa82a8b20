// Pace: what the way to the cloud takes, how long a frame may be so that another need not wait long behind it, and how
// much may be on the way, so that no queue stands in the network. Without I/O; one thread.
//
// On the way may be what the way holds (rate times the least round trip) and queue_time more, so that it is never
// empty; the system's own congestion control, which fills what buffers there are, then has nothing to fill them with.
//
// Two measures, once a cycle: what TCP delivered (TCP_INFO), and what the cloud acknowledged, which also sees what
// stands in proxies behind the first hop. While more waits than is sent, the smaller of the two is what the way takes;
// what is less than the way takes because there was nothing to send says nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/loop.hpp"
#include "base/time.hpp"
#include "sync/sender.hpp"

namespace skerry::link {

class Pace {
 public:
  void link_gone();
  // `acknowledged`: bytes of frames since the program started. `busy`: something was left to send all through the
  // cycle.
  void on_cycle(const std::optional<PathInfo>& path, std::uint64_t acknowledged, bool busy, Mono now);

  std::uint64_t rate() const { return static_cast<std::uint64_t>(rate_); }  // bytes per second; 0: not known yet
  std::uint64_t frame_bytes() const;
  // That may be on the way; where more is, for how long nothing goes.
  std::uint64_t window_bytes(const PathInfo& path) const;
  std::chrono::nanoseconds wait(const PathInfo& path) const;  // zero: go
  // That the kernel may hold back: see Connection::keep_unsent_below().
  std::uint64_t unsent_bytes() const;

 private:
  struct Acknowledged {
    std::uint64_t bytes;
    Mono at;
  };
  double rate_ = 0;
  std::deque<Acknowledged> acknowledged_;  // of cycles that were busy, without a break
};

}  // namespace skerry::link
