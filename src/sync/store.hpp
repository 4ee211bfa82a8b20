// Store: where a cloud keeps what it applied. The seam of the Ledger: SQLite in src/cloud, memory in the simulation.
//
// Between begin() and commit() everything is one transaction: after a crash all of it is there or none. commit()
// returns when it is on disk. After an error the caller rolls back. One thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "sync/batch.hpp"
#include "sync/sync.hpp"

namespace skerry::sync {

// How every offset of a class was applied: their sum is the length of its stretches.
struct Applied {
  std::uint64_t records = 0;
  std::uint64_t own = 0;    // the gateway's own records, whose content stays there
  std::uint64_t aside = 0;  // set aside with a reason
  std::array<std::uint64_t, reason_count> gaps{};
  std::uint64_t all() const {
    auto sum = records + own + aside;
    for (const auto each : gaps) sum += each;
    return sum;
  }
  bool operator==(const Applied&) const = default;
};

struct Stream {
  Intervals applied;
  Applied counts;
};

struct Standing {
  std::uint64_t epoch = 0;    // the one that is taken now
  std::uint64_t session = 0;  // the newest connection's; others are refused
  PerClass<std::uint64_t> bases{};
};

// The connection that a job came by; `session` is the newest of the gateway.
struct Connected {
  std::string_view gateway;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  std::uint32_t version = version_max;  // of the protocol
};

// Names a stream: one class of one epoch of a gateway.
struct StreamName {
  std::string_view gateway;
  std::uint64_t epoch = 0;
  Class cls = Class::critical;
};

class Store {
 public:
  virtual ~Store() = default;
  virtual Result<> begin() = 0;
  virtual Result<> commit() = 0;  // Code::full: there is no room; nothing was kept
  virtual void rollback() = 0;

  virtual Result<std::optional<Standing>> standing(std::string_view gateway) = 0;
  virtual Result<bool> is_fenced(std::string_view gateway, std::uint64_t epoch) = 0;
  // A new epoch fences the one before.
  virtual Result<> put_standing(std::string_view gateway, std::string_view software, const Standing& standing) = 0;
  virtual Result<Stream> stream(const StreamName& name, std::uint64_t base) = 0;  // empty from base when unknown
  virtual Result<> put_stream(const StreamName& name, const Stream& stream) = 0;

  // Entries of [from, to) of `batch` were applied. What the store cannot use it sets aside itself and says how many.
  virtual Result<std::uint64_t> put_records(const StreamName& name, const Batch& batch, std::uint64_t from,
                                            std::uint64_t to) = 0;
  virtual Result<> put_aside(const StreamName& name, const Entry& entry) = 0;
  virtual Result<> put_gap(const StreamName& name, std::uint64_t from, std::uint64_t to, Reason reason) = 0;
  virtual Result<> put_refusal(std::string_view gateway, std::uint64_t epoch, Refusal refusal,
                               std::string_view why) = 0;

  // What waits for this gateway and was not sent to it in this session, at most `max`, oldest first. It counts as sent
  // when the transaction is kept, and only then may it leave. What was sent under another epoch is never sent again.
  virtual Result<std::vector<Item>> take_items(const Connected&, std::size_t) { return std::vector<Item>{}; }
  virtual Result<> put_answer(const Connected&, const ItemAnswer&) { return {}; }
};

}  // namespace skerry::sync
