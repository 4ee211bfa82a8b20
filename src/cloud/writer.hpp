// Writer: the thread that applies what gateways send, many jobs a transaction, and sorts readings when there is time.
//
// submit() from any thread; outcomes come by `done` and `failed` on the writer's thread, in the order of the jobs.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "base/metrics.hpp"
#include "cloud/store.hpp"
#include "sync/ledger.hpp"

namespace skerry::cloud {

class Writer {
 public:
  using Id = std::uint64_t;  // of a connection
  using Done = std::function<void(Id, sync::Outcome)>;
  using Failed = std::function<void(Id, Error)>;

  Writer(SqlStore& store, metrics::Registry& metrics, Done done, Failed failed);
  ~Writer();  // after what waits
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void submit(Id id, sync::Job job);
  // Something else to be written, in a transaction with what waits. Inside, an error of the store's fails and rolls
  // back the transaction; what the work answers, an error too, is told by `told` (on the writer's thread) when it is
  // kept.
  using Answer = Result<SqlStore::Ordered>;
  using Work = std::function<Result<Answer>(SqlStore&)>;
  using Told = std::function<void(Answer)>;
  void ask(Work work, Told told);
  bool failing() const { return failing_; }  // the last transaction was not kept

 private:
  struct Asked {
    Work work;
    Told told;
  };
  struct Waiting {
    Id id;  // 0: nobody's connection
    std::variant<sync::Job, Asked> job;
  };
  void run();
  std::vector<Waiting> take();  // empty: the end
  Result<> apply(std::span<const Waiting> jobs);
  void end_late();
  void fail(const Waiting& job, const Error& why);

  SqlStore& store_;
  sync::Ledger ledger_;
  Done done_;
  Failed failed_;
  metrics::Histogram& seconds_;
  metrics::Counter& failures_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  std::set<Id> ended_;  // connections whose job failed: what else they sent is not applied
  std::atomic<bool> failing_{false};
  Mono late_at_{};  // when orders are looked at next
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace skerry::cloud
