// Several appenders, a committer, readers and tidying at once: for the thread sanitizer, and for what the header says.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/logger.hpp"
#include "log/log.hpp"

namespace skerry::log {
namespace {

class Threads : public testing::Test {
 protected:
  Threads() {
    logger::configure(logger::Level::off, logger::Format::text);
    std::string name = (std::filesystem::temp_directory_path() / "skerry-log-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    options_.segment_bytes = 256 * KiB;
    options_.tail_bytes_max = 64 * KiB;
    log_ = std::move(*Log::open(system_files(), system_clock(), dir_, options_, metrics_));
  }
  ~Threads() override {
    log_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::string dir_;
  Options options_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
};

constexpr int appenders = 3;
constexpr int appends = 1500;

// Each appender's records come in its order, pairs lie side by side, nothing is missing.
void follow(const Log& log, std::uint64_t total) {
  std::array<int, appenders> next{};
  Position from;
  std::uint64_t seen = 0;
  while (seen < total) {
    const auto chunk = log.read(from);
    ASSERT_TRUE(chunk) << chunk.error().text();
    for (const auto& r : chunk->records()) {
      ASSERT_EQ(r.position.value, seen);
      const auto text = as_text(r.payload);
      const int who = text[0] - '0';
      const int number = std::atoi(std::string(text.substr(2)).c_str());
      ASSERT_EQ(number, next[static_cast<std::size_t>(who)]++);
      ++seen;
    }
    from = chunk->next();
    std::this_thread::yield();
  }
}

TEST_F(Threads, AppendersReadersCommitterAndTidyAgree) {
  constexpr std::uint64_t total = std::uint64_t{appenders} * appends * 2;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  {
    const auto committer = start_committer(*log_);
    for (int who = 0; who < appenders; ++who) {
      threads.emplace_back([&, who] {
        for (int i = 0; i < appends; ++i) {
          std::array<std::string, 2> texts;
          std::array<Record, 2> records;
          for (std::size_t k = 0; k < 2; ++k) {
            texts[k] =
                std::to_string(who) + ":" + std::to_string(i * 2 + static_cast<int>(k)) + ":" + std::string(150, '.');
            records[k] = {.cls = i % 50 == 0 ? Class::critical : Class::medium,
                          .topic = "sensors/d1/data",
                          .payload = as_bytes(texts[k])};
          }
          while (!log_->append(records)) std::this_thread::yield();
        }
      });
    }
    threads.emplace_back([&] { follow(*log_, total); });
    threads.emplace_back([&] { follow(*log_, total); });
    threads.emplace_back([&] {
      while (!done) {
        ASSERT_TRUE(log_->tidy());
        ASSERT_LE(log_->committed_end(), log_->end());
        static_cast<void>(log_->extents("d1", EventTime::min(), EventTime::max(), record::all_classes));
        std::this_thread::yield();
      }
    });
    for (std::size_t i = 0; i + 1 < threads.size(); ++i) threads[i].join();
    done = true;
    threads.back().join();
  }
  EXPECT_EQ(log_->committed_end().value, total);  // the committer's end commits what waits
  follow(*log_, total);
}

// Every append is committed without anyone asking: no wake-up is lost.
TEST_F(Threads, TheCommitterMissesNothing) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto handle = log_->on_commit([&] {
    const std::scoped_lock lock(mutex);
    changed.notify_all();
  });
  const auto committer = start_committer(*log_);
  for (int i = 0; i < 300; ++i) {
    const auto at = log_->append({.topic = "sensors/d1/data", .payload = as_bytes("x")});
    ASSERT_TRUE(at);
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return log_->committed_end() > *at; }));
  }
}

}  // namespace
}  // namespace skerry::log
