// Measures how fast the cloud side applies readings: batches as they travel, into SQLite and PostgreSQL; beside it a
// row a reading.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/database.hpp"
#include "cloud/store.hpp"
#include "sync/ledger.hpp"

namespace {

using namespace skerry;

struct Packed {
  std::uint64_t from = 0;
  std::uint64_t fingerprint = 0;
  Buffer block;
};

constexpr std::uint64_t batch_readings = 1'000;
constexpr std::size_t batches_together = 16;
constexpr std::size_t batches_crowded = 128;  // what the writer takes when so many wait, is 256 jobs or 16 MiB

std::string payload_of(std::uint64_t n, std::uint64_t device) {
  char text[160];
  std::snprintf(text, sizeof text, R"({"device_id":"mote-%llu","timestamp":%llu,"temperature":%.2f,"humidity":%.1f})",
                static_cast<unsigned long long>(device), static_cast<unsigned long long>(1'790'000'000'000 + n),
                20 + static_cast<double>((n * 7919) % 500) / 100, 40 + static_cast<double>((n * 104'729) % 200) / 10);
  return text;
}

std::vector<Packed> make_batches(std::uint64_t readings, std::uint64_t devices) {
  std::vector<Packed> all;
  for (std::uint64_t from = 0; from < readings; from += batch_readings) {
    sync::BatchWriter writer;
    for (std::uint64_t n = from; n < from + batch_readings; ++n) {
      const auto device = (n * 2'654'435'761) % devices;
      const auto topic = "sensors/mote-" + std::to_string(device) + "/data";
      const auto payload = payload_of(n, device);
      record::RecordView r;
      r.topic = topic;
      r.payload = as_bytes(payload);
      r.origin = "mote";
      r.offset = {n};
      r.position = {n};
      r.appended_at = Wall{std::chrono::microseconds{1'790'000'000'000'000 + static_cast<std::int64_t>(n) * 100}};
      writer.add(r);
    }
    Packed packed{from, writer.fingerprint(), {}};
    packed.block = std::move(*writer.pack());
    all.push_back(std::move(packed));
  }
  return all;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Timing {
  double wall = 0;
  double cpu = 0;
};

template <typename Work>
Timing timed(Work work) {
  const auto wall = system_clock().mono();
  const auto cpu = cpu_seconds();
  work();
  return {std::chrono::duration<double>(system_clock().mono() - wall).count(), cpu_seconds() - cpu};
}

void must(const Result<>& result) {
  if (result) return;
  std::fprintf(stderr, "bench: %s\n", result.error().text().c_str());
  std::exit(1);
}

void tell(const char* what, const Timing& t, std::uint64_t readings, std::uint64_t bytes) {
  std::printf("%-32s %9.0f readings/s wall %9.0f readings/s CPU %6.2f us CPU/reading %6.1f bytes/reading\n", what,
              static_cast<double>(readings) / t.wall, static_cast<double>(readings) / t.cpu,
              t.cpu * 1e6 / static_cast<double>(readings), static_cast<double>(bytes) / static_cast<double>(readings));
}

std::uint64_t size_of(const std::string& path) {
  std::uint64_t sum = 0;
  if (cloud::Database::is_server(path)) {
    auto database = std::move(*cloud::Database::open(path, cloud::Database::Mode::read));
    auto sizes = std::move(*database->prepare(
        "SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS BIGINT) FROM pg_class c JOIN pg_namespace n ON "
        "n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"));
    sizes.with();
    return *sizes.step() ? sizes.count(0) : 0;
  }
  for (const auto* end : {"", "-wal"}) {
    if (std::filesystem::exists(path + end)) sum += std::filesystem::file_size(path + end);
  }
  return sum;
}

// What the writer does: unpacking, marks, rows, one transaction for 16 batches.
void blocks(const std::string& path, const std::vector<Packed>& batches, const std::string& what,
            std::size_t together) {
  metrics::Registry metrics;
  auto store = std::move(*cloud::SqlStore::open(path, system_clock(), metrics));
  sync::Ledger ledger(*store);
  must(store->begin());
  const auto session = ledger.run(sync::ProveJob{.hello = {.gateway = "bench", .epoch = 1}})->session;
  must(store->commit());
  const auto apply = [&] {
    for (std::size_t i = 0; i < batches.size(); i += together) {
      must(store->begin());
      for (std::size_t j = i; j < std::min(i + together, batches.size()); ++j) {
        auto batch = sync::unpack(record::Class::medium, batches[j].from, batch_readings, batches[j].block);
        batch->fingerprint = batches[j].fingerprint;
        const auto outcome = ledger.run(sync::BatchJob{"bench", 1, session, std::move(*batch)});
        if (!outcome || outcome->refused || outcome->taken != batch_readings) std::abort();
      }
      must(store->commit());
    }
  };
  const auto readings = batches.size() * batch_readings;
  const auto applied = timed(apply);
  tell((what + ", " + std::to_string(together) + " batches a commit").c_str(), applied, readings, size_of(path));
  if (together != batches_together) return;
  const auto sorted = timed([&] {
    while (*store->shelve()) {
    }
  });
  tell((what + ", sorted afterwards").c_str(), sorted, readings, size_of(path));
}

// The plain way: a table with a row a reading and an index by device and time, the same transactions.
void rows(const std::string& path, const std::vector<Packed>& batches, const std::string& what) {
  auto database = std::move(*cloud::Database::open(path, cloud::Database::Mode::create));
  must(
      database->make_tables("CREATE TABLE readings (device TEXT, at INTEGER, offset INTEGER PRIMARY KEY, payload BLOB);"
                            "CREATE INDEX readings_by_device ON readings (device, at);",
                            1));
  auto put = std::move(*database->prepare("INSERT INTO readings VALUES (?1, ?2, ?3, ?4)"));
  const auto applied = timed([&] {
    for (std::size_t i = 0; i < batches.size(); i += 16) {
      must(database->begin(cloud::Database::Access::write));
      for (std::size_t j = i; j < std::min(i + 16, batches.size()); ++j) {
        const auto batch = sync::unpack(record::Class::medium, batches[j].from, batch_readings, batches[j].block);
        for (const auto& entry : batch->entries) {
          const auto& r = entry.record;
          put.with(record::device_of(r.topic), static_cast<std::int64_t>(r.appended_at.time_since_epoch().count()),
                   r.offset.value, r.payload);
          must(put.run());
        }
      }
      must(database->commit());
    }
  });
  tell((what + ", a row a reading").c_str(), applied, batches.size() * batch_readings, size_of(path));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const std::uint64_t readings = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const std::string server = argc > 3 ? argv[3] : "";  // postgresql://…
  for (const std::uint64_t devices : {50ULL, 10'000ULL}) {
    const auto batches = make_batches(readings / batch_readings * batch_readings, devices);
    std::uint64_t bytes = 0;
    for (const auto& b : batches) bytes += b.block.size();
    std::printf("%llu readings of %llu devices, %.1f bytes/reading as they travel\n",
                static_cast<unsigned long long>(readings), static_cast<unsigned long long>(devices),
                static_cast<double>(bytes) / static_cast<double>(readings));
    for (int round = 1; round <= 3; ++round) {
      const auto path = folder + "/" + std::to_string(devices) + "-" + std::to_string(round);
      blocks(path + ".blocks.db", batches, "SQLite", batches_together);
      blocks(path + ".crowded.db", batches, "SQLite", batches_crowded);
      rows(path + ".rows.db", batches, "SQLite");
      if (server.empty()) continue;
      const auto schema = [&](const std::string& name) {
        const auto full = name + std::to_string(devices) + "_" + std::to_string(round);
        must((*cloud::Database::open(server, cloud::Database::Mode::create))->run(("CREATE SCHEMA " + full).c_str()));
        return server + "&options=-csearch_path%3D" + full;
      };
      blocks(schema("blocks"), batches, "PostgreSQL", batches_together);
      blocks(schema("crowded"), batches, "PostgreSQL", batches_crowded);
      rows(schema("plain"), batches, "PostgreSQL");
    }
  }
  return 0;
}
