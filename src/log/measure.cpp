// What the log says of itself in numbers: how much it holds, for how long, and how fast the disk wears.
#include <algorithm>

#include "log/log_impl.hpp"

namespace skerry::log {

// How long the budget lasts: what comes in, packed as blocks were packed so far. Class low takes what it is kept for.
double LogImpl::disk_seconds(const PerClass& raw, std::uint64_t budget, Mono at) {
  double steady = 0;
  double low = 0;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    raw_rates_[c].see(static_cast<double>(raw[c]), at);
    const auto packed = blocks_raw_[c] == 0
                            ? packed_share_before_known
                            : static_cast<double>(blocks_packed_[c]) / static_cast<double>(blocks_raw_[c]);
    const auto rate = raw_rates_[c].per_second().value_or(0) * packed;
    const bool aged = static_cast<Class>(c) == Class::low && options_.low_keep.count() > 0;
    (aged ? low : steady) += rate;
  }
  const auto journal = static_cast<double>(options_.segment_bytes) * (1 + spare_segments);
  const auto room = std::max(0.0, static_cast<double>(budget) - journal);
  const auto aged_seconds = static_cast<double>(options_.low_keep.count());
  double seconds = 0;
  if (steady + low > 0) {
    seconds = room / (steady + low);
    if (low > 0 && seconds > aged_seconds) {
      seconds = steady > 0 ? std::max(aged_seconds, (room - low * aged_seconds) / steady) : disk_seconds_max;
    }
    seconds = std::min(seconds, disk_seconds_max);
  }
  return seconds;
}

void LogImpl::note_packing(const PerClass& raw, const PerClass& packed) {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    blocks_raw_[c] += raw[c];
    blocks_packed_[c] += packed[c];
  }
}

void LogImpl::measure() {
  Stats next;
  next.used_bytes = used_bytes();
  next.budget_bytes = budget_bytes();
  if (const auto space = files_.space(dir_)) next.disk_free_bytes = space->free_bytes;
  const auto at = clock_.mono();
  // Without what is written once and for all: in a gateway's first minute it would be all there is.
  const auto prewritten = static_cast<double>(pool_->bytes_prewritten());
  wear_rate_.see(std::max(static_cast<double>(files_.bytes_to_disk()) - prewritten, 0.0), at);
  next.wear_bytes_per_day = wear_rate_.per_second().value_or(0) * 86'400;
  std::array<std::uint64_t, record::class_count> raw{};
  {
    const std::scoped_lock lock(mutex_);
    raw = raw_bytes_;
  }
  next.disk_seconds = disk_seconds(raw, next.budget_bytes, at);
  for (std::size_t c = 0; c < record::class_count; ++c) {
    for (std::size_t reason = 0; reason < gap_reason_count; ++reason) {
      next.gone[c][reason] = gaps_->records(static_cast<Class>(c), static_cast<GapReason>(reason));
      metrics_.gone[c][reason]->set(static_cast<double>(next.gone[c][reason]));
    }
  }
  next.oldest = oldest_medium();
  {
    const std::scoped_lock lock(mutex_);
    measured_ = next;
  }
  const auto all = stats();
  metrics_.journal_bytes.set(static_cast<double>(all.journal_bytes));
  metrics_.block_bytes.set(static_cast<double>(all.block_bytes));
  metrics_.used_bytes.set(static_cast<double>(next.used_bytes));
  metrics_.budget_bytes.set(static_cast<double>(next.budget_bytes));
  metrics_.disk_seconds.set(next.disk_seconds);
  metrics_.wear.set(next.wear_bytes_per_day);
}

Wall LogImpl::oldest_medium() const {
  const auto all = catalogue();
  for (const auto& stretch : *all) {
    if (stretch.segment) return stretch.segment->header().made_at;
    const auto c = static_cast<std::size_t>(Class::medium);
    if (!stretch.blocks->files[c] || stretch.blocks->kept[c]) continue;
    const auto file = store_->open(*stretch.blocks->files[c]);
    if (file) return (*file)->chunks().front().first_append;
  }
  return {};
}

}  // namespace skerry::log
