// Guard: who failed too often waits (lock-out with doubling), and which identity shows up at two places. One thread at
// a time; nothing grows beyond limits::guarded_max.
//
// A lock is on a name and an address together, so that a stranger cannot lock a device out from elsewhere, and on an
// address by itself where that is not loopback.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace skerry::identity {

class Guard {
 public:
  // How long it must still wait; zero: it may try.
  std::chrono::seconds locked(std::string_view name, std::string_view address, Mono now) const;
  // True: this failure has locked it.
  bool failed(std::string_view name, std::string_view address, Mono now);
  void succeeded(std::string_view name, std::string_view address);
  // Failures of that address within the window: what makes an address suspicious.
  std::size_t failures(std::string_view address, Mono now) const;

  // Takes one of `per_minute`, which refill evenly and may be used at once. False: none was left. 0: no limit.
  bool take(std::string_view key, unsigned per_minute, Mono now);

  // Another connection took over a session of this identity. True: so often that two places hold its key.
  bool taken_over(std::string_view identity, Mono now);
  bool cloned(std::string_view identity, Mono now) const;

 private:
  struct Record {
    std::deque<Mono> failures;
    Mono locked_until{};
    unsigned locks = 0;
  };
  using Records = std::map<std::string, Record, std::less<>>;
  bool note(Records& records, const std::string& key, Mono now);
  void make_room(Records& records, Mono now);

  Records records_;
  struct Bucket {
    double left = 0;
    Mono at{};
  };
  std::map<std::string, Bucket, std::less<>> buckets_;
  std::map<std::string, std::deque<Mono>, std::less<>> takeovers_;
  std::map<std::string, Mono, std::less<>> clones_;  // flagged until
};

}  // namespace skerry::identity
