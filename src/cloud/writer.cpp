// Taking jobs together into transactions.
#include "cloud/writer.hpp"

#include <pthread.h>

#include <algorithm>

#include "base/logger.hpp"
#include "cloud/limits.hpp"

namespace skerry::cloud {
namespace {

std::uint64_t size_of(const auto& job) {
  const auto* sent = std::get_if<sync::Job>(&job);
  const auto* batch = sent == nullptr ? nullptr : std::get_if<sync::BatchJob>(sent);
  return batch == nullptr ? 0 : batch->batch.block.size();
}

std::string_view gateway_of(const auto& job) {
  const auto* sent = std::get_if<sync::Job>(&job);
  if (sent == nullptr) return {};
  const auto of = [](const auto& each) -> std::string_view {
    if constexpr (requires { each.gateway; }) {
      return each.gateway;
    } else {
      return each.hello.gateway;
    }
  };
  return std::visit(of, *sent);
}

}  // namespace

Writer::Writer(SqlStore& store, metrics::Registry& metrics, Done done, Failed failed)
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

void Writer::ask(Work work, Told told) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back({0, Asked{std::move(work), std::move(told)}});
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
      if (!sorted || !*sorted) changed_.wait_for(lock, late_every, [this] { return stopping_ || !waiting_.empty(); });
    }
    if (!stopping_ && system_clock().mono() >= late_at_) {
      lock.unlock();
      end_late();
      lock.lock();
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
    // Leases are taken in one order, so that two replicas never wait for each other.
    std::ranges::stable_sort(jobs, {}, [](const Waiting& each) { return gateway_of(each.job); });
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
      if (!kept) fail(job, kept.error());
    }
  }
}

void Writer::fail(const Waiting& job, const Error& why) {
  if (const auto* asked = std::get_if<Asked>(&job.job)) return asked->told(std::unexpected(why));
  ended_.insert(job.id);
  failed_(job.id, why);
}

// Commands whose not-after has passed while nobody could be told of them.
void Writer::end_late() {
  late_at_ = system_clock().mono() + late_every;
  const auto done = [this]() -> Result<bool> {
    TRY(store_.begin());
    auto some = store_.end_late_orders();
    if (!some || !*some) {
      store_.rollback();
      return some;
    }
    TRY(store_.commit());
    return true;
  }();
  if (!done) logger::error("cloud", "late commands could not be ended", {{"why", done.error().text()}});
}

Result<> Writer::apply(std::span<const Waiting> jobs) {
  std::vector<sync::Outcome> outcomes(jobs.size());
  std::vector<std::optional<Answer>> answers(jobs.size());
  TRY(store_.begin());
  const auto run = [&](std::size_t i) -> Result<> {
    if (const auto* asked = std::get_if<Asked>(&jobs[i].job)) {
      answers[i] = TRY(asked->work(store_));
    } else {
      outcomes[i] = TRY(ledger_.run(std::get<sync::Job>(jobs[i].job)));
    }
    return {};
  };
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (auto done = run(i); !done) {
      store_.rollback();
      return done;
    }
  }
  TRY(store_.commit());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (answers[i]) {
      std::get<Asked>(jobs[i].job).told(std::move(*answers[i]));
    } else if (!std::holds_alternative<sync::RefusedJob>(std::get<sync::Job>(jobs[i].job))) {
      done_(jobs[i].id, std::move(outcomes[i]));
    }
  }
  return {};
}

}  // namespace skerry::cloud
