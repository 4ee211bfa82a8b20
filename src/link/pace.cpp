// The rate, from what was delivered and acknowledged.
#include "link/pace.hpp"

#include <algorithm>

#include "link/limits.hpp"

namespace skerry::link {

void Pace::link_gone() {
  rate_ = 0;
  acknowledged_.clear();
}

void Pace::on_cycle(const std::optional<PathInfo>& path, std::uint64_t acknowledged, bool busy, Mono now) {
  if (!busy) acknowledged_.clear();
  acknowledged_.push_back({acknowledged, now});
  while (acknowledged_.size() > 2 && now - acknowledged_.front().at > acknowledged_over) acknowledged_.pop_front();

  std::optional<double> sample;
  if (busy && path && path->rate > 0) sample = static_cast<double>(path->rate);
  const auto span = std::chrono::duration<double>(now - acknowledged_.front().at).count();
  if (busy && now - acknowledged_.front().at >= acknowledged_over / 2) {
    // Acknowledgements come in lumps, so they must be far below to be believed more than TCP.
    const auto taken = static_cast<double>(acknowledged - acknowledged_.front().bytes) / span;
    if (!sample) {
      sample = taken;
    } else if (taken < *sample / 2) {
      sample = 2 * taken;
    }
  }
  if (!sample) return;
  const auto weight = *sample < rate_ ? 0.5 : 0.25;  // a way that became slower must not be found late
  rate_ = rate_ == 0 ? *sample : rate_ + weight * (*sample - rate_);
}

std::uint64_t Pace::frame_bytes() const {
  if (rate_ == 0) return frame_bytes_first;
  const auto fits = rate_ * std::chrono::duration<double>(frame_time).count();
  return static_cast<std::uint64_t>(
      std::clamp(fits, static_cast<double>(frame_bytes_min), static_cast<double>(frame_bytes_max)));
}

std::uint64_t Pace::window_bytes(const PathInfo& path) const {
  if (rate_ == 0) return window_bytes_first;
  const auto holds = rate_ * std::chrono::duration<double>(path.rtt_min + queue_time).count();
  return std::max(static_cast<std::uint64_t>(holds), window_bytes_min);
}

std::chrono::nanoseconds Pace::wait(const PathInfo& path) const {
  const auto window = window_bytes(path);
  if (path.outstanding < window) return {};
  const auto over = static_cast<double>(path.outstanding - window + 1);
  const std::chrono::duration<double> time(over / std::max(rate_, 8'000.0));
  return std::clamp(std::chrono::ceil<std::chrono::nanoseconds>(time), std::chrono::nanoseconds{wait_min},
                    std::chrono::nanoseconds{wait_max});
}

std::uint64_t Pace::unsent_bytes() const { return std::max(frame_bytes(), unsent_bytes_min); }

}  // namespace skerry::link
