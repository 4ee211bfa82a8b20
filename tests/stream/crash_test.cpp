// Crash proof: whatever is cut, killed and read again, the log holds the rows of an uninterrupted run, each once.
//
// The judge: a fresh engine that is given the inputs of the final log, at their positions, in one go.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/logger.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"
#include "stream/stream.hpp"
#include "tests/stream/fake_log.hpp"

namespace skerry::stream {
namespace {

std::vector<PipelineText> pipelines() {
  std::vector<PipelineText> to = *read_pipelines(system_files(), SKERRY_SOURCE_DIR "/pipelines");
  to.push_back({"mixed", R"(
    CREATE TABLE a (device_id STRING, v DOUBLE, kind STRING, `timestamp` TIMESTAMP_LTZ(3), WATERMARK FOR `timestamp` AS `timestamp` - INTERVAL '2' SECOND)
      WITH ('connector'='mqtt','topic'='sensors/+/data');
    CREATE TABLE o (device_id STRING, m DOUBLE, s DOUBLE, p DOUBLE, l STRING, r BIGINT, u DOUBLE, hi STRING) WITH ('connector'='mqtt','topic'='mixed/{device_id}');
    INSERT INTO o SELECT device_id, AVG(v) OVER w, STDDEV_SAMP(v) OVER w, LAG(v, 2) OVER k, LAST_VALUE(kind) OVER w, ROW_NUMBER() OVER k,
      SUM(v) OVER k, MAX(kind) OVER k FROM a WINDOW w AS (PARTITION BY device_id ORDER BY `timestamp` RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW),
      k AS (PARTITION BY device_id ORDER BY `timestamp`);)"});
  return to;
}

struct Row {
  record::Position cause;
  std::string origin, topic, payload;
  auto operator<=>(const Row&) const = default;
};

std::vector<Row> rows_of(const log::Log& log) {
  std::vector<Row> to;
  for (record::Position at = log.begin();;) {
    const auto chunk = log.read(at);
    EXPECT_TRUE(chunk.has_value());
    if (!chunk || chunk->empty()) return to;
    for (const auto& view : chunk->records()) {
      if (view.cause)
        to.push_back(
            {*view.cause, std::string(view.origin), std::string(view.topic), std::string(as_text(view.payload))});
    }
    at = chunk->next();
  }
}

std::vector<Row> uninterrupted(const log::Log& log) {
  FakeLog fake;
  for (record::Position at = log.begin();;) {
    const auto chunk = log.read(at);
    EXPECT_TRUE(chunk.has_value());
    if (!chunk || chunk->empty()) break;
    for (const auto& view : chunk->records()) {
      if (!view.cause) fake.put(view, view.position, view.appended_at);
    }
    at = chunk->next();
  }
  sim::World world{1};
  sim::Disk disk{1};
  metrics::Registry metrics;
  auto engine = Engine::open({fake, disk, world, metrics, record::ClassRules{}, {}}, "/state", pipelines());
  EXPECT_TRUE(engine.has_value());
  while (*(*engine)->step()) {
  }
  return rows_of(fake);
}

class CrashRun {
 public:
  explicit CrashRun(std::uint64_t seed) : world_(seed), disk_(seed) {}

  void run(int events) {
    open();
    for (int i = 0; i < events; ++i) {
      one_event();
      if (disk_.is_cut())
        restart(true);
      else if (world_.chance().one_in(60))
        restart(false);
      if (testing::Test::HasFailure()) return;
    }
    disk_.cut_after(UINT64_MAX / 2);
    drain();
    auto got = rows_of(*log_);
    auto wanted = uninterrupted(*log_);
    std::ranges::sort(got);
    std::ranges::sort(wanted);
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].payload, wanted[i].payload) << "cause " << got[i].cause.value;
      ASSERT_EQ(got[i], wanted[i]);
    }
    rows = got.size();
  }
  std::size_t rows = 0;
  int restarts = 0;

 private:
  void open() {
    for (int tries = 0; tries < 50; ++tries) {
      log::Options options;
      options.segment_bytes = 256 * KiB;
      auto opened = log::Log::open(disk_, world_, "/log", options, metrics_);
      if (opened) {
        log_ = std::move(*opened);
        auto engine =
            Engine::open({*log_, disk_, world_, metrics_, record::ClassRules{}, {.checkpoint_records_min = 1}},
                         "/state", pipelines());
        if (engine) {
          engine_ = std::move(*engine);
          return;
        }
        ASSERT_TRUE(disk_.is_cut()) << engine.error().text();
      } else {
        ASSERT_TRUE(disk_.is_cut()) << opened.error().text();
      }
      log_.reset();
      disk_.power_on();
    }
    FAIL() << "could not open";
  }
  void restart(bool cut) {
    ++restarts;
    engine_.reset();
    log_.reset();
    if (cut)
      disk_.power_on();
    else
      disk_.kill();
    open();
  }
  void append() {
    auto& chance = world_.chance();
    const auto count = 1 + chance.below(12);
    for (std::uint64_t i = 0; i < count; ++i) {
      world_.run_for(std::chrono::milliseconds{1 + chance.below(700)});
      const auto topic = "sensors/d" + std::to_string(chance.below(4)) + "/data";
      std::string payload = R"({"temperature":)" +
                            std::to_string(chance.one_in(12) ? 60 + chance.below(40) : 20 + chance.below(3)) + "." +
                            std::to_string(chance.below(100));
      payload += R"(,"v":)" + std::to_string(chance.below(1000)) + R"(,"kind":")" +
                 std::string(1, static_cast<char>('a' + chance.below(26))) + '"';
      if (!chance.one_in(4)) payload += R"(,"humidity":)" + std::to_string(chance.below(100));
      if (chance.one_in(3)) {
        const auto shift = std::chrono::milliseconds{static_cast<std::int64_t>(chance.below(9000)) - 8000 +
                                                     (chance.one_in(15) ? 90'000 : 0)};
        payload += R"(,"timestamp":")" + format_rfc3339(to_event(world_.wall()) + shift) + '"';
      }
      payload += chance.one_in(40) ? "" : "}";
      record::Record one;
      one.topic = topic;
      one.payload = as_bytes(payload);
      (void)log_->append(one);
    }
  }
  void one_event() {
    auto& chance = world_.chance();
    switch (chance.below(8)) {
      case 0:
      case 1:
      case 2: append(); break;
      case 3:
      case 4: (void)engine_->step(); break;
      case 5: (void)log_->commit(); break;
      case 6: (void)engine_->checkpoint(); break;
      default:
        if (chance.one_in(4))
          disk_.cut_after(chance.below(12));
        else
          (void)log_->tidy();
    }
  }
  void drain() {
    for (int i = 0; i < 10'000; ++i) {
      const auto more = engine_->step();
      ASSERT_TRUE(log_->commit().has_value());
      if (more && !*more) return;
    }
    FAIL() << "never drained";
  }

  sim::World world_;
  sim::Disk disk_;
  metrics::Registry metrics_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Engine> engine_;
};

TEST(StreamCrash, RowsAreThoseOfAnUninterruptedRun) {
  logger::configure(logger::Level::off, logger::Format::text);  // the power cuts are meant
  std::size_t rows = 0;
  int restarts = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CrashRun run(seed);
    run.run(240);
    rows += run.rows;
    restarts += run.restarts;
    if (HasFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(rows, 10'000U);
  EXPECT_GT(restarts, 300);
}

}  // namespace
}  // namespace skerry::stream
