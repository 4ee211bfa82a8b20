// What log.hpp promises, one test a promise, on a real folder.
#include "log/log.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace skerry::log {
namespace {

class LogOnDisk : public testing::Test {
 protected:
  LogOnDisk() {
    std::string name = (std::filesystem::temp_directory_path() / "skerry-log-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    options_.segment_bytes = 64 * KiB;
  }
  ~LogOnDisk() override { std::filesystem::remove_all(dir_); }

  void open() {
    log_.reset();
    auto log = Log::open(system_files(), system_clock(), dir_, options_, metrics_);
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::move(*log);
  }
  Position append(std::string_view payload, Class cls = Class::medium, std::string_view topic = "sensors/d1/data") {
    const auto at = log_->append({.cls = cls, .topic = topic, .payload = as_bytes(payload)});
    EXPECT_TRUE(at) << at.error().text();
    return *at;
  }
  // Everything from `from` on, as "class:offset:payload".
  std::vector<std::string> all(Position from = {}, ReadOptions options = {}) {
    std::vector<std::string> got;
    while (true) {
      const auto chunk = log_->read(from, options);
      EXPECT_TRUE(chunk) << chunk.error().text();
      if (!chunk || chunk->empty()) return got;
      for (const auto& r : chunk->records()) {
        EXPECT_GE(r.position, from);
        got.push_back(std::string(record::name(r.cls)) + ":" + std::to_string(r.offset.value) + ":" +
                      std::string(as_text(r.payload)));
      }
      from = chunk->next();
    }
  }
  void tidy() {
    for (auto more = log_->tidy();; more = log_->tidy()) {
      ASSERT_TRUE(more) << more.error().text();
      if (!*more) return;
    }
  }

  std::string dir_;
  Options options_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
};

TEST_F(LogOnDisk, GivesBackWhatWasCommittedAfterOpeningAgain) {
  open();
  EXPECT_TRUE(all().empty());
  append("one");
  append("two", Class::critical);
  append("three");
  const std::vector<std::string> want{"medium:0:one", "critical:0:two", "medium:1:three"};
  EXPECT_EQ(all(), want);
  EXPECT_EQ(log_->committed_end().value, 0U);
  ASSERT_TRUE(log_->commit());
  EXPECT_EQ(log_->committed_end().value, 3U);
  append("never committed");
  for (int i = 0; i < 3; ++i) {
    open();
    EXPECT_EQ(all(), want);
    EXPECT_EQ(log_->end().value, 3U);
  }
  EXPECT_EQ(append("four"), Position{3});
  EXPECT_EQ(all().back(), "medium:2:four");
}

TEST_F(LogOnDisk, ManySegmentsAndBlocksReadAsOne) {
  open();
  std::vector<std::string> want;
  std::array<int, 4> offsets{};
  for (int i = 0; i < 5000; ++i) {
    const auto cls = static_cast<Class>(i % 7 == 0 ? 0 : i % 3 == 0 ? 3 : 2);
    const auto payload = "payload number " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 90), '.');
    append(payload, cls, "sensors/d" + std::to_string(i % 10) + "/data");
    want.push_back(std::string(record::name(cls)) + ":" + std::to_string(offsets[static_cast<std::size_t>(cls)]++) +
                   ":" + payload);
    if (i % 11 == 0) {
      ASSERT_TRUE(log_->commit());
    }
    if (i % 1000 == 999) {
      EXPECT_EQ(all(), want);
    }
    if (i % 2000 == 1999) tidy();
  }
  EXPECT_EQ(all(), want);
  ASSERT_TRUE(log_->commit());
  tidy();
  EXPECT_EQ(all(), want);
  EXPECT_EQ(all({}, {.bytes_max = 100}), want);
  EXPECT_GT(log_->stats().block_bytes, 0U);
  open();
  EXPECT_EQ(all(), want);
  tidy();
  EXPECT_EQ(all(), want);
  for (const auto from : {1, 17, 2500, 4999}) {
    EXPECT_EQ(all({static_cast<std::uint64_t>(from)}), std::vector(want.begin() + from, want.end()));
  }
  std::vector<std::string> critical;
  for (const auto& w : want) {
    if (w.starts_with("critical")) critical.push_back(w);
  }
  EXPECT_EQ(all({}, {.classes = record::mask(Class::critical)}), critical);
  EXPECT_EQ(log_->stats().records_damaged, 0U);
}

}  // namespace
}  // namespace skerry::log
