// KnownTime: the time by which certificates are judged, where the clock may be wrong either way. Pure; one thread at a
// time.
//
// The floor is what is known to have happened. The rule:
//  1. A clock at or after the floor, which goes on as the monotonic clock does, is believed.
//  2. A clock behind the floor is not: time goes on from the floor by the monotonic clock.
//  3. A clock that leaps ahead by more than leap_max while it is watched is not believed: time goes on as before by the
//     monotonic clock, until the clock is back. (A leap that makes up for being behind is none.)
//  4. A clock that is synchronised is believed all the same, and so is one that leaps back by more than leap_max to a
//     time not before the floor: what was later came of a clock that had run ahead. Then lowered() says up to what
//     time such evidence goes, so that whoever keeps it marks it, and the floor is the clock.
// Nothing lowers it below the bedrock: the program's build, the authorities' own beginning.
#pragma once

#include <optional>
#include <utility>

#include "base/time.hpp"

namespace skerry::identity {

class KnownTime {
 public:
  enum class State : std::uint8_t { sure, behind, ahead };

  explicit KnownTime(Wall bedrock) : bedrock_(bedrock), floor_(bedrock) {}

  Wall now(Wall wall, Mono mono, bool synchronised);
  State state() const { return state_; }  // of the last now()
  Wall floor() const { return floor_; }

  void raise_bedrock(Wall at);
  void raise(Wall at);   // something happened then
  void accept(Wall at);  // somebody says that it is now `at`
  // Once: evidence from the clock's present time up to this one came of a clock that had run ahead.
  std::optional<Wall> lowered();

 private:
  Wall from_floor(Mono mono) const;
  void lower(Wall to, Wall from, Mono mono);

  struct Held {  // rule 3
    Wall at;
    Mono since;
  };
  Wall bedrock_;
  Wall floor_;
  std::optional<Mono> anchor_;  // when the floor was raised; none: at the next now()
  std::optional<Held> held_;
  std::optional<Wall> lowered_;
  State state_ = State::sure;
  bool seen_ = false;
  Wall last_wall_{};
  Mono last_mono_{};
  Wall last_time_{};
};

}  // namespace skerry::identity
