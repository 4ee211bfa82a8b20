// Shares, precedence, displacement, expiry, congestion and bandwidth of the queues.
#include "sync/queues.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "sim/world.hpp"

namespace skerry::sync {
namespace {

constexpr auto ms = [](std::int64_t n) { return std::chrono::milliseconds{n}; };
constexpr std::uint64_t frame = 2'500;
constexpr std::size_t critical = 0, high = 1, medium = 2, low = 3;

PerClass<Queues::Window> windows(std::array<std::uint64_t, 4> waiting) {
  PerClass<Queues::Window> all;
  for (std::size_t c = 0; c < 4; ++c) all[c] = {.from = 0, .end = waiting[c]};
  return all;
}

// Bytes of each class, when those that wait send frames of lengths that chance chooses.
std::array<double, 4> split(Chance& chance, Queues& queues, const Queues::Due& due, std::uint64_t bytes) {
  std::array<double, 4> of{};
  for (std::uint64_t sum = 0; sum < bytes;) {
    const auto choice = queues.next(due, frame);
    const auto size = 60 + chance.below(2 * frame);
    queues.sent(*choice, 1, size, {});
    of[static_cast<std::size_t>(choice->cls)] += static_cast<double>(size);
    sum += size;
  }
  const auto all = std::accumulate(of.begin(), of.end(), 0.0);
  for (auto& each : of) each = 100 * each / all;
  return of;
}

TEST(Queues, shares_hold_within_a_point_whoever_waits) {
  for (const auto seed : sim::seeds(300)) {
    sim::World world(seed);
    Queues queues({});
    Queues::Due due;
    std::array<double, 4> wanted{30, 40, 20, 10};
    double sum = 0;
    for (std::size_t c = 0; c < 4; ++c) {
      due.live[c] = world.chance().one_in(2) || (c == 3 && sum == 0);
      due.backlog[c] = due.live[c] && seed % 2 == 0;
      if (due.live[c]) sum += wanted[c];
    }
    const auto got = split(world.chance(), queues, due, 2'400'000);  // ten seconds of 2 Mbit/s
    for (std::size_t c = 0; c < 4; ++c)
      EXPECT_NEAR(got[c], due.live[c] ? 100 * wanted[c] / sum : 0, 1) << "seed " << seed << " class " << c;
  }
}

TEST(Queues, critical_goes_first_within_its_share_and_not_beyond) {
  Queues queues({});
  Queues::Due busy{.live = {false, true, true, true}, .backlog = {}};
  for (int i = 0; i < 1'000; ++i) {
    for (int other = 0; other < 9; ++other) queues.sent(*queues.next(busy, frame), 1, frame, {});
    auto with = busy;
    with.live[critical] = true;  // one frame in ten: far below 30 %
    const auto choice = queues.next(with, frame);
    ASSERT_EQ(choice->cls, Class::critical) << i;
    queues.sent(*choice, 1, frame, {});
  }
}

// Found by bench/link: who was alone on the link for a while owed all of it to those who came.
TEST(Queues, who_was_alone_owes_nothing) {
  for (const auto alone : {critical, high, medium, low}) {
    sim::World world(1);
    Queues queues({});
    Queues::Due one;
    one.live[alone] = true;
    (void)split(world.chance(), queues, one, 50'000'000);
    const auto got = split(world.chance(), queues, {.live = {true, true, true, true}, .backlog = {}}, 2'400'000);
    for (std::size_t c = 0; c < 4; ++c) EXPECT_NEAR(got[c], (std::array{30, 40, 20, 10}[c]), 1) << alone << " " << c;
  }
}

TEST(Queues, backlog_has_an_eighth_while_live_fills_the_link_and_all_of_it_otherwise) {
  Queues queues({});
  const Queues::Due both{.live = {false, false, true, false}, .backlog = {false, false, true, false}};
  double backlog = 0;
  for (int i = 0; i < 8'000; ++i) {
    const auto choice = queues.next(both, frame);
    queues.sent(*choice, 1, frame, {});
    if (choice->lane == Lane::backlog) ++backlog;
  }
  EXPECT_NEAR(backlog / 8'000, 1.0 / 8, 0.002);
  const auto alone = queues.next({.live = {}, .backlog = {false, false, true, false}}, frame);
  EXPECT_EQ(*alone, (Choice{Lane::backlog, Class::medium}));
  EXPECT_FALSE(queues.next({}, frame));
}

TEST(Queues, what_is_too_old_leaves_its_window_and_half_its_time_is_kept) {
  Queues queues({});
  Mono now{};
  for (std::uint64_t second = 1; second <= 31; ++second) {
    queues.see({0, 0, second * 10, 0}, now);
    now += std::chrono::seconds{1};
  }
  EXPECT_EQ(queues.age(Class::medium, 0, now), std::chrono::seconds{31});
  EXPECT_EQ(queues.age(Class::medium, 305, now), std::chrono::seconds{1});
  EXPECT_EQ(queues.age(Class::medium, 310, now), std::chrono::seconds{0});
  const auto leaves = queues.account(windows({0, 0, 310, 0}), now);
  ASSERT_TRUE(leaves[medium]);
  EXPECT_TRUE(leaves[medium]->expired);
  EXPECT_EQ(leaves[medium]->to, 160U);
  EXPECT_FALSE(leaves[high]);
}

TEST(Queues, more_than_a_queue_holds_leaves_it_when_it_stays_so) {
  Queues queues({});
  Mono now{};
  queues.see({0, 0, 1'400, 0}, now);
  EXPECT_FALSE(queues.account(windows({0, 0, 1'400, 0}), now)[medium]) << "a burst";
  const auto leaves = queues.account(windows({0, 0, 1'400, 0}), now + ms(100));
  ASSERT_TRUE(leaves[medium]);
  EXPECT_FALSE(leaves[medium]->expired);
  EXPECT_EQ(leaves[medium]->to, 900U) << "the newest half of the queue stays";
}

TEST(Queues, too_much_of_critical_displaces_the_lowest) {
  Queues queues({});
  for (int i = 0; i < 2; ++i) {
    const auto leaves = queues.account(windows({600, 500, 1'000, 2'000}), Mono{} + ms(100 * i));
    EXPECT_FALSE(leaves[critical]);
    EXPECT_FALSE(leaves[high]);
    EXPECT_FALSE(leaves[medium]);
    if (i == 0) continue;
    ASSERT_TRUE(leaves[low]);  // 500 places of it are critical's now
    EXPECT_EQ(leaves[low]->to, 2'000U - 1'500 / 2);
  }
  Queues full({});
  for (int i = 0; i < 2; ++i) {
    const auto leaves = full.account(windows({4'000, 0, 0, 0}), Mono{} + ms(100 * i));
    EXPECT_EQ(leaves[critical].has_value(), i == 1) << "all places together are 3,600";
  }
}

TEST(Queues, each_open_stretch_doubles_the_patience) {
  QueuesOptions options;
  for (std::size_t stretches = 1; stretches <= 7; ++stretches) {
    Queues queues(options);
    const auto limit = 1'000U << (stretches - 1);
    for (const auto waiting : {limit, limit + 1}) {
      auto all = windows({0, 0, waiting, 0});
      all[medium].stretches = stretches;
      (void)queues.account(all, {});
      EXPECT_EQ(queues.account(all, {})[medium].has_value(), waiting > limit) << stretches;
      all[medium].can_leave = false;
      (void)queues.account(all, {});
      EXPECT_FALSE(queues.account(all, {})[medium]);
    }
  }
}

TEST(Queues, a_class_that_drops_keeps_the_newest_and_all_that_is_in_time) {
  QueuesOptions options;
  options.classes[low].drop_late = true;
  Queues queues(options);
  Mono now{};
  queues.see({0, 0, 0, 100}, now);
  queues.see({0, 0, 0, 200}, now + ms(10'000));
  const auto leaves = queues.account(windows({0, 0, 0, 200}), now + ms(30'001));
  ASSERT_TRUE(leaves[low]);
  EXPECT_EQ(leaves[low]->to, 100U);
}

TEST(Queues, congestion_is_the_mean_of_the_last_hundred_and_scales_a_configured_bandwidth) {
  QueuesOptions options;
  options.bandwidth = 250'000;
  Queues queues(options);
  EXPECT_EQ(queues.congestion(), Congestion::none);
  EXPECT_EQ(queues.budget(), 250'000U);
  const auto fill = [&](std::uint64_t of_3600, int times) {
    for (; times > 0; --times)
      (void)queues.account(windows({0, 0, std::min<std::uint64_t>(of_3600, 1'000),
                                    of_3600 > 1'000 ? std::min<std::uint64_t>(of_3600 - 1'000, 2'000) : 0}),
                           {});
  };
  fill(3'000, 100);  // 0.83
  EXPECT_EQ(queues.congestion(), Congestion::severe);
  EXPECT_EQ(queues.budget(), 150'000U);
  fill(0, 20);  // 0.67
  EXPECT_EQ(queues.congestion(), Congestion::mild);
  EXPECT_EQ(queues.budget(), 200'000U);
  fill(0, 25);  // 0.46
  EXPECT_EQ(queues.congestion(), Congestion::none);
  EXPECT_NEAR(queues.fill(), 0.83 * 0.55, 0.01);
}

TEST(Queues, a_configured_bandwidth_holds_over_any_second) {
  for (const auto seed : sim::seeds(50)) {
    sim::World world(seed);
    QueuesOptions options;
    options.bandwidth = 32'000;
    Queues queues(options);
    Mono now = Mono{} + std::chrono::hours{1};
    const auto begin = now;
    std::uint64_t wire = 0;
    const Queues::Due due{.live = {true, true, true, true}, .backlog = {}};
    while (now < begin + std::chrono::seconds{20}) {
      if (const auto at = queues.may_send_at(now); at > now) {
        now = at;
        continue;
      }
      const auto size = 60 + world.chance().below(3'000);
      queues.sent(*queues.next(due, frame), 1, size, now);
      wire += wire_bytes(size);
    }
    EXPECT_NEAR(static_cast<double>(wire) / 20, 32'000, 400) << seed;
  }
}

}  // namespace
}  // namespace skerry::sync
