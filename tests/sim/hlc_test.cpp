// Hybrid logical clocks on machines whose wall clocks differ and jump: order is kept, and nobody is dragged ahead.
#include "base/hlc.hpp"

#include <gtest/gtest.h>

#include "sim/world.hpp"

namespace skerry {
namespace {

TEST(Hlc, EffectIsLaterThanCauseWhateverTheClocksSay) {
  for (const auto seed : sim::seeds(200)) {
    sim::World here(seed);
    sim::World there(seed + 1);
    HybridClock a(here);
    HybridClock b(there);
    Hlc last{};
    for (int i = 0; i < 100; ++i) {
      auto& world = here.chance().one_in(2) ? here : there;
      world.jump_wall(std::chrono::milliseconds{static_cast<std::int64_t>(here.chance().below(40'000)) - 20'000});
      const auto sent = a.now();
      ASSERT_GT(sent, last) << seed;
      const auto got = b.seen(sent);
      if (!got) {
        ASSERT_GT(sent.wall() - to_event(there.wall()), HybridClock::ahead_max) << seed;
        last = sent;
        continue;
      }
      ASSERT_GT(*got, sent) << seed;
      last = sent;
    }
  }
}

TEST(Hlc, AClockFarAheadIsRefusedAndCounted) {
  sim::World world(1);
  HybridClock clock(world);
  const auto before = clock.now();
  const Hlc far{before.value + (std::uint64_t{61'000} << 16)};
  EXPECT_EQ(clock.seen(far).error().code, Code::invalid);
  EXPECT_EQ(clock.refused(), 1U);
  EXPECT_LT(clock.now(), far);
}

TEST(Hlc, AFullCounterCarriesIntoTheMilliseconds) {
  sim::World world(1);
  HybridClock clock(world);
  auto last = clock.now();
  for (int i = 0; i < 70'000; ++i) {
    const auto next = clock.now();
    ASSERT_GT(next, last);
    last = next;
  }
}

}  // namespace
}  // namespace skerry
