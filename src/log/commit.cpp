// The group commit: everything that waits becomes one batch, one write, one sync.
#include <cmath>

#include "base/logger.hpp"
#include "log/log_impl.hpp"

namespace skerry::log {
namespace {

constexpr double rate_memory_seconds = 1.0;
constexpr auto full_retry = std::chrono::milliseconds{200};

double seconds(Mono from, Mono to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

// A lone message after a quiet time does not wait, however busy it was before.
bool LogImpl::window_is_on(Mono now) const {
  if (options_.profile == Profile::fast || options_.window_max.count() == 0) return false;
  return rate_ * std::exp(-seconds(rate_at_, now) / rate_memory_seconds) > options_.window_above_per_second;
}

// An average of arrivals per second that forgets within about a second.
void LogImpl::note_rate(const MemoryBatch& batch, Mono now) {
  rate_ = rate_ * std::exp(-seconds(rate_at_, now) / rate_memory_seconds) +
          static_cast<double>(batch.count()) / rate_memory_seconds;
  rate_at_ = now;
}

Result<std::shared_ptr<Segment>> LogImpl::new_segment(const Mark& first, const Copied* copied, std::uint64_t bytes) {
  auto taken = TRY(pool_->take(first_batch_at + bytes));
  const SegmentHeader header{
      .epoch = epoch_, .salt = chance_.next(), .first = first, .made_at = clock_.wall(), .file_bytes = taken.bytes};
  return start_segment(files_, journal_dir_, taken.path, std::move(taken.file), header, copied);
}

// Code::full: there was no room for a segment, or none even for bytes over old ones (a file system that copies on
// write, a quota). Nothing was synced, so the same batch goes to the same place when it is tried again.
Result<> LogImpl::write(MemoryBatch& batch, std::uint64_t& bytes) {
  if (active_->room() < Segment::bytes_of(batch)) {
    auto fresh = TRY(new_segment(batch.first, nullptr, Segment::bytes_of(batch)));
    change_catalogue([&](Catalogue& all) {
      // One that nothing was written to yet had the same name, and has been replaced.
      if (active_->path() == fresh->path()) all.pop_back();
      all.push_back({fresh->header().first.position, fresh, nullptr});
    });
    active_ = std::move(fresh);
    measure();
  }
  auto written = active_->write(batch);
  if (!written) return std::unexpected(written.error());
  bytes = *written;
  return {};
}

void LogImpl::fail_for_good(const Error& error) {
  {
    const std::scoped_lock lock(mutex_);
    failed_ = true;
    tail_.fail();
    due_.reset();
  }
  metrics_.failed.set(1);
  logger::error("log", "the disk did not take a commit: nothing is acknowledged any more; restart when it is well",
                {{"why", error.text()}});
}

Result<> LogImpl::commit() {
  const std::scoped_lock one(commit_mutex_);
  std::shared_ptr<MemoryBatch> batch;
  Mono begun{};
  {
    const std::scoped_lock lock(mutex_);
    if (failed_) return fail(Code::io, "the log has failed: its disk did not take a write");
    due_.reset();
    batch = tail_.take();
    if (!batch) return {};
    begun = clock_.mono();
    if (tail_.waiting() != nullptr) due_ = begun;  // the batch of last time goes first, the rest at once after it
    metrics_.waiting_bytes.set(static_cast<double>(tail_.waiting_bytes()));
  }
  std::uint64_t bytes = 0;
  if (auto done = write(*batch, bytes); !done) {
    if (done.error().code != Code::full) {
      fail_for_good(done.error());
      return fail(Code::io, done.error().what, done.error().where);
    }
    {
      const std::scoped_lock lock(mutex_);
      not_before_ = begun + full_retry;
      due_ = not_before_;
    }
    due_wakes_->call();
    return done;
  }
  const auto now = clock_.mono();
  {
    const std::scoped_lock lock(mutex_);
    note_rate(*batch, now);
    tail_.finish(options_.tail_bytes_max);
    ++commits_;
    committed_end_.store(tail_.committed().position.value, std::memory_order_release);
  }
  metrics_.commits.add();
  metrics_.bytes_written.add(bytes);
  metrics_.commit_seconds.observe(seconds(begun, now));
  committed_->call();
  return {};
}

}  // namespace skerry::log
