// Producers that each wait for their own durable answer: Skerry's log, LevelDB and RocksDB under the same load.
//
// usage: bench_log KIND DIR PRODUCERS SECONDS [BYTES]      KIND: skerry, leveldb, rocksdb
// Prints one JSON object. Every record has been synced when it is counted. Writes of this process are counted from
// /proc/self/io (pages made dirty); the caller counts the device's sectors.
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/logger.hpp"
#include "log/log.hpp"

namespace {

using Steady = std::chrono::steady_clock;

// One durable record; false when it failed.
using Put = std::function<bool(std::uint64_t key, const std::string& value)>;

struct Store {
  Put put;
  std::shared_ptr<void> owner;
};

struct SkerryStore {
  skerry::metrics::Registry metrics;
  std::unique_ptr<skerry::log::Log> log;
  std::atomic<std::uint64_t> committed{0};
  std::shared_ptr<void> wake;
  std::unique_ptr<skerry::log::Committer> committer;
};

Store open_skerry(const std::string& dir) {
  auto store = std::make_shared<SkerryStore>();
  skerry::log::Options options;
  options.profile = skerry::log::Profile::fast;  // as the others: nobody waits for company
  auto log = skerry::log::Log::open(skerry::system_files(), skerry::system_clock(), dir, options, store->metrics);
  if (!log) {
    std::fprintf(stderr, "%s\n", log.error().text().c_str());
    std::exit(1);
  }
  store->log = std::move(*log);
  store->wake = store->log->on_commit([s = store.get()] {
    s->committed.store(s->log->committed_end().value, std::memory_order_release);
    s->committed.notify_all();
  });
  store->committer = skerry::log::start_committer(*store->log);
  return {[s = store.get()](std::uint64_t, const std::string& value) {
            const auto at = s->log->append({.topic = "bench/p", .payload = skerry::as_bytes(value)});
            if (!at) return false;
            for (auto seen = s->committed.load(std::memory_order_acquire); seen <= at->value;
                 seen = s->committed.load(std::memory_order_acquire)) {
              s->committed.wait(seen, std::memory_order_acquire);
            }
            return true;
          },
          store};
}

std::string key_text(std::uint64_t key) {
  std::string text(8, '\0');
  for (int i = 7; i >= 0; --i, key >>= 8) text[static_cast<std::size_t>(i)] = static_cast<char>(key);
  return text;
}

Store open_leveldb(const std::string& dir) {
  leveldb::Options options;
  options.create_if_missing = true;
  options.compression = leveldb::kNoCompression;
  leveldb::DB* db = nullptr;
  if (const auto status = leveldb::DB::Open(options, dir, &db); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::exit(1);
  }
  const std::shared_ptr<leveldb::DB> owner(db);
  return {[db](std::uint64_t key, const std::string& value) {
            leveldb::WriteOptions sync;
            sync.sync = true;
            return db->Put(sync, key_text(key), value).ok();
          },
          owner};
}

Store open_rocksdb(const std::string& dir) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* db = nullptr;
  if (const auto status = rocksdb::DB::Open(options, dir, &db); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    std::exit(1);
  }
  const std::shared_ptr<rocksdb::DB> owner(db);
  return {[db](std::uint64_t key, const std::string& value) {
            rocksdb::WriteOptions sync;
            sync.sync = true;
            return db->Put(sync, key_text(key), value).ok();
          },
          owner};
}

std::uint64_t written_bytes() {
  std::uint64_t bytes = 0;
  if (std::FILE* file = std::fopen("/proc/self/io", "r"); file != nullptr) {
    char line[128];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::strncmp(line, "write_bytes:", 12) == 0) bytes = std::strtoull(line + 12, nullptr, 10);
    }
    std::fclose(file);
  }
  return bytes;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: bench_log skerry|leveldb|rocksdb DIR PRODUCERS SECONDS [BYTES]\n");
    return 2;
  }
  skerry::logger::configure(skerry::logger::Level::error, skerry::logger::Format::text);
  const std::string kind = argv[1];
  const std::string dir = argv[2];
  const auto producers = std::atoi(argv[3]);
  const auto seconds = std::atof(argv[4]);
  const std::size_t bytes = argc > 5 ? std::strtoul(argv[5], nullptr, 10) : 100;
  auto store = kind == "skerry" ? open_skerry(dir) : kind == "leveldb" ? open_leveldb(dir) : open_rocksdb(dir);

  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> key{0};
  std::atomic<std::uint64_t> failed{0};
  std::vector<std::uint64_t> counts(static_cast<std::size_t>(producers) * 16);
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      std::string value(bytes, 'x');
      std::uint64_t noise = 0x9e3779b97f4a7c15U * static_cast<std::uint64_t>(p + 1);
      go.wait(false);
      while (!stop.load(std::memory_order_relaxed)) {
        for (auto& c : value) {  // does not pack
          noise = noise * 6364136223846793005U + 1442695040888963407U;
          c = static_cast<char>('!' + (noise >> 33) % 90);
        }
        if (!store.put(key.fetch_add(1, std::memory_order_relaxed), value)) failed.fetch_add(1);
        ++counts[static_cast<std::size_t>(p) * 16];
      }
    });
  }
  const auto written = written_bytes();
  const auto cpu = cpu_seconds();
  const auto begun = Steady::now();
  go.store(true);
  go.notify_all();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop.store(true);
  for (auto& thread : threads) thread.join();
  const auto took = std::chrono::duration<double>(Steady::now() - begun).count();
  std::uint64_t records = 0;
  for (const auto count : counts) records += count;
  std::printf(
      "{\"records\":%llu,\"seconds\":%.3f,\"failed\":%llu,\"cpu_seconds\":%.3f,\"written_bytes\":%llu,\"payload_"
      "bytes\":%llu}\n",
      static_cast<unsigned long long>(records), took, static_cast<unsigned long long>(failed.load()),
      cpu_seconds() - cpu, static_cast<unsigned long long>(written_bytes() - written),
      static_cast<unsigned long long>(records * bytes));
  return failed.load() == 0 ? 0 : 1;
}
