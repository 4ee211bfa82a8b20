// Threads of other projects where data was lost, repeated or stuck (docs/protocol.md, "Threads"): the real log on a
// simulated disk, sent to a cloud in memory. Those that need no disk stand in conversation_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/logger.hpp"
#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"
#include "sync/log_source.hpp"
#include "tests/sync/rig.hpp"

namespace skerry::sync {
namespace {

using namespace rig;

class OnDisk : public testing::Test {
 protected:
  OnDisk() {
    logger::configure(logger::Level::off, logger::Format::text);
    start();
  }
  void start() {
    sender.reset();
    source.reset();
    log.reset();
    auto opened = log::Log::open(disk, world, "log",
                                 {.segment_bytes = 64 * KiB, .tail_bytes_max = 4 * KiB, .chance = &chance}, metrics);
    ASSERT_TRUE(opened) << opened.error().text();
    log = std::move(*opened);
    source = std::make_unique<LogSource>(*log);
    sender = std::make_unique<Sender>(*source, options(log->epoch()), memory);
  }
  void power_cut() {
    if (sender) memory = sender->memory();
    sender.reset();
    source.reset();
    log.reset();
    disk.cut_now();
    disk.power_on();
    start();
  }
  void append(int many) {
    for (int i = 0; i < many; ++i) {
      std::string noise = std::to_string(accepted++) + " ";
      while (noise.size() < 300) noise += static_cast<char>('!' + chance.below(90));
      ASSERT_TRUE(log->append({.topic = "sensors/d/data", .payload = as_bytes(noise)}));
      if (i % 500 == 499) {
        ASSERT_TRUE(log->commit());
      }
    }
    ASSERT_TRUE(log->commit());
  }
  void tidy() {
    for (int i = 0; i < 1'000; ++i) {
      const auto more = log->tidy();
      ASSERT_TRUE(more) << more.error().text();
      if (!*more) return;
    }
  }
  void send(int rounds = 400) {
    Wire wire(*sender, cloud);
    wire.run(rounds);
    memory = sender->memory();
  }
  Kept& kept() { return cloud.of(log->epoch(), Class::medium); }
  std::uint64_t declared() {
    std::uint64_t sum = 0;
    for (const auto& [from, to, reason] : kept().gaps) sum += to - from;
    return sum;
  }
  void expect_all() {
    EXPECT_EQ(kept().offsets.size() + declared(), accepted);
    auto offsets = kept().offsets;
    std::ranges::sort(offsets);
    EXPECT_EQ(std::ranges::adjacent_find(offsets), offsets.end()) << "twice";
  }

  SeededChance chance{3};
  sim::World world{3};
  sim::Disk disk{3};
  metrics::Registry metrics;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<LogSource> source;
  std::unique_ptr<Sender> sender;
  std::optional<Memory> memory;
  MemoryStore cloud;
  std::uint64_t accepted = 0;
};

// nats-io/nats-server#7564: acknowledged, and gone with the power.
TEST_F(OnDisk, nats_7564_what_was_acknowledged_survives_the_power_and_is_sent) {
  for (int i = 0; i < 10; ++i) {
    append(50);
    power_cut();
  }
  send();
  EXPECT_EQ(kept().offsets.size(), accepted);
  expect_all();
}

// nats-io/nats-server#7549: one flipped bit, thousands of records gone.
TEST_F(OnDisk, nats_7549_a_flipped_bit_costs_a_chunk_that_is_declared) {
  append(3'000);
  tidy();
  std::string path;
  for (const auto& [name, bytes] : disk.snapshot()) {
    if (name.ends_with(".blk") && !name.contains("free-") && path.empty()) path = name;
  }
  ASSERT_FALSE(path.empty());
  sender.reset();
  source.reset();
  log.reset();
  disk.flip_bit(path, 5'000 * 8);
  start();
  send(2'000);
  expect_all();
  EXPECT_GT(declared(), 0U);
  EXPECT_LT(declared(), 400U) << "a chunk, not the file";
  for (const auto& [from, to, reason] : kept().gaps) EXPECT_EQ(reason, Reason::damage);
}

// vectordotdev/vector#17644, #16463, #16231: an endless loop, or lost events and hand repair, after a hardware reset.
TEST_F(OnDisk, vector_17644_16463_after_each_reset_it_goes_on_by_itself) {
  for (int i = 0; i < 30; ++i) {
    append(static_cast<int>(chance.below(120)));
    if (chance.one_in(2)) tidy();
    if (chance.one_in(2)) send(static_cast<int>(chance.below(10)));
    power_cut();
  }
  send(1'000);
  EXPECT_EQ(kept().offsets.size(), accepted);
  expect_all();
}

// fluent/fluent-bit#4225, #2274, #10530: the mark was moved, what it stood for was in memory only; orphaned chunks.
TEST_F(OnDisk, fluent_bit_4225_2274_10530_a_saved_mark_never_stands_for_what_was_not_applied) {
  append(500);
  {
    Wire wire(*sender, cloud);
    wire.deaf = true;  // sent and applied, and no acknowledgement comes back
    wire.run(20);
    memory = sender->memory();
  }
  EXPECT_EQ(memory->acked[2].prefix_end(), 0U);
  power_cut();
  append(10);
  cloud.kept.clear();  // the cloud had it in memory only, too
  send();
  EXPECT_EQ(kept().offsets.size(), accepted);
  expect_all();
}

// thingsboard/thingsboard-gateway#2124: the store was destroyed at each reconnect.
TEST_F(OnDisk, thingsboard_2124_a_hundred_reconnects_change_nothing_on_disk) {
  append(200);
  const auto before = disk.snapshot();
  for (int i = 0; i < 100; ++i) Wire(*sender, cloud).run(1);
  EXPECT_EQ(disk.snapshot(), before);
  send();
  EXPECT_EQ(kept().offsets.size(), accepted);
}

// nanomq/nanomq#1980: 150 MB took 12 hours, a record at a time. Here a round trip moves many, whatever they are.
TEST_F(OnDisk, nanomq_1980_a_backlog_goes_by_windows_not_by_records) {
  append(30'000);
  tidy();
  Wire wire(*sender, cloud);
  int rounds = 0;
  for (; rounds < 1'000 && kept().offsets.size() < accepted; ++rounds) wire.round();
  EXPECT_EQ(kept().offsets.size(), accepted);
  EXPECT_LT(rounds, 300) << "30,000 records: more than 100 of them in each round trip";
  EXPECT_EQ(sender->counts().records, accepted) << "each once";
}

}  // namespace
}  // namespace skerry::sync
