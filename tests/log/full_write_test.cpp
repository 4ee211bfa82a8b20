// A disk that has no room even for bytes over old ones: nothing is acknowledged, and nothing is lost when there is
// room.
#include <gtest/gtest.h>

#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"

namespace skerry::log {
namespace {

// Says no to every write while `full`.
class NoRoom final : public Files {
 public:
  explicit NoRoom(Files& below) : below_(below) {}
  bool full = false;

  Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) override {
    return std::make_unique<One>(TRY(below_.open(path, mode)), full);
  }
  Result<> make_dirs(std::string_view path) override { return below_.make_dirs(path); }
  Result<std::vector<Entry>> list(std::string_view dir) override { return below_.list(dir); }
  Result<bool> exists(std::string_view path) override { return below_.exists(path); }
  Result<> remove(std::string_view path) override { return below_.remove(path); }
  Result<> rename(std::string_view from, std::string_view to) override { return below_.rename(from, to); }
  Result<> sync_dir(std::string_view dir) override { return below_.sync_dir(dir); }
  Result<Space> space(std::string_view dir) override { return below_.space(dir); }
  Result<std::unique_ptr<File>> lock(std::string_view path) override { return below_.lock(path); }

 private:
  class One final : public File {
   public:
    One(std::unique_ptr<File> below, const bool& full) : below_(std::move(below)), full_(full) {}
    Result<> write(std::uint64_t offset, Bytes bytes) override {
      // Half of it was written before the room ended.
      if (!full_) return below_->write(offset, bytes);
      TRY(below_->write(offset, bytes.first(bytes.size() / 2)));
      return fail(Code::full, "No space left on device");
    }
    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
      return below_->read(offset, into);
    }
    Result<> sync() override { return below_->sync(); }
    Result<> truncate(std::uint64_t size) override { return below_->truncate(size); }
    Result<std::uint64_t> size() override { return below_->size(); }

   private:
    std::unique_ptr<File> below_;
    const bool& full_;
  };
  Files& below_;
};

TEST(FullWrite, IsTriedAgainAndLosesNothing) {
  sim::World world(5);
  sim::Disk disk(5);
  NoRoom files(disk);
  metrics::Registry metrics;
  Options options;
  options.segment_bytes = 1 * MiB;
  options.chance = &world.chance();
  const auto put = [](Log& log, std::string_view text) {
    Record record;
    record.cls = Class::medium;
    record.topic = "sensors/a/data";
    record.payload = as_bytes(text);
    return log.append(record);
  };
  const auto texts = [](const Log& log) {
    std::string all;
    for (auto at = log.begin(); at < log.end();) {
      const auto chunk = log.read(at);
      for (const auto& record : chunk->records()) all += as_text(record.payload);
      at = chunk->next();
    }
    return all;
  };
  {
    auto log = Log::open(files, world, "log", options, metrics).value();
    ASSERT_TRUE(put(*log, "1"));
    ASSERT_TRUE(log->commit());
    files.full = true;
    ASSERT_TRUE(put(*log, "2"));
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(log->commit().error().code, Code::full);
      EXPECT_EQ(log->committed_end().value, 1U);
      ASSERT_TRUE(put(*log, "3"));
      ASSERT_TRUE(log->commit_due());
    }
    EXPECT_FALSE(log->stats().failed);
    files.full = false;
    while (log->committed_end() < log->end()) ASSERT_TRUE(log->commit());
    EXPECT_EQ(texts(*log), "12333");
  }
  const auto again = Log::open(files, world, "log", options, metrics).value();
  EXPECT_EQ(texts(*again), "12333");
}

}  // namespace
}  // namespace skerry::log
