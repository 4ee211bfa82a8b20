// Queues: which of what waits goes next on a link that is too small for all of it. Without I/O; one thread.
//
// Four queues, one for each class, are windows on the log: what is committed and not yet given to the link. Each has a
// size, a share of the link and a time to live. While several wait, each has its share in bytes, by deficit round robin
// (Shreedhar and Varghese 1995, with frames whose size is known only afterwards: a deficit may go below zero); what one
// does not use goes to the others in proportion. `critical` goes first as long as it is within its share: more than
// that waits like any other. A class's share is that of both its lanes. Live goes before backlog, which has 1/8 of the
// bytes when live alone would fill the link.
//
// Every `cycle` accounts() says what does not stay in its window: it is too old, or there is more than the queue holds.
// What is too much of `critical` first takes the places of the lowest class that waits. What leaves a window goes back
// to the backlog, or is dropped (a declared gap) where the class says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "sync/sync.hpp"

namespace skerry::sync {

struct QueueOptions {
  std::uint64_t size = 1'000;  // messages
  double share = 0.25;         // of the link; the four are taken in proportion
  std::chrono::milliseconds ttl{30'000};
  bool drop_late = false;  // what leaves the window is declared gone instead of being sent later
};

struct QueuesOptions {
  PerClass<QueueOptions> classes{{{100, 0.3, std::chrono::milliseconds{30'000}, false},
                                  {500, 0.4, std::chrono::milliseconds{30'000}, false},
                                  {1'000, 0.2, std::chrono::milliseconds{30'000}, false},
                                  {2'000, 0.1, std::chrono::milliseconds{30'000}, false}}};
  std::chrono::milliseconds cycle{100};
  std::uint64_t bandwidth = 0;  // bytes per second that may be used; 0: what the link takes
  double mild_above = 0.5;      // mean of the last `samples` fill ratios
  double mild_bandwidth = 0.8;  // of `bandwidth`
  double severe_above = 0.8;
  double severe_bandwidth = 0.6;
  std::size_t samples = 100;
};

enum class Congestion : std::uint8_t { none, mild, severe };
std::string_view name(Congestion congestion);

struct Choice {
  Lane lane = Lane::live;
  Class cls = Class::critical;
  bool operator==(const Choice&) const = default;
};

// Of one class, since the program started, but for what waits.
struct QueueStatus {
  std::uint64_t waiting = 0;  // messages in the window
  std::uint64_t backlog = 0;  // and outside it
  std::chrono::milliseconds oldest{};
  std::uint64_t sent = 0;        // messages
  std::uint64_t sent_bytes = 0;  // of frames
  std::uint64_t displaced = 0;   // there were too many
  std::uint64_t expired = 0;     // there was too little time
  std::uint64_t dropped = 0;     // of both, those that were declared gone
  double share = 0;              // of the bytes of the last ten seconds; 0 when nothing was sent
};

class Queues {
 public:
  explicit Queues(const QueuesOptions& options);

  const QueuesOptions& options() const { return options_; }

  // ---- how old things are ----
  // The log ends here now. Its messages count as new when they are first seen.
  void see(const PerClass<std::uint64_t>& ends, Mono now);
  // How long this message, or the first behind it, has been there; zero for what is not there yet.
  std::chrono::nanoseconds age(Class cls, std::uint64_t offset, Mono now) const;

  // ---- what goes next ----
  struct Due {
    PerClass<bool> live{};
    PerClass<bool> backlog{};
  };
  // `frame_bytes`: about how long a frame is; a round gives the four about ten of them.
  std::optional<Choice> next(const Due& due, std::uint64_t frame_bytes);
  void sent(const Choice& choice, std::uint64_t records, std::uint64_t frame_bytes, Mono now);
  // With a configured bandwidth: nothing may leave before. Now, or a time to come.
  Mono may_send_at(Mono now);

  // ---- the account ----
  struct Leave {
    std::uint64_t to = 0;  // messages before this one leave the window
    bool expired = false;  // else displaced
  };
  // Of each class's window [from, end), once a cycle. `stretches`: open ones; each time more must wait before something
  // leaves, because a stretch is what leaving costs.
  struct Window {
    std::uint64_t from = 0;
    std::uint64_t end = 0;
    std::size_t stretches = 1;
    bool can_leave = true;
  };
  bool cycle_due(Mono now) const { return now >= cycle_at_; }
  PerClass<std::optional<Leave>> account(const PerClass<Window>& windows, Mono now);
  void left(Class cls, std::uint64_t records, bool expired, bool dropped);
  void link_gone();  // rounds begin anew

  Congestion congestion() const;
  double fill() const;                                                // mean of the last samples
  std::uint64_t budget() const;                                       // bytes per second that may be used now; 0: any
  QueueStatus status(Class cls, std::uint64_t from, Mono now) const;  // `waiting` and `backlog` are the caller's

 private:
  struct Round {
    PerClass<double> deficit{};
    std::size_t at = 0;
    bool fresh = true;
  };
  struct Seen {  // messages before `end` were there at `at`
    std::uint64_t end = 0;
    Mono at;
  };
  Class next(const PerClass<bool>& due, const PerClass<bool>& waiting, double quantum);
  void enter(std::size_t c, bool waiting, double quantum);
  PerClass<std::uint64_t> room(const PerClass<Window>& windows) const;
  std::optional<Leave> leaves(std::size_t c, const Window& window, std::uint64_t size, Mono now);

  QueuesOptions options_;
  double shares_ = 1;
  PerClass<std::deque<Seen>> seen_;
  Round round_;  // of both lanes: what a class sends of its backlog is of its share
  double backlog_credit_ = 0;
  double tokens_ = 0;  // bytes; below zero: more was sent than there were
  Mono tokens_at_{};
  Mono cycle_at_{};
  std::deque<double> fills_;
  double fill_sum_ = 0;
  PerClass<bool> over_{};  // at the account before
  PerClass<QueueStatus> counts_{};
  PerClass<std::uint64_t> sent_this_cycle_{};
  std::deque<PerClass<std::uint64_t>> sent_in_cycles_;  // of ten seconds
};

// What a frame takes on the wire: WebSocket, TLS, TCP, IP and Ethernet headers counted.
std::uint64_t wire_bytes(std::uint64_t frame_bytes);

}  // namespace skerry::sync
