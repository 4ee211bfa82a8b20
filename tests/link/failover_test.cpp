// Which way is used, when another is tried, and when one goes back.
#include "link/failover.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/world.hpp"

namespace skerry::link {
namespace {

constexpr auto s = [](std::int64_t n) { return std::chrono::seconds{n}; };

struct Ways {
  explicit Ways(std::vector<WayRank> ways, std::uint64_t seed = 1)
      : world(seed), failover({std::move(ways)}, world.chance()) {}
  std::size_t next() { return *failover.next(now).way; }
  void up(std::size_t way) {
    failover.tried();
    failover.up(way, now);
  }
  void fails(std::size_t way) {
    failover.tried();
    failover.failed(way, now);
  }
  sim::World world;
  Failover failover;
  Mono now{};
};

TEST(Failover, the_best_is_tried_first_and_the_others_at_once_when_it_fails) {
  Ways ways({{2, 0}, {1, 5}, {1, 1}});
  EXPECT_EQ(ways.failover.order(), (std::vector<std::size_t>{2, 1, 0}));
  EXPECT_EQ(ways.next(), 2U);
  ways.fails(2);
  EXPECT_EQ(ways.next(), 1U);
  ways.fails(1);
  EXPECT_EQ(ways.next(), 0U);
  ways.fails(0);
  EXPECT_FALSE(ways.failover.next(ways.now).way) << "all have failed: a pause";
  const auto at = ways.failover.next(ways.now).at;
  EXPECT_LE(at, ways.now + std::chrono::milliseconds{250});
  ways.now = at;
  EXPECT_EQ(ways.next(), 2U);
}

TEST(Failover, one_that_is_lost_gives_way_at_once) {
  Ways ways({{1, 0}, {2, 0}});
  ways.up(0);
  EXPECT_FALSE(ways.failover.next(ways.now).way);
  ways.failover.failed(0, ways.now);
  EXPECT_EQ(ways.next(), 1U);
  ways.up(1);
  ways.failover.failed(1, ways.now);
  EXPECT_EQ(ways.next(), 0U);
}

TEST(Failover, better_ways_are_looked_at_in_turn_and_gone_back_to) {
  Ways ways({{1, 0}, {2, 0}, {3, 0}});
  ways.fails(0);
  ways.fails(1);
  ways.up(2);
  EXPECT_FALSE(ways.failover.look(ways.now));
  ways.now += s(60);
  EXPECT_EQ(ways.failover.look(ways.now), 0U);
  EXPECT_EQ(ways.failover.look(ways.now), 1U) << "the best was looked at in vain";
  EXPECT_FALSE(ways.failover.look(ways.now));
  ways.failover.up(1, ways.now);
  EXPECT_EQ(ways.failover.in_use(), 1U);
  ways.now += s(60);
  EXPECT_EQ(ways.failover.look(ways.now), 0U);
  ways.failover.up(0, ways.now);
  ways.now += s(600);
  EXPECT_FALSE(ways.failover.look(ways.now)) << "there is none better";
}

TEST(Failover, a_way_that_flaps_is_looked_at_ever_less_until_it_has_lasted) {
  Ways ways({{1, 0}, {2, 0}});
  std::vector<std::int64_t> pauses;
  const auto lost_after = [&](std::chrono::seconds lasted) {
    ways.now += lasted;
    ways.failover.failed(0, ways.now);
    ways.up(1);
    const auto from = ways.now;
    while (ways.failover.look(ways.now) != 0U) ways.now += s(1);
    pauses.push_back((ways.now - from) / s(1));
    ways.failover.up(0, ways.now);
  };
  ways.up(0);
  for (int i = 0; i < 8; ++i) lost_after(s(20));
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{120, 240, 480, 960, 1'920, 3'600, 3'600, 3'600}));
  lost_after(s(3'600));
  EXPECT_EQ(pauses.back(), 60);
}

TEST(Failover, pauses_double_up_to_the_longest_and_a_success_ends_them) {
  Ways ways({{1, 0}});
  std::chrono::nanoseconds longest{};
  for (int i = 0; i < 20; ++i) {
    ways.fails(0);
    const auto at = ways.failover.next(ways.now).at;
    longest = std::max(longest, at - ways.now);
    ways.now = at;
  }
  EXPECT_GT(longest, s(15));
  EXPECT_LE(longest, s(30));
  ways.up(0);
  ways.failover.failed(0, ways.now);
  EXPECT_LE(ways.failover.next(ways.now).at - ways.now, std::chrono::milliseconds{250});
  ways.failover.hold(s(60), ways.now);
  EXPECT_EQ(ways.failover.next(ways.now).at, ways.now + s(60));
}

// Whatever happens: some way that works is in use within the longest pause.
TEST(Failover, with_a_way_that_works_it_is_never_without_one_for_long) {
  for (const auto seed : sim::seeds(500)) {
    sim::World world(seed);
    const auto many = 1 + world.chance().below(4);
    std::vector<WayRank> ranks;
    for (std::uint64_t i = 0; i < many; ++i)
      ranks.push_back(
          {static_cast<std::int64_t>(world.chance().below(3)), static_cast<double>(world.chance().below(3))});
    Failover failover({ranks}, world.chance());
    std::vector<bool> works(many, true);
    Mono now{};
    Mono without_since{};
    for (int i = 0; i < 2'000; ++i) {
      now += std::chrono::milliseconds{100};
      if (world.chance().one_in(20)) works[world.chance().below(many)] = world.chance().one_in(2);
      if (const auto used = failover.in_use(); used && !works[*used]) failover.failed(*used, now);
      if (const auto next = failover.next(now); next.way) {
        failover.tried();
        works[*next.way] ? failover.up(*next.way, now) : failover.failed(*next.way, now);
      }
      if (const auto better = failover.look(now); better && works[*better]) failover.up(*better, now);
      if (failover.in_use() || std::ranges::none_of(works, std::identity{})) without_since = now;
      ASSERT_LE(now - without_since, s(31)) << seed;
    }
  }
}

}  // namespace
}  // namespace skerry::link
