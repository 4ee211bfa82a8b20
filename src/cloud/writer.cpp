// Taking jobs together into transactions.
#include "cloud/writer.hpp"

#include <pthread.h>

#include "base/logger.hpp"
#include "cloud/limits.hpp"

namespace skerry::cloud {
namespace {

std::uint64_t size_of(const sync::Job& job) {
  const auto* batch = std::get_if<sync::BatchJob>(&job);
  return batch == nullptr ? 0 : batch->batch.block.size();
}

}  // namespace

Writer::Writer(SqliteStore& store, metrics::Registry& metrics, Done done, Failed failed)
    : store_(store),
      ledger_(store),
      done_(std::move(done)),
      failed_(std::move(failed)),
      seconds_(metrics.histogram("skerry_cloud_commit_seconds", "One transaction: rows, marks, and the sync.")),
      failures_(metrics.counter("skerry_cloud_commit_failures_total", "Transactions that were not kept.")),
      thread_([this] { run(); }) {
  ::pthread_setname_np(thread_.native_handle(), "writer");
}

Writer::~Writer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Writer::submit(Id id, sync::Job job) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({id, std::move(job)});
  }
  changed_.notify_one();
}

std::vector<Writer::Waiting> Writer::take() {
  std::vector<Waiting> taken;
  std::uint64_t bytes = 0;
  while (true) {
    std::unique_lock lock(mutex_);
    if (waiting_.empty() && !stopping_) {
      lock.unlock();
      const auto sorted = store_.shelve();
      if (!sorted) logger::error("cloud", "readings could not be sorted", {{"why", sorted.error().text()}});
      lock.lock();
      if (!sorted || !*sorted)
        changed_.wait_for(lock, std::chrono::seconds{1}, [this] { return stopping_ || !waiting_.empty(); });
    }
    if (waiting_.empty() && !stopping_) continue;
    while (!waiting_.empty() && taken.size() < jobs_per_transaction_max &&
           (bytes == 0 || bytes < bytes_per_transaction_max)) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      bytes += size_of(next.job);
      if (!ended_.contains(next.id)) taken.push_back(std::move(next));
    }
    if (!taken.empty() || stopping_) return taken;
  }
}

void Writer::run() {
  while (true) {
    auto jobs = take();
    if (jobs.empty()) return;
    const auto began = system_clock().mono();
    auto kept = apply(jobs);
    seconds_.observe(std::chrono::duration<double>(system_clock().mono() - began).count());
    failing_ = !kept;
    if (kept) continue;
    failures_.add();
    logger::error("cloud", "a transaction was not kept; its gateways are told to come again",
                  {{"why", kept.error().text()}});
    // What one gateway sent must not hold up the others: each by itself.
    for (const auto& job : jobs) {
      if (ended_.contains(job.id)) continue;
      if (jobs.size() > 1) kept = apply(std::span(&job, 1));
      if (kept) continue;
      ended_.insert(job.id);
      failed_(job.id, kept.error());
    }
  }
}

Result<> Writer::apply(std::span<const Waiting> jobs) {
  std::vector<sync::Outcome> outcomes;
  TRY(store_.begin());
  for (const auto& each : jobs) {
    auto outcome = ledger_.run(each.job);
    if (!outcome) {
      store_.rollback();
      return std::unexpected(outcome.error());
    }
    outcomes.push_back(std::move(*outcome));
  }
  TRY(store_.commit());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!std::holds_alternative<sync::RefusedJob>(jobs[i].job)) done_(jobs[i].id, std::move(outcomes[i]));
  }
  return {};
}

}  // namespace skerry::cloud
