// The wall clock that does not go back, whatever is done to the one behind it.
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include "base/chance.hpp"

namespace skerry {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class HandClock final : public Clock {
 public:
  Wall wall() override { return wall_; }
  Mono mono() override { return mono_; }
  void pass(seconds s) {
    wall_ += s;
    mono_ += s;
  }
  void set_back(seconds s) { wall_ -= s; }

 private:
  Wall wall_{std::chrono::hours{500'000}};
  Mono mono_{};
};

TEST(SteadyWall, FollowsTheClock) {
  HandClock clock;
  SteadyWall steady(clock);
  const auto begin = steady.now();
  clock.pass(seconds{5});
  EXPECT_EQ(steady.now() - begin, seconds{5});
  EXPECT_EQ(steady.jumps(), 0U);
}

TEST(SteadyWall, StandsStillUntilTheClockHasCaughtUp) {
  HandClock clock;
  SteadyWall steady(clock);
  const auto begin = steady.now();
  clock.set_back(seconds{30});
  EXPECT_EQ(steady.now(), begin);
  clock.pass(seconds{29});
  EXPECT_EQ(steady.now(), begin);
  clock.pass(seconds{2});
  EXPECT_EQ(steady.now() - begin, seconds{1});
  EXPECT_EQ(steady.jumps(), 0U);  // half a minute is no jump
}

TEST(SteadyWall, CountsJumpsEitherWayOnce) {
  HandClock clock;
  SteadyWall steady(clock);
  steady.now();
  clock.set_back(minutes{-2});
  steady.now();
  EXPECT_EQ(steady.jumps(), 1U);
  steady.now();
  EXPECT_EQ(steady.jumps(), 1U);
  clock.set_back(minutes{5});
  steady.now();
  EXPECT_EQ(steady.jumps(), 2U);
}

TEST(SteadyWall, ALongSleepIsNoJump) {
  HandClock clock;
  SteadyWall steady(clock);
  steady.now();
  clock.pass(std::chrono::hours{10});
  steady.now();
  EXPECT_EQ(steady.jumps(), 0U);
}

TEST(SteadyWall, NeverBeforeItsFloor) {
  HandClock clock;
  const auto floor = clock.wall() + minutes{3};  // the newest record of the log
  SteadyWall steady(clock, floor);
  EXPECT_EQ(steady.now(), floor);
  clock.pass(minutes{4});
  EXPECT_EQ(steady.now() - floor, minutes{1});
}

TEST(SystemClock, MonoDoesNotGoBack) {
  auto last = system_clock().mono();
  for (int i = 0; i < 1000; ++i) {
    const auto now = system_clock().mono();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(system_clock().wall().time_since_epoch(), std::chrono::hours{24 * 365 * 50});
}

TEST(Chance, BelowStaysBelow) {
  auto& chance = system_chance();
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto n = chance.below(10);
    ASSERT_LT(n, 10U);
    low = low || n < 5;
    high = high || n >= 5;
    ASSERT_EQ(chance.below(1), 0U);
  }
  EXPECT_TRUE(low && high);
}

}  // namespace
}  // namespace skerry
