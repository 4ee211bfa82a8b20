// The durable log: what is acknowledged is on disk, and all rooms read it. Bytes: docs/format/log.md.
//
// append() numbers records and keeps them in memory, where inside readers see them at once; commit() writes all that
// waits as one checksummed batch and syncs once. No acknowledgement, command, alert or position may leave the program
// before committed_end() > its position. append() of several records puts them into the same batch: after a cut either
// all are there or none. A failed commit is final: the log refuses from then on (Code::io), and readers keep what was
// committed.
//
// Threads: any may append and read; one at a time commits (Committer, or the simulation). No lock is held across I/O
// of another thread. Chunks hold their bytes by themselves and may outlive later appends, commits and sealing.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/chance.hpp"
#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "record/record.hpp"

namespace skerry::log {

using record::Class;
using record::ClassMask;
using record::Offset;
using record::Position;
using record::Record;
using record::RecordView;

// When a commit begins (research: a commit costs CPU and flash by itself, whatever its size).
enum class Profile : std::uint8_t {
  balanced,  // readings wait up to window_max once arrivals pass window_above_per_second; commits fill 4 KiB pages
  fast,      // nothing waits for company
};

// How long the records of an append may wait for company.
enum class Urgency : std::uint8_t {
  by_class,  // critical: not at all; others as the profile says
  now,       // somebody waits at an HTTP request
};

// Why records are gone.
enum class GapReason : std::uint8_t {
  budget,  // there was no room for them any more
  age,     // older than their class is kept
  damage,  // the disk gave other bytes back, or none
  ttl,     // never sent: their time was over (sync says so)
};
inline constexpr std::size_t gap_reason_count = 4;
std::string_view name(GapReason reason);

// Records of a class that are gone, and that was said before they went: offsets [from, to). They lay in positions
// [first, end), where others may still be.
struct Gap {
  Class cls = Class::medium;
  Offset from;
  Offset to;
  Position first;
  Position end;
  GapReason reason = GapReason::budget;
  Wall at{};  // when it was declared

  std::uint64_t records() const { return to.value - from.value; }
};

// (gateway, epoch, class, offset) names a record for ever: records from these offsets on, up to the next epoch's, have
// this epoch in their names. A log that was restored from a copy begins a new one, because the offsets that it gives
// out again may have been seen outside with other records.
struct Epoch {
  std::uint64_t id = 0;
  Position from;
  std::array<Offset, record::class_count> offsets{};
  Wall at{};
  std::string why;  // one sentence for the operator
};

enum class State : std::uint8_t {
  ok,
  full,    // no room: it pushes back, trims, and goes on by itself
  failed,  // a write or sync failed: nothing is acknowledged until a restart
};
std::string_view name(State state);

struct Options {
  Profile profile = Profile::balanced;
  std::chrono::microseconds window_max{20'000};
  double window_above_per_second = 50;
  std::uint64_t segment_bytes = 16 * MiB;          // one journal file, prewritten, used again and again
  std::uint64_t tail_bytes_max = 1 * MiB;          // newest records kept in memory for readers
  std::uint64_t waiting_bytes_max = 8 * MiB;       // appended and not yet committed; beyond it append() says Code::busy
  std::uint64_t budget_bytes = 0;                  // of all its files; 0: what the disk has room for, less disk_reserve
  double disk_reserve = 0.15;                      // share of the disk that stays free (budget_bytes = 0)
  std::chrono::seconds cache_duration{24 * 3600};  // what is younger goes last when the budget is used up
  std::chrono::seconds low_keep{3600};             // class low goes when it is older; 0: when the budget asks
  std::string new_epoch{};                         // why open() must begin one; empty: when the folder shows a reason
  Chance* chance = nullptr;                        // draws the epoch and the segments' salts; the system's when null
};

// Some records in order of position, and the position to read on from. Empty at the end of the log.
class Chunk {
 public:
  Chunk() = default;
  Chunk(std::shared_ptr<const void> owner, std::vector<RecordView> records, Position next)
      : owner_(std::move(owner)), records_(std::move(records)), next_(next) {}

  std::span<const RecordView> records() const { return records_; }
  std::vector<RecordView> take_records() && { return std::move(records_); }
  const std::shared_ptr<const void>& owner() const { return owner_; }  // of their bytes
  bool empty() const { return records_.empty(); }
  Position next() const { return next_; }

 private:
  std::shared_ptr<const void> owner_;
  std::vector<RecordView> records_;
  Position next_{};
};

// Statistics that pipelines make are stored as rows (codec/row.hpp), and are JSON to everybody outside.
enum class Rows : std::uint8_t {
  as_json,   // given with the JSON that they stand for
  left_out,  // stepped over, for readers who would throw them away
};

struct ReadOptions {
  ClassMask classes = record::all_classes;
  Rows rows = Rows::as_json;
  bool committed_only = false;
  std::uint64_t bytes_max = 256 * KiB;  // at least one record is given, however long
};

// A stretch of stored records which a query may skip or read whole. Latest bounds include it.
struct Extent {
  std::uint64_t id = 0;
  ClassMask classes = 0;
  Position first;
  Position end;
  EventTime earliest{};
  EventTime latest{};
  bool bounds_known = false;  // false for the journal's newest part: it may hold any event time
};

struct Stats {
  std::array<Offset, record::class_count> ends{};            // next offset of each class
  std::array<Offset, record::class_count> committed_ends{};  // and of what is committed
  std::uint64_t commits = 0;
  std::uint64_t journal_bytes = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t records_damaged = 0;  // found gone since open()
  bool failed = false;
  State state = State::ok;
  std::string trouble;  // why it is not ok, or the last read that failed; one sentence
  std::uint64_t read_errors = 0;

  // ---- how much, and for how long ----
  std::uint64_t used_bytes = 0;    // all its files
  std::uint64_t budget_bytes = 0;  // that they may have
  std::uint64_t disk_free_bytes = 0;
  double disk_seconds = 0;        // of records that the budget holds at the present rate; 0: not yet known
  double wear_bytes_per_day = 0;  // sent to the disk by this program, at the present rate
  Wall oldest{};                  // append time of the oldest record of class medium; 0: none
  std::array<std::array<std::uint64_t, gap_reason_count>, record::class_count> gone{};  // records in declared gaps
};

// What open() found.
struct Recovery {
  std::uint64_t torn_bytes = 0;  // an unfinished batch at the end, never acknowledged
  std::uint64_t damaged_records = 0;
  std::string told;  // one sentence for the operator
};

class Log {
 public:
  // Makes `dir` when missing, takes its lock, reads only the tail, and syncs what it recovered before it returns.
  // Code::busy: another process has it, and which. Code::unsupported: a newer format.
  static Result<std::unique_ptr<Log>> open(Files& files, Clock& clock, std::string_view dir, const Options& options,
                                           metrics::Registry& metrics);
  virtual ~Log() = default;

  // The position of the first; the others follow without a hole. Code::busy: too much waits, push back. Code::full:
  // more than one batch can hold. Code::io: the log has failed.
  virtual Result<Position> append(std::span<const Record> records, Urgency urgency = Urgency::by_class) = 0;
  Result<Position> append(const Record& record, Urgency urgency = Urgency::by_class) {
    return append(std::span(&record, 1), urgency);
  }

  // Makes the shape of rows durable and gives the id to begin their payloads with (codec/row.hpp). The same shape gives
  // the same id. Code::unsupported: this log keeps no rows, write JSON.
  virtual Result<std::uint32_t> shape(Bytes) { return fail(Code::unsupported, "this log keeps no rows"); }

  // When the next commit should begin; nothing when nothing waits.
  virtual std::optional<Mono> commit_due() const = 0;
  // Code::full: there was no room for another segment; nothing was written, what waits still waits, and commit_due()
  // says when to try again. Code::io: final; what was not committed is gone, end() is committed_end() again.
  virtual Result<> commit() = 0;

  virtual Position begin() const = 0;  // the oldest record still there
  virtual Position end() const = 0;    // one past the newest appended
  virtual Position committed_end() const = 0;

  // From `from` on (from begin() when that is later). Code::damaged names the bad place; read on from its `where`
  // is never needed: a damaged stretch is left out and counted, and shows as a hole in positions.
  virtual Result<Chunk> read(Position from, const ReadOptions& options = {}) const = 0;

  // Extents that may hold records of `device` (any when empty) with event time in [from, to), in order of position.
  // Committed records only. A caller still checks each record's device, time and position.
  virtual std::vector<Extent> extents(std::string_view device, EventTime from, EventTime to,
                                      ClassMask classes) const = 0;
  virtual Result<Chunk> read_extent(const Extent& extent, std::string_view device) const = 0;

  // `wake` is called after each append (committed = false) or each commit (true), on the thread that did it: it must
  // only note and return. Cancelled when the returned handle goes.
  using Wake = std::function<void()>;
  virtual std::shared_ptr<void> on_append(Wake wake) = 0;
  virtual std::shared_ptr<void> on_commit(Wake wake) = 0;
  // `wake` is called when commit_due() has come to be, or has moved to an earlier time: what a committer waits for.
  virtual std::shared_ptr<void> on_due(Wake wake) = 0;

  // Turns sealed segments into blocks and frees them for use again, and trims: background work, one step a call.
  // True when there may be more to do.
  virtual Result<bool> tidy() = 0;

  // ---- retention: when the budget is used up, block files go, whole ----
  // What goes first: what every reader has saved its state beyond; of that what the cloud has acknowledged; of that
  // what is older than cache_duration; of that the least important class; of that the oldest. Pinned records never go:
  // they are copied forward and keep their positions. Each loss is a declared gap, durable before the first byte goes.

  // Of the records before `before` (sorted) `positions` must stay, and no others for this owner's sake; from `before`
  // on nothing is trimmed until it pins again.
  virtual void pin(std::string_view /*owner*/, Position /*before*/, std::vector<Position> /*positions*/) {}
  // A reader's state is saved up to here. checkpoint.hpp calls it.
  virtual void read_to(std::string_view /*reader*/, Position /*position*/) const {}
  // The cloud lacks this class from `from` on; nothing: it has all, or there is none. Such records go by budget only.
  virtual void hold(Class /*cls*/, std::optional<Offset> /*from*/) {}

  // By class and offset. They outlive the records that told of them, damage of those, and any crash.
  virtual std::vector<Gap> gaps() const { return {}; }
  // Says that records will not be sent (GapReason::ttl). Durable when it returns.
  virtual Result<> declare(std::span<const Gap> /*gaps*/) { return {}; }
  // One past the newest record of these classes that is gone: who reads on from before it has missed some, at most
  // missed() of them.
  virtual Position gone_to(ClassMask /*classes*/) const { return {}; }
  virtual std::uint64_t missed(Position /*from*/, ClassMask /*classes*/) const { return 0; }

  virtual const Recovery& recovery() const = 0;
  virtual Stats stats() const = 0;
  // A number drawn when this folder was made, and again whenever it was restored from a copy; part of the name outside
  // of every record that is appended now.
  virtual std::uint64_t epoch() const = 0;

  // From now on; of the options only profile, window_max and window_above_per_second. Any thread.
  virtual void set_window(const Options& options) { static_cast<void>(options); }
  virtual std::vector<Epoch> epochs() const { return {{.id = epoch()}}; }  // oldest first; the last is epoch()
  // From here on records have new names: somebody knows more of this log than it does itself. Durable when it returns.
  // Const, as read_to() is: whoever only reads may be the one who finds out.
  virtual Result<> begin_epoch(std::string_view /*why*/) const { return {}; }
};

// A thread that commits when the log says so, until it is destroyed (which commits what waits).
class Committer {
 public:
  virtual ~Committer() = default;
};
std::unique_ptr<Committer> start_committer(Log& log);

}  // namespace skerry::log
