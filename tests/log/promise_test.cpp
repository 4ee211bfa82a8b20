// When a commit is due, what a full or failing disk does, and what is told about damage: on the simulated disk.
#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "base/logger.hpp"
#include "codec/json.hpp"
#include "log/tools.hpp"
#include "tests/log/crash_run.hpp"

namespace skerry::log {
namespace {

using namespace std::chrono_literals;

class LogOnSimDisk : public testing::Test {
 protected:
  LogOnSimDisk() {
    logger::configure(logger::Level::off, logger::Format::text);
    options_.segment_bytes = 16 * KiB;
    options_.chance = &chance_;
  }

  void open() {
    log_.reset();
    auto log = Log::open(disk_, clock_, "data", options_, metrics_);
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::move(*log);
  }
  Result<Position> append(std::string_view payload, Class cls = Class::medium, Urgency urgency = Urgency::by_class) {
    return log_->append({.cls = cls, .topic = "sensors/d1/data", .payload = as_bytes(payload)}, urgency);
  }
  void commit(std::string_view payload, Class cls = Class::medium) {
    ASSERT_TRUE(append(payload, cls));
    ASSERT_TRUE(log_->commit());
  }
  std::vector<RecordView> all(std::vector<Chunk>& owners, Position from = {}) {
    std::vector<RecordView> got;
    while (true) {
      auto chunk = log_->read(from);
      EXPECT_TRUE(chunk) << chunk.error().text();
      if (!chunk || chunk->empty()) return got;
      got.insert(got.end(), chunk->records().begin(), chunk->records().end());
      from = chunk->next();
      owners.push_back(std::move(*chunk));
    }
  }
  std::string file_ending(std::string_view end) {
    for (const auto& [name, bytes] : disk_.snapshot()) {
      if (name.ends_with(end) && !name.contains("free-")) return name;
    }
    return {};
  }
  void tidy() {
    while (true) {
      const auto more = log_->tidy();
      ASSERT_TRUE(more) << more.error().text();
      if (!*more) return;
    }
  }
  // Arrivals at 1,000 a second for a second, each committed when due.
  void busy_second() {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(append("x"));
      clock_.advance(1ms);
      if (*log_->commit_due() > clock_.mono()) continue;
      ASSERT_TRUE(log_->commit());
    }
    ASSERT_TRUE(log_->commit());
  }

  TestClock clock_;
  sim::SeededChance chance_{11};
  sim::Disk disk_{5};
  Options options_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
};

TEST_F(LogOnSimDisk, ALoneMessageDoesNotWait) {
  open();
  EXPECT_FALSE(log_->commit_due());
  ASSERT_TRUE(append("one"));
  EXPECT_EQ(log_->commit_due(), clock_.mono());
  ASSERT_TRUE(log_->commit());
  EXPECT_FALSE(log_->commit_due());
}

TEST_F(LogOnSimDisk, ManyMessagesWaitForCompanyAndCriticalOnesDoNot) {
  open();
  busy_second();
  ASSERT_TRUE(append("waits"));
  EXPECT_EQ(log_->commit_due(), clock_.mono() + 20ms);
  const auto commits = log_->stats().commits;
  ASSERT_TRUE(append("does not", Class::critical));
  EXPECT_EQ(log_->commit_due(), clock_.mono());
  ASSERT_TRUE(log_->commit());
  EXPECT_EQ(log_->stats().commits, commits + 1);
  EXPECT_EQ(log_->committed_end(), log_->end());
  ASSERT_TRUE(append("somebody waits", Class::low, Urgency::now));
  EXPECT_EQ(log_->commit_due(), clock_.mono());
  ASSERT_TRUE(log_->commit());
  clock_.advance(10s);
  ASSERT_TRUE(append("quiet again"));
  EXPECT_EQ(log_->commit_due(), clock_.mono());
}

TEST_F(LogOnSimDisk, TheWindowGathersTwentyOfAThousandPerSecond) {
  open();
  busy_second();
  const auto before = log_->stats().commits;
  busy_second();
  EXPECT_LE(log_->stats().commits - before, 60U);
  options_.profile = Profile::fast;
  open();
  busy_second();
  ASSERT_TRUE(append("x"));
  EXPECT_EQ(log_->commit_due(), clock_.mono());
}

// 210 bytes each millisecond: a window of 20 ms is a little more than a page, and a commit takes no second one.
TEST_F(LogOnSimDisk, ABatchEndsWithItsPage) {
  options_.segment_bytes = 1 * MiB;  // all in one
  open();
  busy_second();
  const std::string payload(190, 'x');
  const auto second = [&] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(append(payload));
      clock_.advance(1ms);
      if (*log_->commit_due() <= clock_.mono()) ASSERT_TRUE(log_->commit());
    }
  };
  second();
  const auto before = disk_.bytes_written();
  const auto commits = log_->stats().commits;
  second();
  const auto made = log_->stats().commits - commits;
  EXPECT_GE(made, 50U);
  EXPECT_LE(made, 65U);
  EXPECT_LE((disk_.bytes_written() - before) / made, 4096U);
}

// Three who wait for their records come again one after the other: one commit takes all three.
TEST_F(LogOnSimDisk, ABatchWaitsAMomentForThoseWhoWaitedForTheLast) {
  class SlowDiskClock final : public Clock {
   public:
    Wall wall() override { return Wall{std::chrono::seconds{1'767'225'600}}; }
    Mono mono() override { return now += step; }
    Mono now{std::chrono::seconds{1}};
    std::chrono::microseconds step{0};
  } clock;
  options_.profile = Profile::fast;
  auto log = *Log::open(disk_, clock, "data", options_, metrics_);
  const auto put = [&](Class cls = Class::medium) {
    ASSERT_TRUE(log->append({.cls = cls, .topic = "a", .payload = as_bytes("x")}));
  };
  const auto commit = [&] {
    clock.step = std::chrono::microseconds{400};  // each look at the clock is that much later
    ASSERT_TRUE(log->commit());
    clock.step = {};
  };
  for (int i = 0; i < 3; ++i) put();
  commit();
  put();
  const auto due = *log->commit_due();
  EXPECT_GT(due, clock.now);
  EXPECT_LE(due, clock.now + std::chrono::microseconds{400});
  put();
  EXPECT_EQ(log->commit_due(), due);
  put();
  EXPECT_LE(*log->commit_due(), clock.now) << "they are complete";
  commit();
  put(Class::critical);
  EXPECT_LE(*log->commit_due(), clock.now) << "what is critical waits for nobody";
  commit();
  put();
  EXPECT_LE(*log->commit_due(), clock.now) << "one alone had waited";
  for (int i = 0; i < 5; ++i) put();
  commit();
  clock.now += std::chrono::seconds{1};
  put();
  EXPECT_LE(*log->commit_due(), clock.now) << "after a quiet time nobody is expected";
}

TEST_F(LogOnSimDisk, PushesBackWhenTooMuchWaits) {
  options_.waiting_bytes_max = 1000;
  open();
  ASSERT_TRUE(append(std::string(5000, 'a')));  // alone, however long
  const auto refused = append("b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::busy);
  EXPECT_EQ(log_->end().value, 1U);
  ASSERT_TRUE(log_->commit());
  EXPECT_TRUE(append("b"));
}

TEST_F(LogOnSimDisk, AFailedSyncIsFinalAndTakesBackWhatWasNotCommitted) {
  open();
  commit("kept");
  ASSERT_TRUE(append("lost"));
  disk_.fail(sim::Disk::Op::sync, Code::io);
  const auto failed = log_->commit();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_EQ(append("no more").error().code, Code::io);
  EXPECT_EQ(log_->commit().error().code, Code::io);
  EXPECT_TRUE(log_->stats().failed);
  EXPECT_EQ(log_->end().value, 1U);
  std::vector<Chunk> owners;
  EXPECT_EQ(all(owners).size(), 1U);
  disk_.kill();
  open();
  EXPECT_EQ(as_text(all(owners).front().payload), "kept");
  EXPECT_TRUE(append("well again"));
}

TEST_F(LogOnSimDisk, AFullDiskLosesNothingAndGoesOnWhenThereIsRoom) {
  open();
  commit("first");
  disk_.set_capacity(17 * KiB);
  std::uint64_t committed = 1;
  Result<> done;
  for (int i = 0; i < 40 && done; ++i) {
    ASSERT_TRUE(append(std::string(1000, 'x')));
    done = log_->commit();
    if (done) ++committed;
  }
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::full);
  EXPECT_FALSE(log_->stats().failed);
  EXPECT_EQ(log_->committed_end().value, committed);
  EXPECT_GT(*log_->commit_due(), clock_.mono());
  ASSERT_TRUE(append("waits too"));
  disk_.set_capacity(1 * MiB);
  ASSERT_TRUE(log_->commit());
  ASSERT_TRUE(log_->commit());
  EXPECT_EQ(log_->committed_end().value, committed + 2);
}

TEST_F(LogOnSimDisk, OnlyOneProcessHasIt) {
  open();
  metrics::Registry other;
  const auto second = Log::open(disk_, clock_, "data", options_, other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::busy);
}

TEST_F(LogOnSimDisk, TimesNeverGoBackEvenOverARestart) {
  open();
  commit("a");
  clock_.jump(-1h);
  commit("b");
  open();
  commit("c");
  std::vector<Chunk> owners;
  const auto records = all(owners);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_LE(records[0].appended_at, records[1].appended_at);
  EXPECT_LE(records[1].appended_at, records[2].appended_at);
}

// A bad batch with good ones behind it cannot be a torn write.
TEST_F(LogOnSimDisk, DamageIsLeftOutCountedAndDeclaredOnce) {
  open();
  for (const auto* p : {"zero", "one", "two", "three"}) commit(p);
  const auto path = file_ending("0.seg");
  log_.reset();
  // Batches are 104 bytes of header and their records, 8-aligned: the second begins at 4096 + 128.
  disk_.flip_bit(path, (4096 + 128 + 110) * 8);
  for (int i = 0; i < 3; ++i) {
    open();
    EXPECT_EQ(log_->recovery().damaged_records, i == 0 ? 1U : log_->recovery().damaged_records);
    std::vector<Chunk> owners;
    const auto records = all(owners);
    ASSERT_EQ(records.size(), 4U);
    EXPECT_EQ(records[0].position, Position{0});
    EXPECT_EQ(records[1].position, Position{2});
    EXPECT_EQ(records[1].offset, Offset{2});
    EXPECT_EQ(as_text(records[2].payload), "three");
    EXPECT_EQ(records[3].kind, record::Kind::gap);
    EXPECT_EQ(as_text(records[3].payload),
              R"({"reason":"damage","records":1,"positions":[1,2],"offsets":{"medium":[1,2]}})");
    if (i == 1) tidy();
  }
}

TEST_F(LogOnSimDisk, ADamagedChunkOfABlockIsLeftOutToo) {
  open();
  for (int i = 0; i < 40; ++i) commit(std::to_string(i) + std::string(900, 'x'), static_cast<Class>(i % 2));
  tidy();
  const auto path = file_ending("critical.blk");
  ASSERT_FALSE(path.empty());
  log_.reset();
  disk_.flip_bit(path, 100 * 8);
  open();
  std::vector<Chunk> owners;
  const auto records = all(owners);
  EXPECT_LT(records.size(), 40U);
  EXPECT_GE(records.size(), 25U);
  EXPECT_GT(log_->stats().records_damaged, 0U);
  tidy();  // declares it
  EXPECT_EQ(all(owners).back().kind, record::Kind::gap);
  std::uint64_t problems = 0;
  const auto verified = verify(disk_, "data", [&](std::string_view) { ++problems; });
  ASSERT_TRUE(verified);
  EXPECT_GT(verified->problems, 0U);
  EXPECT_EQ(verified->problems, problems);
}

TEST_F(LogOnSimDisk, ALostHeaderNeverGivesAPositionTwice) {
  open();
  commit("a");
  commit("b");
  const auto path = file_ending(".seg");
  log_.reset();
  for (const auto at : {0, 2048}) disk_.flip_bit(path, static_cast<std::uint64_t>(at) * 8 + 100);
  open();
  EXPECT_GE(log_->end().value, 2U);
  EXPECT_GT(log_->recovery().damaged_records, 0U);
  const auto next = append("c");
  ASSERT_TRUE(next);
  EXPECT_GE(next->value, 2U);
}

TEST_F(LogOnSimDisk, ExtentsLeaveOutWhatCannotMatch) {
  open();
  for (int i = 0; i < 300; ++i) {
    const auto payload =
        R"({"timestamp":)" + std::to_string(1'700'000'000 + i) + R"(,"v":")" + std::string(600, 'x') + "\"}";
    const auto topic = "sensors/d" + std::to_string(i < 150 ? i % 3 : i % 3 + 10) + "/data";
    ASSERT_TRUE(log_->append({.topic = topic, .payload = as_bytes(payload)}));
    ASSERT_TRUE(log_->commit());
  }
  tidy();
  const auto at = [](int s) { return EventTime{std::chrono::seconds{1'700'000'000 + s}}; };
  const auto count = [&](std::string_view device, int from, int to) {
    std::uint64_t records = 0;
    for (const auto& extent : log_->extents(device, at(from), at(to), record::all_classes)) {
      const auto chunk = log_->read_extent(extent, device);
      EXPECT_TRUE(chunk) << chunk.error().text();
      for (const auto& r : chunk->records()) {
        EXPECT_EQ(record::device_of(r.topic), device);
        const auto event = codec::event_time(r.payload, r.appended_at);
        if (extent.bounds_known) {
          EXPECT_LE(extent.earliest, event);
          EXPECT_GE(extent.latest, event);
        }
        records += event >= at(from) && event < at(to) ? 1 : 0;
      }
    }
    return records;
  };
  EXPECT_EQ(count("d1", 0, 1000), 50U);
  EXPECT_EQ(count("d1", 30, 60), 10U);
  EXPECT_EQ(count("d11", 0, 150), 0U);
  EXPECT_EQ(count("d12", 0, 1000), 50U);
  const auto all_of_it = log_->extents("", at(0), at(1000), record::all_classes);
  const auto few = log_->extents("d1", at(0), at(20), record::all_classes);
  EXPECT_LT(few.size(), all_of_it.size());
}

TEST_F(LogOnSimDisk, ToolsTellTheSameAsTheLog) {
  open();
  for (int i = 0; i < 100; ++i)
    commit("{\"i\":" + std::to_string(i) + R"(,"pad":")" + std::string(400, 'x') + "\"}", static_cast<Class>(i % 4));
  for (int round = 0; round < 2; ++round) {
    std::string text;
    const auto sink = [&](std::string_view line) { text += line; };
    const auto verified = verify(disk_, "data", sink);
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->records, 100U);
    EXPECT_EQ(verified->problems, 0U) << text;
    EXPECT_EQ(*dump(disk_, "data", {.from = {90}, .classes = record::mask(Class::high)}, sink), 2U);
    EXPECT_NE(text.find(R"("position":93,"class":"high","offset":23)"), std::string::npos) << text;
    EXPECT_EQ(*dump(disk_, "data", {.limit = 7}, sink), 7U);
    text.clear();
    ASSERT_TRUE(inspect(disk_, "data", sink));
    EXPECT_NE(text.find("segment  from position"), std::string::npos);
    tidy();
  }
}

TEST_F(LogOnSimDisk, WakesComeAndStopWithTheirHandle) {
  open();
  int appended = 0;
  int committed = 0;
  auto a = log_->on_append([&] { ++appended; });
  auto c = log_->on_commit([&] { ++committed; });
  commit("a");
  commit("b");
  EXPECT_EQ(appended, 2);
  EXPECT_EQ(committed, 2);
  a.reset();
  commit("c");
  EXPECT_EQ(appended, 2);
  EXPECT_EQ(committed, 3);
  log_.reset();
  c.reset();  // after the log: still fine
}

TEST_F(LogOnSimDisk, CheckpointsOfAnotherLogVersionOrFutureDoNotCount) {
  open();
  commit("a");
  ASSERT_TRUE(save(disk_, "data/reader", 3, {1}, as_bytes("state"), *log_));
  const auto loaded = load(disk_, "data/reader", 3, *log_);
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ(as_text((*loaded)->state), "state");
  EXPECT_EQ((*loaded)->position, Position{1});
  EXPECT_FALSE(*load(disk_, "data/reader", 4, *log_));
  EXPECT_FALSE(*load(disk_, "data/none", 3, *log_));
  disk_.flip_bit("data/reader", 200);
  EXPECT_FALSE(*load(disk_, "data/reader", 3, *log_));
  EXPECT_EQ(save(disk_, "data/reader", 3, {2}, {}, *log_).error().code, Code::invalid);
  ASSERT_TRUE(save(disk_, "data/reader", 3, {1}, as_bytes("state"), *log_));
  auto other = Log::open(disk_, clock_, "other", options_, metrics_);
  ASSERT_TRUE(other);
  EXPECT_FALSE(*load(disk_, "data/reader", 3, **other));
}

TEST_F(LogOnSimDisk, ANewerFormatIsRefusedNotTouched) {
  open();
  commit("a");
  log_.reset();
  auto identity = *read_file(disk_, "data/identity");
  identity[8] = std::byte{9};
  store_le<std::uint32_t>(identity.data() + 4, crc32c(Bytes(identity).subspan(8)));
  ASSERT_TRUE(replace_file(disk_, "data/identity", identity));
  const auto before = disk_.snapshot();
  const auto log = Log::open(disk_, clock_, "data", options_, metrics_);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::unsupported);
  EXPECT_EQ(disk_.snapshot(), before);
}

TEST_F(LogOnSimDisk, SegmentsAreUsedAgain) {
  open();
  for (int i = 0; i < 500; ++i) {
    commit(std::string(500, 'x'));
    if (i % 20 == 0) tidy();
  }
  tidy();
  int free = 0;
  int segments = 0;
  for (const auto& [name, bytes] : disk_.snapshot()) {
    if (name.contains("free-"))
      ++free;
    else if (name.ends_with(".seg"))
      ++segments;
  }
  EXPECT_EQ(segments, 1);
  EXPECT_LE(free, 4);
}

}  // namespace
}  // namespace skerry::log
