// The life of one command as a table: an event and a state give the next state. No I/O, no time, no memory.
//
//   issued ─▶ sent ─▶ delivered ─▶ accepted ─▶ done | failed
//      │        └─▶ unknown   (its session was lost, or nothing was heard by not-after)
//      └─▶ expired            (not-after passed and it had never been sent)
//
// What the device itself says may overtake what the broker says: an acknowledgement counts in every state that is not
// final, and `done` without `accepted` is fine. The last four states are final: what comes later is counted only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skerry::act {

enum class State : std::uint8_t { issued, sent, delivered, accepted, done, failed, expired, unknown };
inline constexpr std::size_t state_count = 8;

enum class Event : std::uint8_t {
  sent,       // a PUBLISH is about to leave to the device's own session
  delivered,  // PUBCOMP from that session
  lost,       // that session ended with the message unfinished
  accepted,   // the device says so
  done,       // the device says so
  failed,     // the device says so
  not_after,  // its time is over and the broker sends it no more
  overdue,    // its time is over, but the broker was given none: it may still be sent
};
inline constexpr std::size_t event_count = 8;

enum class Outcome : std::uint8_t {
  moved,     // to the next state
  repeated,  // already known, or implied by what is known
  ignored,   // too late or impossible: nothing changes
};

struct Transition {
  Outcome outcome = Outcome::ignored;
  State to = State::issued;  // the state afterwards, moved or not
};

Transition next(State from, Event event);

// No event changes it any more.
inline constexpr bool is_final(State s) { return s >= State::done; }
// Still waits for the device or for its not-after: `delivered` does not, its acknowledgement is optional.
inline constexpr bool is_open(State s) { return s == State::issued || s == State::sent || s == State::accepted; }

std::string_view name(State state);  // as payloads and the API have it
std::optional<State> state_named(std::string_view name);
// `sent` is between the broker and us: outside it still reads `issued`.
inline constexpr State shown(State s) { return s == State::sent ? State::issued : s; }

}  // namespace skerry::act
