// The order of the ways, and the pauses.
#include "link/failover.hpp"

#include <algorithm>
#include <numeric>

#include "base/result.hpp"

namespace skerry::link {

Failover::Failover(Options options, Chance& chance)
    : options_(std::move(options)), chance_(chance), pause_(options_.retry_min) {
  INVARIANT(!options_.ways.empty());
  order_.resize(options_.ways.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_sort(order_, [&](std::size_t a, std::size_t b) {
    const auto& x = options_.ways[a];
    const auto& y = options_.ways[b];
    return x.priority != y.priority ? x.priority < y.priority : x.cost < y.cost;
  });
  looks_.resize(order_.size(), {options_.back_every, {}});
}

std::size_t Failover::place_of(std::size_t way) const {
  return static_cast<std::size_t>(std::ranges::find(order_, way) - order_.begin());
}

Failover::Next Failover::next(Mono now) {
  if (trying_ || in_use_) return {{}, Mono::max()};
  if (now < not_before_) return {{}, not_before_};
  return {order_[at_], now};
}

void Failover::tried() { trying_ = true; }

void Failover::up(std::size_t way, Mono now) {
  if (in_use_ == way) return;
  trying_ = false;
  in_use_ = way;
  used_since_ = now;
  at_ = 0;
  pause_ = options_.retry_min;
  not_before_ = {};
  for (auto& each : looks_) each.at = now + each.every;
}

void Failover::failed(std::size_t way, Mono now) {
  const bool used = in_use_ == way;
  trying_ = false;
  in_use_.reset();
  const auto place = place_of(way);
  if (used) {
    auto& every = looks_[way].every;
    every =
        now - used_since_ < flap_within ? std::max(every, std::min(every * 2, back_every_max)) : options_.back_every;
    at_ = place == 0 ? 1 : 0;  // the best of the others
    if (order_.size() > 1) return;
  } else {
    at_ = place + 1;
    if (at_ < order_.size()) return;
  }
  at_ = 0;
  const auto half = pause_ / 2;
  const std::chrono::milliseconds drawn{chance_.below(static_cast<std::uint64_t>(half.count()) + 1)};
  not_before_ = std::max(not_before_, now + half + drawn);
  pause_ = std::min(pause_ * 2, options_.retry_max);
}

void Failover::hold(std::chrono::milliseconds pause, Mono now) {
  at_ = 0;
  not_before_ = std::max(not_before_, now + pause);
}

void Failover::no_pause() {
  not_before_ = {};
  pause_ = options_.retry_min;
  if (!trying_) at_ = 0;
}

std::optional<std::size_t> Failover::look(Mono now) {
  if (!in_use_) return {};
  for (std::size_t place = 0; place < place_of(*in_use_); ++place) {
    auto& looks = looks_[order_[place]];
    if (now < looks.at) continue;
    looks.at = now + looks.every;
    return order_[place];
  }
  return {};
}

}  // namespace skerry::link
