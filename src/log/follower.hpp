// Follower: a reader of the log that keeps state, driven in steps by a thread of edge/ or by the simulation.
//
// Readers never call each other; a result that others need is appended to the log. Positions may be read before they
// are committed; what a follower appends lands in the same or a later batch, so that is safe. What it shows outside
// (an API, a socket) is not: that waits for committed_end().
#pragma once

#include <string_view>

#include "log/log.hpp"

namespace skerry::log {

class Follower {
 public:
  virtual ~Follower() = default;
  virtual std::string_view name() const = 0;
  // Takes one chunk of what it has not seen. True when there may be more at once. Code::busy: the log pushes back, call
  // again after a commit; nothing was taken.
  virtual Result<bool> step() = 0;
  // Saves its state as of a committed position. Fine to call at any time; does nothing when little has changed.
  virtual Result<> checkpoint() = 0;
  virtual Position position() const = 0;  // the next it will read; any thread
};

}  // namespace skerry::log
