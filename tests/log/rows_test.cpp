// Rows in the log: JSON to everybody outside, wherever they lie, and stepped over by who does not want them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "codec/row.hpp"
#include "log/log.hpp"
#include "log/tools.hpp"

namespace skerry::log {
namespace {

class LogRows : public testing::Test {
 protected:
  LogRows() {
    std::string name = (std::filesystem::temp_directory_path() / "skerry-rows-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    options_.segment_bytes = 64 * KiB;
  }
  ~LogRows() override { std::filesystem::remove_all(dir_); }

  void open() {
    log_.reset();
    auto log = Log::open(system_files(), system_clock(), dir_, options_, metrics_);
    ASSERT_TRUE(log) << log.error().text();
    log_ = std::move(*log);
  }
  static Buffer shape(const std::string& field) {
    Buffer bytes;
    codec::encode_shape(bytes, {{{codec::FieldKind::integer, 0, '"' + field + "\":", {}}}, false});
    return bytes;
  }
  void append_row(std::uint32_t id, std::int64_t value) {
    std::string payload(reinterpret_cast<const char*>(&id), sizeof id);
    codec::RowWriter to(payload, 1);
    to.put_integer(value);
    ASSERT_TRUE(log_->append({.cls = Class::low, .topic = "analytics/d1", .payload = as_bytes(payload), .row = true}));
  }
  void append_reading(const std::string& payload) {
    ASSERT_TRUE(log_->append({.topic = "sensors/d1/data", .payload = as_bytes(payload)}));
  }
  std::vector<std::string> all(ReadOptions options = {}) {
    std::vector<std::string> got;
    for (Position from{};;) {
      const auto chunk = log_->read(from, options);
      EXPECT_TRUE(chunk) << chunk.error().text();
      if (!chunk || chunk->empty()) return got;
      for (const auto& r : chunk->records()) got.emplace_back(as_text(r.payload));
      from = chunk->next();
    }
  }
  // Statistics after each reading, enough to fill some segments.
  void fill(std::uint32_t id) {
    for (int i = 0; i < 3000; ++i) {
      append_reading("{\"v\":" + std::to_string(i) + "}");
      append_row(id, i);
      want_.push_back("{\"v\":" + std::to_string(i) + "}");
      want_.push_back("{\"n\":" + std::to_string(i) + "}");
      if (i % 50 == 49) ASSERT_TRUE(log_->commit());
    }
  }

  std::string dir_;
  Options options_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
  std::vector<std::string> want_;
};

TEST_F(LogRows, AreTheirJsonInMemorySegmentsAndBlocks) {
  open();
  const auto id = log_->shape(shape("n"));
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(*log_->shape(shape("n")), *id);
  fill(*id);
  EXPECT_EQ(all(), want_);
  open();
  EXPECT_EQ(all(), want_);  // from segments
  while (*log_->tidy()) {
  }
  EXPECT_GT(log_->stats().block_bytes, 0U);
  EXPECT_EQ(all(), want_);  // from blocks
  std::size_t found = 0;
  for (const auto& extent : log_->extents("d1", EventTime::min(), EventTime::max(), record::mask(Class::low))) {
    const auto chunk = log_->read_extent(extent, "d1");
    ASSERT_TRUE(chunk);
    for (const auto& r : chunk->records()) {
      EXPECT_EQ(as_text(r.payload), "{\"n\":" + std::to_string(found++) + "}");
      EXPECT_FALSE(r.row);
    }
  }
  EXPECT_EQ(found, 3000U);
}

TEST_F(LogRows, LeftOutTheyAreSteppedOverToTheEnd) {
  open();
  const auto id = log_->shape(shape("n"));
  ASSERT_TRUE(id);
  append_row(*id, 1);
  const auto none = log_->read({}, {.rows = Rows::left_out});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(none->next(), log_->end());
  fill(*id);
  while (*log_->tidy()) {
  }
  const auto readings = all({.rows = Rows::left_out});
  ASSERT_EQ(readings.size(), 3000U);
  EXPECT_EQ(readings.back(), R"({"v":2999})");
}

TEST_F(LogRows, TheToolsTellTheSameAndFindNothingWrong) {
  open();
  fill(*log_->shape(shape("n")));
  while (*log_->tidy()) {
  }
  log_.reset();
  std::size_t lines = 0;
  ASSERT_TRUE(dump(system_files(), dir_, {.classes = record::mask(Class::low)}, [&](std::string_view line) {
    EXPECT_NE(line.find("\"payload\":{\"n\":" + std::to_string(lines++) + "}}"), std::string_view::npos) << line;
  }));
  EXPECT_EQ(lines, 3000U);
  const auto verified = verify(system_files(), dir_, [](std::string_view line) { ADD_FAILURE() << line; });
  EXPECT_TRUE(verified);
}

TEST_F(LogRows, OfALostShapeAreNullUntilItIsBack) {
  open();
  const auto id = log_->shape(shape("n"));
  append_row(*id, 5);
  ASSERT_TRUE(log_->commit());
  log_.reset();
  std::filesystem::resize_file(dir_ + "/shapes", 5);
  open();
  EXPECT_EQ(all(), std::vector<std::string>{"null"});
  EXPECT_EQ(*log_->shape(shape("other")) == *id, false);
  EXPECT_EQ(all(), std::vector<std::string>{"null"});
  EXPECT_EQ(*log_->shape(shape("n")), *id);
  EXPECT_EQ(all(), std::vector<std::string>{R"({"n":5})"});
}

}  // namespace
}  // namespace skerry::log
