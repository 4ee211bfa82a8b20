// Producers that each wait for their own durable answer: Skerry's log, LevelDB and RocksDB under the same load.
//
// usage: bench_log KIND DIR PRODUCERS SECONDS                   KIND: skerry, leveldb, rocksdb
//        bench_log KIND DIR PRODUCERS bytes WARM_MB MB STAT     for MB of payload after WARM_MB, what STAT counts
// Records of 100 bytes that do not pack. Every record has been synced when it is counted, and what a store does in the
// background (Skerry's blocks, the others' compactions) goes on meanwhile. STAT: the device's, /sys/dev/block/…/stat.
// Prints one JSON object.
#include <fcntl.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sys/resource.h>
#include <unistd.h>

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
  std::jthread tidying;  // as a gateway's housekeeping does
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
  store->tidying = std::jthread([s = store.get()](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto more = s->log->tidy();
      if (!more || !*more) std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
  });
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

// Written to the device so far, once all that is in memory of its file system is there.
std::uint64_t device_bytes(const std::string& dir, const char* stat) {
  const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY);
  ::syncfs(fd);
  ::close(fd);
  unsigned long long sectors = 0;
  std::FILE* file = std::fopen(stat, "r");
  if (file == nullptr || std::fscanf(file, "%*u %*u %*u %*u %*u %*u %llu", &sectors) != 1) {
    std::fprintf(stderr, "bench_log: %s is not the stat of a block device\n", stat);
    std::exit(1);
  }
  std::fclose(file);
  return sectors * 512;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

constexpr std::size_t record_bytes = 100;

// Threads that put one record after the other, each waiting for its own.
class Producers {
 public:
  Producers(const Store& store, int count) : counts_(static_cast<std::size_t>(count) * 16) {
    for (int p = 0; p < count; ++p) {
      threads_.emplace_back([this, &store, p] { run(store, static_cast<std::uint64_t>(p)); });
    }
  }
  void start() {
    go_.store(true);
    go_.notify_all();
  }
  std::uint64_t records() const {
    std::uint64_t records = 0;
    for (std::size_t i = 0; i < counts_.size(); i += 16) records += counts_[i].load(std::memory_order_relaxed);
    return records;
  }
  void wait_for(std::uint64_t records) const {
    while (this->records() < records && failed_.load() == 0) std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  bool stop() {
    stop_.store(true);
    for (auto& thread : threads_) thread.join();
    return failed_.load() == 0;
  }

 private:
  void run(const Store& store, std::uint64_t number) {
    std::string value(record_bytes, 'x');
    std::uint64_t noise = 0x9e3779b97f4a7c15U * (number + 1);
    go_.wait(false);
    while (!stop_.load(std::memory_order_relaxed)) {
      for (auto& c : value) {  // does not pack
        noise = noise * 6364136223846793005U + 1442695040888963407U;
        c = static_cast<char>('!' + (noise >> 33) % 90);
      }
      if (!store.put(key_.fetch_add(1, std::memory_order_relaxed), value)) failed_.fetch_add(1);
      counts_[number * 16].fetch_add(1, std::memory_order_relaxed);
    }
  }

  std::vector<std::atomic<std::uint64_t>> counts_;  // one cache line each
  std::atomic<bool> go_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> key_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::vector<std::thread> threads_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool bytes = argc == 8 && std::strcmp(argv[4], "bytes") == 0;
  if (argc != 5 && !bytes) {
    std::fprintf(stderr,
                 "usage: bench_log skerry|leveldb|rocksdb DIR PRODUCERS SECONDS\n"
                 "       bench_log skerry|leveldb|rocksdb DIR PRODUCERS bytes WARM_MB MB STAT\n");
    return 2;
  }
  skerry::logger::configure(skerry::logger::Level::error, skerry::logger::Format::text);
  const std::string kind = argv[1];
  const std::string dir = argv[2];
  auto store = kind == "skerry" ? open_skerry(dir) : kind == "leveldb" ? open_leveldb(dir) : open_rocksdb(dir);
  Producers producers(store, std::atoi(argv[3]));
  std::uint64_t written = 0;
  std::uint64_t warm = 0;
  const auto cpu = cpu_seconds();
  const auto begun = Steady::now();
  producers.start();
  if (bytes) {
    const auto records_of = [](const char* megabytes) {
      return std::strtoull(megabytes, nullptr, 10) * 1'000'000 / record_bytes;
    };
    producers.wait_for(records_of(argv[5]));
    written = device_bytes(dir, argv[7]);
    warm = producers.records();
    producers.wait_for(warm + records_of(argv[6]));
  } else {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::atof(argv[4])));
  }
  const auto records = producers.records() - warm;
  const auto took = std::chrono::duration<double>(Steady::now() - begun).count();
  const auto used = cpu_seconds() - cpu;
  if (bytes) written = device_bytes(dir, argv[7]) - written;
  const bool well = producers.stop();
  std::printf("{\"records\":%llu,\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"device_bytes\":%llu,\"payload_bytes\":%llu}\n",
              static_cast<unsigned long long>(records), took, used, static_cast<unsigned long long>(written),
              static_cast<unsigned long long>(records * record_bytes));
  return well ? 0 : 1;
}
