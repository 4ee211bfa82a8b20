// Requests that were taken are known again after a crash, when and only when their record is.
#include "coap/exchanges.hpp"

#include <gtest/gtest.h>

#include "sim/disk.hpp"
#include "sim/world.hpp"

namespace skerry::coap {
namespace {

using namespace std::chrono_literals;

class SetClock final : public Clock {
 public:
  Wall wall() override { return now; }
  Mono mono() override { return Mono(now.time_since_epoch()); }
  Wall now{1'767'225'600s};
};

struct Door {
  explicit Door(std::uint64_t seed) : chance(seed), disk(seed) { open(); }
  void open() {
    exchanges.reset();
    log.reset();
    if (disk.is_cut()) disk.power_on();
    log = log::Log::open(disk, clock, "data/log", {.segment_bytes = 1 * MiB, .chance = &chance}, metrics).value();
    exchanges = Exchanges::open(*log, disk, clock, "data/exchanges").value();
  }
  record::Position take(const std::string& exchange) {
    const auto origin = origin_of(exchange);
    record::Record r;
    r.topic = "sensors/t1/data";
    r.payload = as_bytes("{}");
    r.origin = origin;
    const auto at = log->append(r).value();
    exchanges->note(exchange, at, clock.now);
    return at;
  }
  SetClock clock;
  sim::SeededChance chance;
  sim::Disk disk;
  metrics::Registry metrics;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<Exchanges> exchanges;
};

TEST(Exchanges, KnownAgainAfterACrashWhereTheRecordIs) {
  Door door(1);
  const auto first = door.take("a");
  ASSERT_TRUE(door.log->commit());
  door.take("b");  // never on disk
  door.disk.cut_now();
  door.open();
  EXPECT_EQ(door.exchanges->find("a"), first);
  EXPECT_FALSE(door.exchanges->find("b"));
  EXPECT_FALSE(door.exchanges->find("c"));
}

TEST(Exchanges, ACheckpointHoldsNothingThatACrashTakes) {
  Door door(1);
  for (int i = 0; i < 1500; ++i) door.take("a" + std::to_string(i));
  ASSERT_TRUE(door.log->commit());
  while (door.exchanges->step().value()) {
  }
  door.take("late");
  ASSERT_TRUE(door.exchanges->checkpoint());
  ASSERT_TRUE(door.disk.exists("data/exchanges").value());
  door.disk.cut_now();
  door.open();
  EXPECT_TRUE(door.exchanges->find("a0"));
  EXPECT_TRUE(door.exchanges->find("a1499"));
  EXPECT_FALSE(door.exchanges->find("late"));
}

TEST(Exchanges, ForgottenAfterTheirLifetime) {
  Door door(1);
  door.take("old");
  door.clock.now += exchange_lifetime + 1s;
  door.take("new");
  ASSERT_TRUE(door.log->commit());
  (void)door.exchanges->step().value();
  EXPECT_FALSE(door.exchanges->find("old"));
  EXPECT_TRUE(door.exchanges->find("new"));
  door.open();
  EXPECT_FALSE(door.exchanges->find("old"));
  EXPECT_TRUE(door.exchanges->find("new"));
}

}  // namespace
}  // namespace skerry::coap
