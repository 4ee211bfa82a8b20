// The sync protocol between a gateway and its cloud: the nouns both sides share. Specification: docs/protocol.md.
//
// (gateway, epoch, class, offset) names a record for ever. A class travels in two lanes, live and backlog; the cloud
// keeps at most intervals_max applied stretches per (gateway, epoch, class), merged when they meet, and changes rows
// and stretches in one transaction. Its acknowledgement is the stretches. What is gone at the gateway is declared as a
// gap with its reason, so that accepted = applied + declared gaps.
//
// Sender (edge) and Receiver with Ledger (cloud) are state machines without I/O: frames and time in, frames and jobs
// out. A frame is one message of whatever carries it (src/link: a WebSocket's). Source and Store are the seams to what
// lies on disk. One thread for each object.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "record/record.hpp"
#include "sync/limits.hpp"

namespace skerry::sync {

using record::Class;
template <typename T>
using PerClass = std::array<T, record::class_count>;

inline constexpr std::uint32_t version_min = 1;
inline constexpr std::uint32_t version_max = 3;
inline constexpr std::uint32_t version_items = 2;   // from there on a cloud may send ITEM
inline constexpr std::uint32_t version_states = 3;  // and ITEM of kind state

enum class Lane : std::uint8_t { live = 0, backlog = 1 };
std::string_view name(Lane lane);

// Why records are gone at the gateway.
enum class Reason : std::uint8_t {
  budget = 0,  // the disk budget was used up
  age = 1,     // older than what is kept
  damage = 2,  // the disk gave back something else than was written
  ttl = 3,     // its class says that it is worthless when late
};
inline constexpr std::size_t reason_count = 4;
std::string_view name(Reason reason);

// Why a cloud ends a connection.
enum class Refusal : std::uint8_t {
  version = 1,     // no version in common
  fenced = 2,      // a newer epoch of this gateway is known: it was re-flashed or restored since
  restored = 3,    // more was applied than this gateway has: it was restored from an old image
  diverged = 4,    // what was applied is not what this gateway has: restored from an old image, or a clone
  superseded = 5,  // the same gateway has connected anew
  malformed = 6,   // a frame that is none, or not now
  order = 7,       // a lane that jumps
  busy = 8,        // no room or too much at once: come again later
  denied = 9,      // this gateway may not connect
};
std::string_view name(Refusal refusal);
// It will not go away by trying again: somebody has to look.
bool is_final(Refusal refusal);

// What a cloud has for a gateway, besides acknowledgements.
enum class ItemKind : std::uint8_t { command = 0, state = 1 };
inline constexpr std::size_t item_kind_count = 2;

// What became of an item at the gateway.
enum class Took : std::uint8_t {
  taken = 0,    // it is on the gateway's disk, from now on or since an earlier time
  passed = 1,   // its time is over there, and it never was taken
  refused = 2,  // the gateway cannot use it
  unknown = 3,  // its time is over there, and the gateway does not remember whether it was taken
};
inline constexpr std::size_t took_count = 4;
std::string_view name(Took took);

struct Item {
  ItemKind kind = ItemKind::command;
  std::string id;    // names it for ever
  std::string body;  // of a command: its payload as it is published; of a state: what the cloud knows of a twin
};
struct ItemAnswer {
  ItemKind kind = ItemKind::command;
  std::string id;
  Took took = Took::taken;
  std::string why;
};

struct Interval {
  std::uint64_t from = 0;
  std::uint64_t to = 0;           // exclusive
  std::uint64_t fingerprint = 0;  // of the record, or the gap, at to - 1
  bool operator==(const Interval&) const = default;
};

// What has been applied of one (gateway, epoch, class), in order, never touching each other.
class Intervals {
 public:
  Intervals() = default;
  explicit Intervals(std::uint64_t base) : base_(base) {}

  std::uint64_t base() const { return base_; }  // the first offset of this epoch
  const std::vector<Interval>& all() const { return all_; }
  bool contains(std::uint64_t offset) const;
  // One past what is applied from base on without a hole: what the gateway may delete.
  std::uint64_t prefix_end() const;
  std::uint64_t end() const { return all_.empty() ? base_ : all_.back().to; }  // one past the newest applied
  std::vector<Interval> missing(std::uint64_t from, std::uint64_t to) const;   // parts of [from, to) not applied
  std::vector<Interval> holes() const;                                         // from base to end()
  std::uint64_t count() const;                                                 // offsets applied
  // A live lane may begin at an offset of its own: one more stretch fits, and base's own place is kept for it.
  bool may_open() const;
  // [from, to) may be applied next: what is missing of it goes on from a stretch or base, or a live lane opens one.
  bool accepts(Lane lane, std::uint64_t from, std::uint64_t to) const;
  // Where a stretch ends exactly at `to`, what its end is.
  void set_fingerprint(std::uint64_t to, std::uint64_t fingerprint);
  // Applies what is missing of [from, to), which accepts() must have allowed.
  void add(const Interval& added);
  // From storage or a peer; Code::damaged when they are not in order.
  static Result<Intervals> of(std::uint64_t base, std::vector<Interval> all);

  bool operator==(const Intervals&) const = default;

 private:
  std::uint64_t base_ = 0;
  std::vector<Interval> all_;
};

}  // namespace skerry::sync
