// A command's life, every state against every event.
#include "act/lifecycle.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skerry::act {
namespace {

// A row a state, a column an event: the letter of the next state, `=` for already known, `.` for ignored.
// i issued, s sent, d delivered, a accepted, D done, F failed, X expired, U unknown
struct Row {
  State from;
  std::string_view cells;
};
constexpr std::string_view letters = "isdaDFXU";
constexpr Row table[] = {
    //                  sent delivered lost accepted done failed not_after overdue
    {State::issued,
     "s"
     "d"
     "."
     "a"
     "D"
     "F"
     "X"
     "U"},
    {State::sent,
     "="
     "d"
     "U"
     "a"
     "D"
     "F"
     "U"
     "U"},
    {State::delivered,
     "="
     "="
     "."
     "a"
     "D"
     "F"
     "."
     "."},
    {State::accepted,
     "="
     "="
     "."
     "="
     "D"
     "F"
     "."
     "."},
    {State::done,
     "="
     "="
     "."
     "="
     "="
     "."
     "."
     "."},
    {State::failed,
     "="
     "="
     "."
     "="
     "."
     "="
     "."
     "."},
    {State::expired,
     "."
     "."
     "."
     "."
     "."
     "."
     "."
     "."},
    {State::unknown,
     "."
     "."
     "."
     "."
     "."
     "."
     "."
     "."},
};

TEST(Lifecycle, EveryStateAndEvent) {
  for (const auto& row : table) {
    for (std::size_t e = 0; e < event_count; ++e) {
      const auto got = next(row.from, static_cast<Event>(e));
      const char want = row.cells[e];
      const auto where = std::string(name(row.from)) + ", event " + std::to_string(e);
      if (want == '=' || want == '.') {
        EXPECT_EQ(got.outcome, want == '=' ? Outcome::repeated : Outcome::ignored) << where;
        EXPECT_EQ(got.to, row.from) << where;
      } else {
        EXPECT_EQ(got.outcome, Outcome::moved) << where;
        EXPECT_EQ(letters[static_cast<std::size_t>(got.to)], want) << where;
      }
    }
  }
}

TEST(Lifecycle, NoWayLeadsBackAndFinalStatesHold) {
  for (std::size_t s = 0; s < state_count; ++s) {
    for (std::size_t e = 0; e < event_count; ++e) {
      const auto from = static_cast<State>(s);
      const auto got = next(from, static_cast<Event>(e));
      if (got.outcome == Outcome::moved) EXPECT_GT(got.to, from);
      if (is_final(from)) EXPECT_NE(got.outcome, Outcome::moved);
    }
  }
}

TEST(Lifecycle, NamesReadBack) {
  for (std::size_t s = 0; s < state_count; ++s) {
    EXPECT_EQ(state_named(name(static_cast<State>(s))), static_cast<State>(s));
  }
  EXPECT_FALSE(state_named("gone"));
  EXPECT_EQ(shown(State::sent), State::issued);
}

}  // namespace
}  // namespace skerry::act
