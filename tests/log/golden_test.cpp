// Each format version, as it was written once: it is read for ever, and the journal written today is the same bytes.
// v1: blocks of version 1 (rows); v2: blocks of version 2 (columns); trimmed: what trimming left, gaps and epochs.
// SKERRY_WRITE_GOLDEN=1 writes the newest anew, which only a new format version may do.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/logger.hpp"
#include "codec/block.hpp"
#include "log/tools.hpp"
#include "tests/log/crash_run.hpp"

namespace skerry::log {
namespace {

const std::filesystem::path goldens = std::filesystem::path(SKERRY_SOURCE_DIR) / "tests/log/golden";

// Records of every shape: some in blocks, the rest in the segment after them.
void write_log(sim::Disk& disk) {
  TestClock clock;
  sim::SeededChance chance(2026);
  metrics::Registry metrics;
  Options options;
  options.segment_bytes = 16 * KiB;
  options.chance = &chance;
  auto log = *Log::open(disk, clock, "data", options, metrics);
  const std::string large(12'000, 'y');
  const auto append = [&](const Record& r) {
    ASSERT_TRUE(log->append(r));
    clock.advance(std::chrono::microseconds{1500});
  };
  append({.topic = "sensors/d1/data",
          .payload = as_bytes(R"({"timestamp":"2025-12-31T23:59:59.5Z","t":21.5})"),
          .origin = "d1"});
  append({.cls = Class::critical,
          .qos = 2,
          .packet_id = 7,
          .topic = "commands/d1",
          .payload = as_bytes("{}"),
          .origin = "pipeline:rules",
          .expires_at = clock.wall() + std::chrono::seconds{30},
          .cause = Position{0}});
  append({.cls = Class::high,
          .qos = 1,
          .retain = true,
          .topic = "devices/d1/status",
          .payload = as_bytes("on"),
          .properties = as_bytes("\x01\x01")});
  ASSERT_TRUE(log->commit());
  append({.cls = Class::low, .topic = "analytics/d1", .payload = as_bytes(large)});
  ASSERT_TRUE(log->commit());
  for (const auto kind : {record::Kind::session, record::Kind::fate}) {
    append({.cls = Class::critical, .kind = kind, .topic = "$skerry/x", .payload = as_bytes("{}")});
  }
  append({.cls = Class::low, .topic = "analytics/d2", .payload = as_bytes(large)});  // does not fit any more
  ASSERT_TRUE(log->commit());
  append({.topic = "sensors/d2/data", .payload = {}});
  ASSERT_TRUE(log->commit());
  for (auto more = log->tidy(); more && *more;) more = log->tidy();
}

// Records of class low that went by age but for a pinned one, a record that was never sent, and an epoch that began in
// between.
void write_trimmed(sim::Disk& disk) {
  TestClock clock;
  sim::SeededChance chance(2027);
  metrics::Registry metrics;
  Options options;
  options.segment_bytes = 16 * KiB;
  options.budget_bytes = 1 * GiB;
  options.low_keep = std::chrono::seconds{100};
  options.chance = &chance;
  auto log = *Log::open(disk, clock, "data", options, metrics);
  const std::string large(12'000, 'y');
  const auto append = [&](Class cls, std::string_view payload) {
    ASSERT_TRUE(log->append({.cls = cls, .topic = "sensors/d1/data", .payload = as_bytes(payload)}));
  };
  const auto tidy = [&] {
    for (auto more = log->tidy(); more && *more;) more = log->tidy();
    ASSERT_TRUE(log->commit());
  };
  for (int i = 0; i < 6; ++i) {
    append(Class::low, R"({"n":)" + std::to_string(i) + "}");
    append(Class::high, "on");
    append(Class::low, large);
    ASSERT_TRUE(log->commit());
    clock.advance(std::chrono::seconds{40});
    if (i == 3) ASSERT_TRUE(log->begin_epoch("a golden file needs one"));
  }
  log->pin("test", log->committed_end(), {{0}});
  tidy();
  const std::array<Gap, 1> unsent{Gap{.cls = Class::high,
                                      .from = {0},
                                      .to = {1},
                                      .first = {0},
                                      .end = {3},
                                      .reason = GapReason::ttl,
                                      .at = clock.wall()}};
  ASSERT_TRUE(log->declare(unsent));
  tidy();
}

// Writes what is there now as the golden files `name`.
void write_golden(sim::Disk& disk, const std::filesystem::path& golden) {
  for (const auto& [name, bytes] : disk.snapshot()) {
    if (name.contains("free-") || name.contains("LOCK") || name.contains("ballast")) continue;
    std::filesystem::create_directories((golden / name).parent_path());
    std::ofstream(golden / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

void read_golden(sim::Disk& disk, const std::filesystem::path& golden) {
  for (const auto* dir : {"data", "data/journal", "data/blocks"}) ASSERT_TRUE(disk.make_dirs(dir));
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden / "data")) {
    if (!entry.is_regular_file()) continue;
    const auto bytes = read_file(system_files(), entry.path().string());
    ASSERT_TRUE(bytes);
    ASSERT_TRUE(replace_file(disk, std::filesystem::relative(entry.path(), golden).string(), *bytes));
    ++files;
  }
  ASSERT_GE(files, 5);
}

std::string text_of(sim::Disk& disk) {
  std::string text;
  const auto verified = verify(disk, "data", [&](std::string_view line) { text += line; });
  EXPECT_TRUE(verified && verified->problems == 0) << text;
  text.clear();
  EXPECT_TRUE(dump(disk, "data", {}, [&](std::string_view line) { text += line; }));
  return text;
}

class LogGolden : public testing::TestWithParam<const char*> {};

TEST_P(LogGolden, IsReadForEver) {
  logger::configure(logger::Level::off, logger::Format::text);
  const auto golden = goldens / GetParam();
  if (golden.filename() == "v2" && std::getenv("SKERRY_WRITE_GOLDEN") != nullptr) {
    sim::Disk disk(1);
    write_log(disk);
    write_golden(disk, golden);
    std::ofstream(golden / "dump.ndjson") << text_of(disk);
  }
  sim::Disk disk(1);
  ASSERT_NO_FATAL_FAILURE(read_golden(disk, golden));
  const auto want = read_file(system_files(), (golden / "dump.ndjson").string());
  ASSERT_TRUE(want);
  EXPECT_EQ(text_of(disk), as_text(*want));
  TestClock clock;
  metrics::Registry metrics;
  Options options;
  options.segment_bytes = 16 * KiB;
  auto log = Log::open(disk, clock, "data", options, metrics);
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ((*log)->end(), Position{8});
  EXPECT_EQ((*log)->recovery().damaged_records, 0U);
  EXPECT_EQ(text_of(disk), as_text(*want));
}

INSTANTIATE_TEST_SUITE_P(Versions, LogGolden, testing::Values("v1", "v2"));

TEST(LogGoldenTrimmed, GapsEpochsAndWhatTrimmingLeftAreReadForEver) {
  logger::configure(logger::Level::off, logger::Format::text);
  const auto golden = goldens / "trimmed";
  sim::Disk today(1);
  write_trimmed(today);
  if (std::getenv("SKERRY_WRITE_GOLDEN") != nullptr) {
    write_golden(today, golden);
    std::ofstream(golden / "dump.ndjson") << text_of(today);
  }
  sim::Disk disk(1);
  ASSERT_NO_FATAL_FAILURE(read_golden(disk, golden));
  const auto want = read_file(system_files(), (golden / "dump.ndjson").string());
  ASSERT_TRUE(want);
  EXPECT_EQ(text_of(disk), as_text(*want));
  for (const auto* name : {"data/gaps", "data/epochs"}) {
    const auto then = read_file(disk, name);
    const auto now = read_file(today, name);
    ASSERT_TRUE(then && now);
    EXPECT_EQ(*codec::unpack_block(*then, 1 * MiB), *codec::unpack_block(*now, 1 * MiB)) << name;
  }
  TestClock clock;
  metrics::Registry metrics;
  Options options;
  options.segment_bytes = 16 * KiB;
  options.budget_bytes = 1 * GiB;
  auto log = Log::open(disk, clock, "data", options, metrics);
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ((*log)->recovery().damaged_records, 0U);
  const auto epochs = (*log)->epochs();
  ASSERT_EQ(epochs.size(), 2U);
  EXPECT_EQ(epochs[1].from, Position{12});
  EXPECT_EQ(epochs[1].why, "a golden file needs one");
  std::string gaps;
  for (const auto& gap : (*log)->gaps()) {
    gaps += std::string(record::name(gap.cls)) + " " + std::string(name(gap.reason)) + " " +
            std::to_string(gap.from.value) + ".." + std::to_string(gap.to.value) + " ";
  }
  EXPECT_EQ(gaps, "high ttl 0..1 low age 1..8 ");
}

// Blocks are packed by zstd, whose bytes may differ between its versions; the journal's are ours.
TEST(LogGoldenJournal, IsWrittenTheSameToday) {
  const auto golden = goldens / "v2";
  logger::configure(logger::Level::off, logger::Format::text);
  sim::Disk disk(1);
  write_log(disk);
  int segments = 0;
  for (const auto& [name, bytes] : disk.snapshot()) {
    if (name.contains("free-") || !name.ends_with(".seg")) continue;
    const auto want = read_file(system_files(), (golden / name).string());
    ASSERT_TRUE(want) << name;
    EXPECT_EQ(bytes, *want) << name;
    ++segments;
  }
  EXPECT_EQ(segments, 1);
}

}  // namespace
}  // namespace skerry::log
