// The table of a command's life.
#include "act/lifecycle.hpp"

#include <array>

namespace skerry::act {
namespace {

constexpr std::array<std::string_view, state_count> names{"issued", "sent",   "delivered", "accepted",
                                                          "done",   "failed", "expired",   "unknown"};

constexpr Transition moved(State to) { return {Outcome::moved, to}; }

// How far a command has come when all goes well; an event that says less than that is a repetition.
constexpr int progress(State s) {
  switch (s) {
    case State::issued: return 0;
    case State::sent: return 1;
    case State::delivered: return 2;
    case State::accepted: return 3;
    default: return 4;
  }
}

constexpr State target(Event e) {
  switch (e) {
    case Event::sent: return State::sent;
    case Event::delivered: return State::delivered;
    case Event::accepted: return State::accepted;
    case Event::done: return State::done;
    case Event::failed: return State::failed;
    case Event::lost:
    case Event::overdue: return State::unknown;
    case Event::not_after: return State::expired;
  }
  return State::unknown;
}

}  // namespace

Transition next(State from, Event event) {
  const auto to = target(event);
  switch (event) {
    case Event::sent:
    case Event::delivered:
    case Event::accepted:
      // A device that answered has it, so `sent` and PUBCOMP after that tell nothing new; after a final `done` the
      // rest of the handshake is its normal end.
      if (from == State::expired || from == State::unknown) return {Outcome::ignored, from};
      if (progress(from) >= progress(to)) return {Outcome::repeated, from};
      return moved(to);
    case Event::done:
    case Event::failed:
      if (from == to) return {Outcome::repeated, from};
      return is_final(from) ? Transition{Outcome::ignored, from} : moved(to);
    case Event::lost:
      // Never sent: it cannot have arrived, and expires. Delivered: the session is not needed any more.
      return from == State::sent ? moved(State::unknown) : Transition{Outcome::ignored, from};
    case Event::not_after:
    case Event::overdue:
      if (from == State::issued) return moved(to);
      if (from == State::sent) return moved(State::unknown);
      return {Outcome::ignored, from};
  }
  return {Outcome::ignored, from};
}

std::string_view name(State state) { return names[static_cast<std::size_t>(state)]; }

std::optional<State> state_named(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<State>(i);
  }
  return std::nullopt;
}

}  // namespace skerry::act
