// The rule of known_time.hpp, in its order.
#include "identity/known_time.hpp"

#include <algorithm>

#include "identity/limits.hpp"

namespace skerry::identity {
namespace {

Wall::duration elapsed(Mono from, Mono to) { return std::chrono::floor<Wall::duration>(to - from); }

}  // namespace

void KnownTime::raise_bedrock(Wall at) {
  bedrock_ = std::max(bedrock_, at);
  raise(at);
}

void KnownTime::raise(Wall at) {
  if (at <= floor_) return;
  floor_ = at;
  anchor_.reset();
}

void KnownTime::accept(Wall at) {
  floor_ = std::max(bedrock_, at);
  anchor_.reset();
  held_.reset();
  seen_ = false;
}

std::optional<Wall> KnownTime::lowered() { return std::exchange(lowered_, std::nullopt); }

Wall KnownTime::from_floor(Mono mono) const { return floor_ + elapsed(*anchor_, mono); }

void KnownTime::lower(Wall to, Wall from, Mono mono) {
  floor_ = std::max(bedrock_, std::min(floor_, to));
  anchor_ = mono;
  lowered_ = std::max(from, lowered_.value_or(Wall{}));
}

Wall KnownTime::now(Wall wall, Mono mono, bool synchronised) {
  if (!anchor_) anchor_ = mono;
  const auto passed = elapsed(last_mono_, mono);
  const auto leap = seen_ && state_ == State::sure ? (wall - last_wall_) - passed : Wall::duration{0};
  const auto expected = held_ ? held_->at + elapsed(held_->since, mono) : last_time_ + passed;
  if (synchronised) {
    held_.reset();
    if (wall < floor_ && wall >= bedrock_)
      lower(wall, floor_, mono);
    else if (leap < -limits::clock_leap_max && wall >= bedrock_)
      lower(wall, last_time_, mono);
  } else if (held_) {
    if (wall <= expected + limits::clock_leap_max) held_.reset();
  } else if (leap > limits::clock_leap_max) {
    held_ = Held{expected, mono};
  } else if (leap < -limits::clock_leap_max && wall >= floor_) {
    lower(wall, last_time_, mono);
  }
  state_ = held_ ? State::ahead : wall < floor_ ? State::behind : State::sure;
  last_time_ = state_ == State::sure ? wall : state_ == State::ahead ? expected : from_floor(mono);
  last_wall_ = wall;
  last_mono_ = mono;
  seen_ = true;
  return last_time_;
}

}  // namespace skerry::identity
