// Every fault of a disk by name: what the log does, what it shows, and that it goes on. Each test fails when the
// handling it names is taken out.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/logger.hpp"
#include "log/tools.hpp"
#include "tests/log/crash_run.hpp"

namespace skerry::log {
namespace {

using namespace std::chrono_literals;
using Op = sim::Disk::Op;

class DiskFault : public testing::Test {
 protected:
  DiskFault() {
    logger::configure(logger::Level::off, logger::Format::text);
    options_.segment_bytes = 16 * KiB;
    options_.low_keep = 0s;
    options_.tail_bytes_max = 4 * KiB;  // read from the disk, not from memory
    options_.budget_bytes = 1 * GiB;
    options_.chance = &chance_;
  }

  void open() {
    log_.reset();
    disk_.kill();
    auto log = Log::open(disk_, clock_, "data", options_, metrics_);
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::move(*log);
  }
  void commit(std::string_view payload, Class cls = Class::medium) {
    ASSERT_TRUE(log_->append({.cls = cls, .topic = "sensors/d1/data", .payload = as_bytes(payload)}));
    const auto done = log_->commit();
    ASSERT_TRUE(done) << done.error().text();
  }
  // Records of every class, turned into blocks, a second apart.
  void fill(int count, std::size_t bytes = 900) {
    for (int i = 0; i < count; ++i) {
      std::string noise;  // does not pack
      while (noise.size() < bytes) noise += static_cast<char>('!' + chance_.below(90));
      commit(noise, static_cast<Class>(i % 4));
      clock_.advance(1s);
    }
  }
  void tidy(int steps = 1000) {
    for (; steps > 0; --steps) {
      const auto more = log_->tidy();
      ASSERT_TRUE(more) << more.error().text();
      if (log_->commit_due()) static_cast<void>(log_->commit());
      if (!*more) return;
    }
    FAIL() << "tidying comes to no end";
  }
  std::array<std::uint64_t, 4> there() {
    std::array<std::uint64_t, 4> count{};
    for (Position from;;) {
      const auto chunk = log_->read(from);
      EXPECT_TRUE(chunk) << chunk.error().text();
      if (!chunk || chunk->empty()) return count;
      for (const auto& r : chunk->records()) ++count[static_cast<std::size_t>(r.cls)];
      from = chunk->next();
    }
  }
  std::uint64_t gone(Class cls, GapReason reason) {
    std::uint64_t records = 0;
    for (const auto& gap : log_->gaps()) records += gap.cls == cls && gap.reason == reason ? gap.records() : 0;
    return records;
  }
  std::string file_ending(std::string_view end) {
    for (const auto& [name, bytes] : disk_.snapshot()) {
      if (name.ends_with(end) && !name.contains("free-")) return name;
    }
    return {};
  }
  // Every record ever given out is there or in a declared gap, and never both.
  void expect_all_accounted_for() {
    const auto here = there();
    const auto ends = log_->stats().ends;
    for (std::size_t c = 0; c < 4; ++c) {
      std::uint64_t records = here[c];
      for (const auto& gap : log_->gaps()) records += static_cast<std::size_t>(gap.cls) == c ? gap.records() : 0;
      EXPECT_EQ(records, ends[c].value) << record::name(static_cast<Class>(c));
    }
    std::string told;
    const auto verified = verify(disk_, "data", [&](std::string_view line) { told += line; });
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->problems, 0U) << told;
  }

  TestClock clock_;
  sim::SeededChance chance_{11};
  sim::Disk disk_{5};
  Options options_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
};

// ---- trimming ----

TEST_F(DiskFault, TheLeastImportantClassGoesFirstWhenTheBudgetIsUsedUp) {
  options_.budget_bytes = 500 * KiB;
  open();
  fill(400);
  tidy();
  EXPECT_LE(log_->stats().used_bytes, options_.budget_bytes);
  const auto left = there();
  EXPECT_GT(gone(Class::low, GapReason::budget), 0U);
  EXPECT_GT(gone(Class::medium, GapReason::budget), 0U);
  EXPECT_EQ(gone(Class::critical, GapReason::budget), 0U);
  EXPECT_GE(left[0], 100U);
  EXPECT_LT(left[3], left[1]);
  expect_all_accounted_for();
  open();
  expect_all_accounted_for();
}

TEST_F(DiskFault, WhatIsYoungerThanCacheDurationGoesLast) {
  options_.budget_bytes = 500 * KiB;
  options_.cache_duration = 150s;
  open();
  fill(400);
  tidy();
  // Old critical records went before young ones of class low.
  EXPECT_GT(gone(Class::critical, GapReason::budget), 0U);
  EXPECT_GT(there()[3], 0U);
  expect_all_accounted_for();
}

TEST_F(DiskFault, ClassLowGoesByAge) {
  options_.low_keep = 100s;
  open();
  fill(200);
  tidy();
  EXPECT_GT(gone(Class::low, GapReason::age), 10U);
  EXPECT_GT(there()[3], 10U);
  EXPECT_EQ(gone(Class::medium, GapReason::age), 0U);
  expect_all_accounted_for();
}

TEST_F(DiskFault, PinnedRecordsAreCopiedForwardAndKeepTheirPlace) {
  options_.budget_bytes = 480 * KiB;
  open();
  fill(40);
  log_->pin("mqtt", {20}, {{3}, {7}});
  fill(360);
  tidy();
  const auto before_pins = log_->gaps();
  for (const auto& gap : before_pins) EXPECT_LE(gap.first.value, 20U);  // nothing from `before` on
  log_->pin("mqtt", log_->committed_end(), {{3}, {7}});
  tidy();
  for (int round = 0; round < 2; ++round) {
    for (const auto position : {3U, 7U}) {
      const auto chunk = log_->read({position}, {.bytes_max = 1});
      ASSERT_TRUE(chunk);
      ASSERT_FALSE(chunk->empty());
      EXPECT_EQ(chunk->records()[0].position.value, position);
      EXPECT_EQ(chunk->records()[0].cls, Class::low);
    }
    expect_all_accounted_for();
    open();
    log_->pin("mqtt", log_->committed_end(), {{3}, {7}});
    tidy();
  }
  log_->pin("mqtt", log_->committed_end(), {});
  fill(100);
  tidy();
  EXPECT_GT(log_->read({3}, {.bytes_max = 1})->records()[0].position.value, 7U);
  expect_all_accounted_for();
}

TEST_F(DiskFault, WhatTheCloudLacksGoesAfterWhatItHas) {
  options_.budget_bytes = 500 * KiB;
  open();
  log_->hold(Class::low, Offset{0});
  log_->hold(Class::medium, Offset{0});
  fill(320);
  tidy();
  EXPECT_GT(gone(Class::critical, GapReason::budget), 0U);  // the cloud has all of it
  EXPECT_EQ(gone(Class::low, GapReason::budget), 0U);
  fill(320);
  tidy();
  EXPECT_GT(gone(Class::low, GapReason::budget), 0U);  // the budget is the budget
  expect_all_accounted_for();
}

TEST_F(DiskFault, AReaderThatFellBehindIsToldHowManyItMissed) {
  options_.budget_bytes = 480 * KiB;
  open();
  fill(400);
  tidy();
  const auto low = record::mask(Class::low);
  EXPECT_GT(log_->gone_to(low), Position{});
  EXPECT_EQ(log_->missed({}, low), gone(Class::low, GapReason::budget));
  EXPECT_EQ(log_->missed(log_->gone_to(low), low), 0U);
  EXPECT_EQ(log_->gone_to(record::mask(Class::critical)), Position{});
}

// ---- reads ----

TEST_F(DiskFault, AReadErrorIsTriedAgainCountedAndShown) {
  open();
  fill(60);
  tidy();
  open();
  disk_.fail(Op::read, Code::io, 0, 2);  // the read, and its first page by itself
  const auto failed = log_->read({});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_FALSE(log_->stats().failed);
  EXPECT_GT(log_->stats().read_errors, 0U);
  EXPECT_NE(log_->stats().trouble, "");
  ASSERT_TRUE(log_->read({}));
  EXPECT_TRUE(log_->gaps().empty());
  EXPECT_EQ(there()[0], 15U);
}

TEST_F(DiskFault, WhatStaysUnreadableBecomesADeclaredGap) {
  open();
  fill(60);
  tidy();
  open();
  disk_.fail(Op::read, Code::io, 0, 12);  // one page for longer than 10 s, and no longer
  for (int i = 0; i < 40; ++i) {
    static_cast<void>(log_->read({}));
    clock_.advance(5s);
  }
  tidy();
  std::uint64_t lost = 0;
  const auto here = there();
  for (std::size_t c = 0; c < 4; ++c) {
    const auto damaged = gone(static_cast<Class>(c), GapReason::damage);
    lost += damaged;
    EXPECT_GE(here[c] + damaged, log_->stats().ends[c].value) << c;  // the page can be read again
  }
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(log_->stats().state, State::ok);
  commit("goes on");
}

// ---- writes and syncs ----

TEST_F(DiskFault, AFailedWriteOrSyncEndsAcknowledgingAndTheTailIsWrittenAnewAfterARestart) {
  for (const auto op : {Op::write, Op::sync}) {
    open();
    commit("kept");
    const auto before = log_->committed_end();
    const auto newest = [&] {
      std::string last;
      for (const auto& [name, bytes] : disk_.snapshot()) {
        if (name.ends_with(".seg") && !name.contains("free-")) last = name;
      }
      return (*disk_.open(last, Files::Mode::read))->size().value_or(0);
    };
    static_cast<void>(newest);
    ASSERT_TRUE(log_->append({.topic = "a", .payload = as_bytes("never acknowledged")}));
    disk_.fail(op, Code::io);
    EXPECT_EQ(log_->commit().error().code, Code::io);
    const auto syncs = disk_.syncs();
    EXPECT_EQ(log_->commit().error().code, Code::io);
    EXPECT_EQ(disk_.syncs(), syncs) << "the same bytes were tried again";
    EXPECT_EQ(log_->stats().state, State::failed);
    EXPECT_NE(log_->stats().trouble.find("restart"), std::string::npos);
    EXPECT_EQ(log_->committed_end(), before);
    disk_.cut_now();
    disk_.power_on();
    open();
    EXPECT_GE(log_->end(), before);
    EXPECT_EQ(log_->stats().state, State::ok);
    commit("goes on");
  }
}

TEST_F(DiskFault, AFullDiskPushesBackTrimsAndGoesOnByItself) {
  open();
  fill(200);
  tidy();
  disk_.set_capacity(log_->stats().used_bytes + 8 * KiB);
  Result<> done;
  for (int i = 0; i < 200 && done; ++i) {
    ASSERT_TRUE(log_->append({.topic = "a", .payload = as_bytes(std::string(900, 'x'))}));
    done = log_->commit();
  }
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::full);
  EXPECT_EQ(log_->stats().state, State::full);
  EXPECT_NE(log_->stats().trouble.find("no room"), std::string::npos);
  for (int i = 0; i < 60 && !log_->commit(); ++i) static_cast<void>(log_->tidy());
  EXPECT_EQ(log_->stats().state, State::ok);
  EXPECT_GT(gone(Class::low, GapReason::budget), 0U);
  EXPECT_EQ(gone(Class::critical, GapReason::budget), 0U);
  expect_all_accounted_for();
}

TEST_F(DiskFault, AGatewayStartsOnAFullDisk) {
  open();
  fill(30);
  std::vector<std::string> spare;
  for (const auto& [name, bytes] : disk_.snapshot()) {
    if (name.contains("free-") || name.ends_with("ballast")) spare.push_back(name);
  }
  log_.reset();
  for (const auto& name : spare) ASSERT_TRUE(disk_.remove(name));
  disk_.set_capacity(1);
  const auto before = disk_.snapshot();
  open();
  EXPECT_EQ(there(), (std::array<std::uint64_t, 4>{8, 8, 7, 7}));
  ASSERT_TRUE(log_->append({.topic = "a", .payload = as_bytes("fits into what is there")}));
  ASSERT_TRUE(log_->commit());
  disk_.cut_now();
  disk_.power_on();
  disk_.set_capacity(1 * GiB);
  open();
  EXPECT_EQ(log_->end().value, 31U);
}

// ---- rot, lost names, old images, two processes ----

TEST_F(DiskFault, RotInABlockIsADeclaredGapAndNothingElseGoes) {
  open();
  fill(400);
  tidy();
  const auto path = file_ending("high.blk");
  log_.reset();
  disk_.flip_bit(path, 80 * 8);
  open();
  there();
  tidy();
  EXPECT_GT(gone(Class::high, GapReason::damage), 0U);
  EXPECT_EQ(gone(Class::low, GapReason::damage), 0U);
  const auto here = there();
  EXPECT_EQ(here[1] + gone(Class::high, GapReason::damage), log_->stats().ends[1].value);
}

TEST_F(DiskFault, ALostBlockFileIsMissedAndDeclared) {
  open();
  fill(400);
  tidy();
  const auto path = file_ending("medium.blk");
  log_.reset();
  disk_.lose(path);
  open();
  EXPECT_GT(log_->recovery().damaged_records, 0U);
  EXPECT_GT(gone(Class::medium, GapReason::damage), 0U);
  expect_all_accounted_for();
}

// What else is lost does not matter: offsets are dense.
TEST_F(DiskFault, LostBlockFilesAreMissedWhateverTheirNeighboursStillTell) {
  open();
  fill(400);
  tidy();
  const auto first = [&](std::string_view end) {
    for (const auto& [name, bytes] : disk_.snapshot()) {
      if (name.contains("blocks/0000000000000000-") && name.ends_with(end)) return name;
    }
    return std::string{};
  };
  log_.reset();
  disk_.flip_bit(first("high.blk"), 40 * 8);  // its header
  disk_.lose(first("medium.blk"));            // the first of their classes
  disk_.lose(first("low.blk"));
  disk_.lose(file_ending("critical.blk"));  // the last before the journal
  open();
  EXPECT_GT(log_->recovery().damaged_records, 0U);
  for (const auto cls : {Class::critical, Class::high, Class::medium, Class::low})
    EXPECT_GT(gone(cls, GapReason::damage), 0U) << record::name(cls);
  open();
  EXPECT_EQ(log_->recovery().damaged_records, 0U) << "it was declared";
  const auto here = there();
  for (std::size_t c = 0; c < 4; ++c)
    EXPECT_EQ(here[c] + gone(static_cast<Class>(c), GapReason::damage), log_->stats().ends[c].value);
}

// A header that cannot be read now may be read tomorrow: nothing is declared for its sake at the start.
TEST_F(DiskFault, AHeaderThatCannotBeReadAtTheStartIsNoLossYet) {
  open();
  fill(400);
  tidy();
  log_.reset();
  disk_.kill();
  const auto image = disk_.image();
  int headers = 0;
  for (std::uint64_t skip = 0; skip < 100; ++skip) {
    log_.reset();
    disk_.restore(*image);
    disk_.fail(Op::read, Code::io, skip, 5);  // the read, three tries of its page, and when it is asked for again
    auto log = Log::open(disk_, clock_, "data", options_, metrics_);
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::move(*log);
    disk_.power_on();
    const bool of_a_block = log_->stats().trouble.contains("blocks/");
    if (!of_a_block && headers > 0) break;
    if (!of_a_block) continue;
    ++headers;
    EXPECT_TRUE(log_->gaps().empty()) << skip;
    open();
    EXPECT_EQ(there(), (std::array<std::uint64_t, 4>{100, 100, 100, 100}));
  }
  EXPECT_GT(headers, 8);
}

// Whatever the disk keeps of a batch that was being written: all of it is there afterwards, or nothing.
TEST_F(DiskFault, ATornBatchIsCutAndNoDamage) {
  const std::string torn(3000, 'x');
  int cut = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    sim::Disk disk(seed);
    auto log = *Log::open(disk, clock_, "data", options_, metrics_);
    ASSERT_TRUE(log->append({.topic = "a", .payload = as_bytes("kept")}));
    ASSERT_TRUE(log->commit());
    ASSERT_TRUE(log->append({.topic = "a", .payload = as_bytes(torn)}));
    disk.cut_after(1);  // in the sync
    EXPECT_FALSE(log->commit());
    log.reset();
    disk.power_on();
    log = *Log::open(disk, clock_, "data", options_, metrics_);
    EXPECT_EQ(log->recovery().damaged_records, 0U);
    EXPECT_TRUE(log->gaps().empty());
    const auto first = *log->read({});
    ASSERT_FALSE(first.empty());
    EXPECT_EQ(as_text(first.records()[0].payload), "kept");
    const auto second = *log->read({1});
    if (second.empty())
      ++cut;
    else
      EXPECT_EQ(as_text(second.records()[0].payload), torn);
  }
  EXPECT_GT(cut, 10);
}

TEST_F(DiskFault, ARestoredImageBeginsANewEpoch) {
  open();
  commit("a");
  const auto first = log_->epoch();
  const auto image = disk_.image();
  commit("seen outside as offset 1");
  log_.reset();
  open();
  EXPECT_EQ(log_->epoch(), first) << "a restart is no restore";
  log_.reset();
  disk_.restore(*image);
  open();
  EXPECT_NE(log_->epoch(), first);
  const auto epochs = log_->epochs();
  ASSERT_EQ(epochs.size(), 2U);
  EXPECT_EQ(epochs[1].offsets[2], Offset{1});
  EXPECT_NE(epochs[1].why.find("restored"), std::string::npos);
  EXPECT_NE(log_->recovery().told.find("new epoch"), std::string::npos);
  commit("another record at offset 1");
  open();
  EXPECT_EQ(log_->epochs().size(), 2U);
}

// Where the folder itself shows nothing: put back in place, or a place that cannot be told.
TEST_F(DiskFault, ARestoreThatSaysSoBeginsANewEpoch) {
  open();
  commit("a");
  const auto first = log_->epoch();
  options_.new_epoch = "restored from the backup made yesterday";
  open();
  EXPECT_NE(log_->epoch(), first);
  ASSERT_EQ(log_->epochs().size(), 2U);
  EXPECT_EQ(log_->epochs()[1].offsets[2], Offset{1});
  EXPECT_EQ(log_->epochs()[1].why, options_.new_epoch);
  options_.new_epoch.clear();
  const auto second = log_->epoch();
  open();
  EXPECT_EQ(log_->epoch(), second);
}

TEST_F(DiskFault, ACheckpointThatSawMoreProvesThatTheLogWasPutBack) {
  open();
  commit("a");
  log_.reset();
  open();
  const auto first = log_->epoch();
  std::map<std::string, Buffer> old;
  for (const auto& [name, bytes] : disk_.snapshot()) old[name] = bytes;
  commit("b");
  ASSERT_TRUE(save(disk_, "data/reader", 1, {2}, {}, *log_));
  const auto checkpoint = *read_file(disk_, "data/reader");
  const auto image = disk_.image();
  log_.reset();
  sim::Disk other{9};  // only the log went back
  for (const auto* dir : {"data", "data/journal", "data/blocks"}) ASSERT_TRUE(other.make_dirs(dir));
  for (const auto& [name, bytes] : old) ASSERT_TRUE(replace_file(other, name, bytes));
  ASSERT_TRUE(replace_file(other, "data/reader", checkpoint));
  auto log = Log::open(other, clock_, "data", options_, metrics_);
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ((*log)->epoch(), first);
  EXPECT_FALSE(*load(other, "data/reader", 1, **log));
  EXPECT_NE((*log)->epoch(), first);
}

TEST_F(DiskFault, ASecondProcessIsRefusedAndToldWhoIsThere) {
  const auto path = testing::TempDir() + "skerry-lock-" + std::to_string(chance_.next());
  const auto first = system_files().lock(path);
  ASSERT_TRUE(first);
  const auto second = system_files().lock(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::busy);
  EXPECT_NE(second.error().what.find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().what;
  static_cast<void>(system_files().remove(path));
}

TEST_F(DiskFault, HowLongTheDiskHoldsAndHowFastItWearsIsTold) {
  options_.budget_bytes = 10 * MiB;
  open();
  for (int i = 0; i < 30; ++i) {
    fill(4);
    tidy();
  }
  const auto stats = log_->stats();
  EXPECT_GT(stats.disk_seconds, 600);  // about 1 kB a second into some 10 MiB
  EXPECT_LT(stats.disk_seconds, 50'000);
  EXPECT_GT(stats.wear_bytes_per_day, 1000.0 * 86'400);
  EXPECT_GT(stats.oldest, Wall{});
}

}  // namespace
}  // namespace skerry::log
