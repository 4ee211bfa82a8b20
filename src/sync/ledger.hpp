// Ledger: what the cloud decides inside a transaction: who may go on, and what is applied.
//
// Every decision that must hold across crashes and replicas is made here, from what the store says, never from what a
// connection remembers: the epoch, the newest session, the lane's order, what was applied already. The caller opens the
// transaction and may put many jobs of many connections into one.
#pragma once

#include <variant>

#include "sync/frames.hpp"
#include "sync/store.hpp"

namespace skerry::sync {

// What a Receiver asks for, in order. `session` and `epoch` are those of its connection.
struct JoinJob {
  Hello hello;
};
struct ProveJob {
  Hello hello;
  Proof proof;
  PerClass<Intervals> welcomed;  // what the proof speaks of
};
struct BatchJob {
  std::string gateway;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  Batch batch;
};
struct GapJob {
  std::string gateway;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  GapFrame gap;
};
struct RefusedJob {  // only to be remembered
  std::string gateway;
  std::uint64_t epoch = 0;
  Refuse refuse;
};
struct ItemsJob {  // what there is for the gateway, at most `max`
  std::string gateway;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  std::size_t max = 0;
  std::uint32_t version = version_max;
};
struct AnswerJob {
  std::string gateway;
  std::uint64_t epoch = 0;
  std::uint64_t session = 0;
  ItemAnswer answer;
};
using Job = std::variant<JoinJob, ProveJob, BatchJob, GapJob, RefusedJob, ItemsJob, AnswerJob>;

struct Outcome {
  enum class Of : std::uint8_t { join, prove, applied, items, answer };
  Of of = Of::applied;
  std::optional<Refuse> refused;
  PerClass<Intervals> applied{};  // join and prove: of all classes; batch and gap: of `cls`
  Class cls = Class::critical;
  std::uint64_t session = 0;   // prove
  std::uint64_t taken = 0;     // offsets that were new
  std::uint64_t repeated = 0;  // and that had been applied before
  std::vector<Item> items{};   // items: to be sent
};

class Ledger {
 public:
  explicit Ledger(Store& store) : store_(store) {}

  // An error is the store's: roll back. A refusal is an outcome and is kept with the transaction.
  Result<Outcome> run(const Job& job);

 private:
  Result<Outcome> join(const Hello& hello);
  Result<Outcome> prove(const ProveJob& job);
  Result<Outcome> batch(const BatchJob& job);
  Result<Outcome> gap(const GapJob& job);
  template <typename F, typename Keep>
  Result<Outcome> apply(const Connected& from, const F& f, std::string_view what, Keep keep);
  Result<Outcome> items(const ItemsJob& job);
  Result<Outcome> answer(const AnswerJob& job);
  Result<Outcome> refuse(std::string_view gateway, std::uint64_t epoch, Refusal reason, std::string why);
  Result<std::optional<Outcome>> stale(std::string_view gateway, std::uint64_t epoch, std::uint64_t session,
                                       Standing& standing);

  Store& store_;
};

}  // namespace skerry::sync
