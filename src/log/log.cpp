// Appending, and what the log says about itself.
#include <algorithm>

#include "log/log_impl.hpp"

namespace skerry::log {

std::string_view name(State state) {
  static constexpr std::array<std::string_view, 3> names{"ok", "full", "failed"};
  return names[static_cast<std::size_t>(state)];
}

LogImpl::Metrics::Metrics(metrics::Registry& r)
    : read_errors(r.counter("skerry_log_read_errors_total", "Reads that the disk failed; each is tried again.")),
      full(r.gauge("skerry_log_full", "1 while there is no room for what waits: doors push back.")),
      used_bytes(r.gauge("skerry_log_used_bytes", "Bytes of all files of the log.")),
      budget_bytes(r.gauge("skerry_log_budget_bytes", "Bytes that they may have before records are trimmed.")),
      disk_seconds(r.gauge("skerry_log_disk_seconds", "How long a time the budget holds at the present rate.")),
      wear(r.gauge("skerry_log_wear_bytes_per_day", "Sent to the disk in a day at the present rate, whole pages.")),
      commits(r.counter("skerry_log_commits_total", "Group commits, one sync each.")),
      commit_seconds(r.histogram("skerry_log_commit_seconds", "From the begin of a commit to its end.")),
      bytes_written(r.counter("skerry_log_bytes_written_total", "Bytes written to the journal.")),
      damaged(r.counter("skerry_log_records_damaged_total", "Stored records found gone or unreadable.")),
      pushed_back(r.counter("skerry_log_appends_pushed_back_total", "Appends refused because too much waited.")),
      waiting_bytes(r.gauge("skerry_log_waiting_bytes", "Appended and not yet committed.")),
      journal_bytes(r.gauge("skerry_log_journal_bytes", "Bytes of journal segments in use.")),
      block_bytes(r.gauge("skerry_log_block_bytes", "Bytes of block files.")),
      failed(r.gauge("skerry_log_failed", "1 when a write or sync has failed and nothing is acknowledged any more.")) {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    appended[c] = &r.counter("skerry_log_appended_total", "Records appended.",
                             {{"class", std::string(record::name(static_cast<Class>(c)))}});
    for (std::size_t reason = 0; reason < gap_reason_count; ++reason) {
      gone[c][reason] = &r.gauge("skerry_log_gap_records", "Records in declared gaps.",
                                 {{"class", std::string(record::name(static_cast<Class>(c)))},
                                  {"reason", std::string(name(static_cast<GapReason>(reason)))}});
    }
  }
}

LogImpl::LogImpl(Files& files, Clock& clock, std::string_view dir, const Options& options, metrics::Registry& metrics)
    : metrics_(metrics),
      files_(files, clock, metrics_.read_errors),
      clock_(clock),
      dir_(dir),
      journal_dir_(join_path(dir, "journal")),
      blocks_dir_(join_path(dir, "blocks")),
      options_(options),
      chance_(options.chance != nullptr ? *options.chance : system_chance()),
      shapes_(std::make_unique<Shapes>(files, join_path(dir, "shapes"), &metrics)),
      tail_(Mark{}) {
  options_.segment_bytes = align_up(std::max(options.segment_bytes, segment_bytes_min), page_bytes);
}

Result<Position> LogImpl::append(std::span<const Record> records, Urgency urgency) {
  // Encoded before the lock is taken, in memory that the thread keeps.
  thread_local Buffer bytes;
  thread_local std::vector<std::uint32_t> sizes;
  thread_local std::vector<Class> classes;
  bytes.clear();
  sizes.clear();
  classes.clear();
  bool urgent = urgency == Urgency::now;
  for (const auto& r : records) {
    const auto before = bytes.size();
    record::encode(bytes, r);
    sizes.push_back(static_cast<std::uint32_t>(bytes.size() - before));
    classes.push_back(r.cls);
    urgent = urgent || r.cls == Class::critical;
    if (bytes.size() > append_bytes_max) {
      bytes = {};
      return fail(Code::full, "an append of more than " + std::to_string(append_bytes_max) + " bytes");
    }
  }
  Position first;
  bool due_moved = false;
  {
    const std::scoped_lock lock(mutex_);
    if (failed_) return fail(Code::io, "the log has failed: its disk did not take a write");
    const auto waiting = tail_.waiting_bytes();
    if (waiting > 0 && waiting + bytes.size() > options_.waiting_bytes_max) {
      metrics_.pushed_back.add();
      return fail(Code::busy, "too much waits for the disk; try again after a commit");
    }
    first = tail_.next().position;
    if (records.empty()) return first;
    for (std::size_t i = 0; i < sizes.size(); ++i) raw_bytes_[static_cast<std::size_t>(classes[i])] += sizes[i];
    if (tail_.add(sizes, classes, bytes, steady_->now())) {
      auto& batch = *tail_.waiting();
      batch.begun = clock_.mono();
      batch.paged = window_is_on(batch.begun);
      due_ = std::max(due_of(batch, urgent), not_before_);
      due_moved = true;
    } else if (due_ && *due_ > std::max(tail_.waiting()->begun, not_before_) &&
               (urgent || is_complete(*tail_.waiting()))) {
      due_ = std::max(tail_.waiting()->begun, not_before_);
      due_moved = true;
    }
  }
  for (const auto cls : classes) metrics_.appended[static_cast<std::size_t>(cls)]->add();
  if (bytes.capacity() > 1 * MiB) bytes = {};
  if (due_moved) due_wakes_->call();
  appended_->call();
  return first;
}

// Of a batch that begins. Where many wait for their records at once, the first to come again is followed by the others:
// a commit that began with it alone would make all of them wait for two.
Mono LogImpl::due_of(const MemoryBatch& batch, bool urgent) const {
  if (urgent) return batch.begun;
  if (batch.paged) return batch.begun + options_.window_max;
  return batch.count() < company_ ? std::max(batch.begun, company_until_) : batch.begun;
}

// Nothing is won by more waiting: those who waited for the last batch are all there; or the page is full and another
// one will not be before the window ends, so that the batch would take it for a few records.
bool LogImpl::is_complete(const MemoryBatch& batch) const {
  if (!batch.paged) return batch.count() >= company_;
  const auto bytes = batch_header_bytes + batch.body_bytes;
  const auto pages = align_up(bytes, page_bytes) / page_bytes;
  if (pages * page_bytes - bytes >= batch.body_bytes / batch.count()) return false;
  return (clock_.mono() - batch.begun) * (pages + 1) / pages > options_.window_max;
}

void LogImpl::set_window(const Options& options) {
  const std::scoped_lock lock(mutex_);
  options_.profile = options.profile;
  options_.window_max = options.window_max;
  options_.window_above_per_second = options.window_above_per_second;
}

std::optional<Mono> LogImpl::commit_due() const {
  const std::scoped_lock lock(mutex_);
  return due_;
}

Position LogImpl::begin() const {
  const auto all = catalogue();
  return all->empty() ? Position{} : all->front().first;
}

Position LogImpl::end() const {
  const std::scoped_lock lock(mutex_);
  return tail_.next().position;
}

std::shared_ptr<const Catalogue> LogImpl::catalogue() const {
  const std::scoped_lock lock(mutex_);
  return catalogue_;
}

void LogImpl::change_catalogue(const std::function<void(Catalogue&)>& change) {
  const std::scoped_lock lock(mutex_);
  auto next = std::make_shared<Catalogue>(*catalogue_);
  change(*next);
  catalogue_ = std::move(next);
}

Stats LogImpl::stats() const {
  const std::scoped_lock lock(mutex_);
  auto stats = measured_;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    stats.ends[c] = {tail_.next().offsets[c]};
    stats.committed_ends[c] = {tail_.committed().offsets[c]};
  }
  stats.commits = commits_;
  stats.journal_bytes = stats.block_bytes = 0;
  for (const auto& stretch : *catalogue_) {
    if (stretch.segment) stats.journal_bytes += stretch.segment->file_bytes();
    if (stretch.blocks) stats.block_bytes += stretch.blocks->bytes();
  }
  stats.records_damaged = metrics_.damaged.value();
  stats.read_errors = metrics_.read_errors.value();
  stats.failed = failed_;
  stats.state = failed_ ? State::failed : full_ ? State::full : State::ok;
  stats.trouble = stats.state != State::ok ? trouble_ : files_.last_error();
  return stats;
}

Result<std::unique_ptr<Log>> Log::open(Files& files, Clock& clock, std::string_view dir, const Options& options,
                                       metrics::Registry& metrics) {
  auto log = std::make_unique<LogImpl>(files, clock, dir, options, metrics);
  TRY(log->start());
  return log;
}

}  // namespace skerry::log
