// Sums readings up in steps.
#include "history/steps.hpp"

#include <algorithm>

namespace skerry::history {
namespace {

using std::chrono::milliseconds;

EventTime floor_to(EventTime at, milliseconds width) {
  const auto ms = at.time_since_epoch().count();
  const auto rest = ((ms % width.count()) + width.count()) % width.count();
  return EventTime{milliseconds{ms - rest}};
}

}  // namespace

Steps::Steps(EventTime from, EventTime to, std::size_t points) : from_(from), to_(to), width_(1) {
  const auto span = (to - from).count();
  const auto count = static_cast<std::int64_t>(points);
  width_ = milliseconds{std::max<std::int64_t>(1, (span + count - 1) / count)};
  from_ = floor_to(from, width_);
  sums_.resize(static_cast<std::size_t>((to_ - from_).count() / width_.count()) + 1);
}

void Steps::add(EventTime at, double value) {
  auto& sum = sums_[static_cast<std::size_t>((at - from_).count() / width_.count())];
  sum.min = sum.count == 0 ? value : std::min(sum.min, value);
  sum.max = sum.count == 0 ? value : std::max(sum.max, value);
  sum.sum += value;
  ++sum.count;
}

Series Steps::finish() const {
  Series series{.step = width_, .steps = {}};
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const auto& s = sums_[i];
    if (s.count == 0) continue;
    series.steps.push_back({from_ + width_ * static_cast<std::int64_t>(i), s.count, s.min, s.max,
                            std::clamp(s.sum / static_cast<double>(s.count), s.min, s.max)});
  }
  return series;
}

}  // namespace skerry::history
