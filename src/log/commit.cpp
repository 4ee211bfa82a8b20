// The group commit: everything that waits becomes one batch, one write, one sync.
#include <cmath>
#include <utility>

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
    trouble_ = "the disk did not take a commit, so nothing is acknowledged until a restart: " + error.text();
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
    bool began = false;
    {
      const std::scoped_lock lock(mutex_);
      not_before_ = begun + full_retry;
      due_ = not_before_;
      began = !std::exchange(full_, true);
      trouble_ = "there is no room on the disk, so doors push back until there is: " + done.error().text();
    }
    short_of_.store(std::max(options_.segment_bytes, Segment::bytes_of(*batch) + first_batch_at));
    metrics_.full.set(1);
    if (began) {
      logger::error("log", "the disk is full: what waits still waits, doors push back, and trimming makes room",
                    {{"why", done.error().text()}});
    }
    due_wakes_->call();
    return done;
  }
  const auto now = clock_.mono();
  bool was_full = false;
  {
    const std::scoped_lock lock(mutex_);
    was_full = std::exchange(full_, false);
    note_rate(*batch, now);
    company_ = batch->count();
    const auto part = std::chrono::duration_cast<std::chrono::microseconds>(now - begun) / company_share;
    company_until_ = now + std::min(part, company_wait_max);
    tail_.finish(options_.tail_bytes_max);
    ++commits_;
    committed_end_.store(tail_.committed().position.value, std::memory_order_release);
  }
  if (was_full) {
    short_of_.store(0);
    metrics_.full.set(0);
    logger::info("log", "there is room on the disk again", {});
  }
  metrics_.commits.add();
  metrics_.bytes_written.add(bytes);
  metrics_.commit_seconds.observe(seconds(begun, now));
  committed_->call();
  return {};
}

Result<> LogImpl::begin_epoch(std::string_view why) const {
  const std::scoped_lock one(commit_mutex_);
  Mark from;
  Wall now{};
  {
    // What is not committed has no name outside yet.
    const std::scoped_lock lock(mutex_);
    from = tail_.committed();
    now = steady_->now();
  }
  std::uint64_t id = 0;
  do id = chance_.next();
  while (id == 0 || epochs_->fits(id, from.position));
  return epochs_->begin(id, from, now, why);
}

}  // namespace skerry::log
