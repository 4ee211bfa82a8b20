// Sender: the gateway's side of the sync protocol, one for the life of the program, over one link after the other.
//
// Order of calls: on_open() when a link is there, then on_frame() for each frame and pump() when the log has grown, the
// link has drained or time has passed; on_closed() when the link is gone. What is in Out leaves in order; when
// Out::close is set the link is to be closed after it. A Sender is never wrong about what the cloud has: it is told at
// each WELCOME, so losing everything it knows costs nothing but repetition.
// The gateway may delete a class up to acked(cls).prefix_end() and no further. docs/protocol.md
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "record/record.hpp"
#include "sync/frames.hpp"
#include "sync/queues.hpp"
#include "sync/sync.hpp"

namespace skerry::sync {

// Some records of one class with consecutive offsets from where was asked, or word that some are gone.
struct Slice {
  std::shared_ptr<const void> owner;  // of what the records view
  std::vector<record::RecordView> records;
  std::uint64_t gone = 0;  // so many offsets are gone; `records` is then empty
  Reason reason = Reason::damage;
};

// What the gateway has: committed records only. A seam: the log, or a simulation.
class Source {
 public:
  virtual ~Source() = default;
  virtual PerClass<std::uint64_t> ends() = 0;
  // [from, to) is not empty and lies below ends(). About `bytes_max`, at least one record or a stretch that is gone.
  virtual Result<Slice> read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t bytes_max) = 0;
  // Of the record at `offset`, as it was sent by an earlier run; nothing when it is gone.
  virtual Result<std::optional<std::uint64_t>> proof(Class cls, std::uint64_t offset);
};

// What a gateway should remember over restarts, saved now and then and when Out::save says so. Losing it costs
// repetition, or, where the newest that the cloud has is gone here meanwhile, a refusal that somebody must look at.
struct Memory {
  PerClass<Intervals> acked;                              // with what their ends were
  PerClass<std::map<std::uint64_t, std::uint64_t>> sent;  // end of a batch or gap on the way -> its fingerprint
};

// Where items of the cloud go. A seam: the gateway's commands, or a simulation.
class Inbox {
 public:
  struct Taking {
    Took took = Took::taken;
    std::string why;
    record::Position end;  // the answer leaves when committed_end() >= end
  };
  virtual ~Inbox() = default;
  // The same item may come any number of times, and is taken once. An error: it cannot be said now, ask again.
  virtual Result<Taking> take(const Item& item) = 0;
  virtual record::Position committed_end() = 0;
};

struct SenderOptions {
  std::string gateway;
  std::string software;
  std::uint64_t epoch = 0;
  record::ClassMask classes = record::all_classes;  // that are sent
  PerClass<std::uint64_t> bases{};                  // where this epoch begins
  std::uint64_t salt = 0;                           // drawn at each start: makes gaps' fingerprints differ
  PerClass<std::chrono::milliseconds> linger{};     // how long live records of a class wait for company
  std::uint64_t split_records = sync::split_records;
  Inbox* inbox = nullptr;  // none: nothing is taken from the cloud, and it is told so
  std::chrono::milliseconds canary_every = sync::canary_every;
  std::chrono::milliseconds network_timeout = sync::network_timeout;
  QueuesOptions queues{};
};

// What the link can take now.
struct Room {
  std::uint64_t unsent = 0;                     // bytes that it still holds back
  std::uint64_t turn_bytes = unsent_bytes_max;  // that it may hold back
  std::uint64_t frame_bytes = batch_raw_bytes;  // packed; about so long is a frame, so that another need not wait long
};

// Told of what was sent, for statistics.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // `waited`: the first of them, since it was committed. Of the live lane only.
  virtual void on_sent(Class cls, std::span<const record::RecordView> records, std::chrono::nanoseconds waited) = 0;
  // A frame of the live lane is applied in the cloud. `took`: the first of it, since it was committed, or since the
  // link came to sending where that was later: not that there was none, but what else is sent delays live records.
  virtual void on_applied(Class /*cls*/, std::chrono::nanoseconds /*took*/) {}
};

struct Out {
  std::vector<Buffer> frames;
  bool save = false;  // memory() must be on disk before the frames leave
  bool close = false;
  std::string why;            // of close
  std::optional<Mono> again;  // pump() has more to send then, whatever happens
  bool more = false;          // pump() had more to send, and no room
};

enum class Phase : std::uint8_t { down, greeting, proving, sending };
std::string_view name(Phase phase);

// Counted since the program started.
struct SentCounts {
  std::uint64_t records = 0;
  std::uint64_t batches = 0;
  std::uint64_t gaps = 0;      // offsets declared gone
  std::uint64_t bytes = 0;     // of all frames
  std::uint64_t sessions = 0;  // that came to sending
  std::uint64_t refusals = 0;
  std::uint64_t malformed = 0;  // frames from the cloud that were none
  std::uint64_t read_errors = 0;
  std::uint64_t items = 0;  // of the cloud that were answered
};

class Sender {
 public:
  Sender(Source& source, SenderOptions options, const std::optional<Memory>& memory = {}, Watcher* watcher = nullptr);

  void on_open(Mono now, Out& out);
  void on_frame(Bytes frame, Mono now, Out& out);
  // Sends what may be sent. While there is no link it only looks at how old things are: call it then, too.
  void pump(const Room& room, Mono now, Out& out);
  void on_closed();

  Phase phase() const { return phase_; }
  // A canary came back on this link and none is overdue: the link is up, whatever TCP says.
  bool link_up() const { return canary_seen_; }
  std::optional<std::chrono::nanoseconds> canary_rtt() const { return canary_rtt_; }
  const Intervals& acked(Class cls) const { return memory_.acked[static_cast<std::size_t>(cls)]; }
  const Memory& memory() const { return memory_; }
  std::uint64_t backlog() const;  // committed and not acknowledged
  // The last refusal, until a session comes to sending again.
  const std::optional<Refuse>& refused() const { return refused_; }
  const SentCounts& counts() const { return counts_; }
  const Queues& queues() const { return queues_; }
  PerClass<QueueStatus> queue_status(Mono now) const;
  std::uint64_t unacknowledged_bytes() const;                               // of frames on the way
  std::uint64_t acknowledged_bytes() const { return acknowledged_bytes_; }  // since the program started

 private:
  struct Work {
    std::uint64_t next = 0;
    std::uint64_t end = 0;  // of the backlog's stretch
  };
  struct Outstanding {
    Lane lane;
    Class cls;
    std::uint64_t to;
    std::uint64_t bytes;
    Mono sent_at;
    std::chrono::nanoseconds waited;  // before that
  };
  struct Arrived {
    Item item;
    std::optional<Inbox::Taking> taking;
  };

  void on(const Welcome& frame, Mono now, Out& out);
  void on(const Ready& frame, Mono now, Out& out);
  void on(const Ack& frame, Mono now, Out& out);
  void on(const Refuse& frame, Out& out);
  void end(Out& out, std::string why);
  void send(Out& out, const Frame& frame);
  void malformed(Out& out, std::string why);
  void plan_lanes(const PerClass<std::uint64_t>& ends);
  void account(const PerClass<std::uint64_t>& ends, Mono now);
  void leave(Class cls, const Queues::Leave& leave);
  bool is_live_due(Class cls, std::uint64_t end, Mono now);
  Queues::Due due(const PerClass<std::uint64_t>& ends, Mono now);
  bool send_some(const Choice& choice, std::uint64_t end, const Room& room, Mono now, Out& out);
  bool send_gap(const Choice& choice, const Slice& slice, Mono now, Out& out);
  Result<bool> send_late(Class cls, Mono now, Out& out);
  bool send_batch(const Choice& choice, const Slice& slice, std::uint64_t raw_bytes, Mono now, Out& out);
  void sent(const Choice& choice, std::uint64_t count, std::uint64_t print, std::uint64_t bytes, Mono now);
  Result<std::uint64_t> proof_of(Class cls, std::uint64_t offset);
  void acknowledge(Class cls, const Intervals& applied);
  std::uint64_t draw_fingerprint();
  std::uint32_t version_most() const { return options_.inbox != nullptr ? version_max : version_items - 1; }
  void canary(Mono now, Out& out);
  void take_items(Out& out);
  void on_delay(std::chrono::nanoseconds delay, std::uint64_t bytes);

  Source& source_;
  SenderOptions options_;
  Phase phase_ = Phase::down;
  Memory memory_;
  std::uint64_t drawn_ = 0;
  std::optional<Refuse> refused_;
  SentCounts counts_;
  Queues queues_;
  Watcher* watcher_;
  PerClass<double> packs_{3, 3, 3, 3};  // how many times shorter records become
  std::uint64_t acknowledged_bytes_ = 0;

  // of this link
  PerClass<Intervals> welcomed_;  // what the cloud says it has; not believed before READY
  std::uint64_t credit_ = 0;
  std::uint64_t window_ = 0;
  std::uint64_t ack_bytes_ = 0;    // handled and not yet given back as credit
  PerClass<Intervals> projected_;  // what the cloud will have when all that was sent is applied
  PerClass<Work> live_{};
  PerClass<std::uint64_t> late_{};  // live messages before this one are declared gone: too late
  PerClass<std::deque<Work>> backlog_{};
  PerClass<std::optional<Mono>> waiting_since_{};
  PerClass<Mono> not_before_{};
  std::deque<Outstanding> outstanding_;
  std::uint32_t version_ = version_min;
  std::deque<Arrived> arrived_;  // items, in the order that they came
  std::uint64_t backlog_out_ = 0;
  std::uint64_t backlog_window_ = backlog_window_min;
  Mono opened_at_{};
  Mono window_moved_at_{};
  Mono heard_at_{};
  Mono ready_at_{};
  std::uint64_t nonce_ = 0;
  std::optional<Mono> canary_sent_at_;
  Mono canary_next_{};
  bool canary_seen_ = false;
  std::optional<std::chrono::nanoseconds> canary_rtt_;
};

}  // namespace skerry::sync
