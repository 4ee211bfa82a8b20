// What a day of readings takes on disk: the real log, fed the library's motes, its segments turned into blocks.
//
// usage: bench_at_rest FILE.csv SITES VALUES_PER_S SECONDS DIR     (FILE: device,time_ms,<fields…>)
// SITES copies of the motes publish in turn, one message per recorded row, restamped to VALUES_PER_S values a second of
// a clock that the program turns. Prints one JSON object.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/metrics.hpp"
#include "codec/json.hpp"
#include "log/log.hpp"

namespace {

using namespace skerry;

class TurnedClock final : public Clock {
 public:
  Wall wall() override { return wall_; }
  Mono mono() override { return mono_; }
  void advance(std::chrono::microseconds by) {
    wall_ += by;
    mono_ += by;
  }

 private:
  Wall wall_{std::chrono::microseconds{1'767'225'600'000'000}};
  Mono mono_{std::chrono::seconds{1}};
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

[[noreturn]] void wrong(const std::string& what) {
  std::fprintf(stderr, "bench_at_rest: %s\n", what.c_str());
  std::exit(1);
}

struct Mote {
  std::string device;
  std::string fields;  // ,"temperature":21.5 …
  unsigned values = 0;
};

std::vector<Mote> rows_of(std::string_view text) {
  std::vector<Mote> rows;
  std::vector<std::string> names;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::vector<std::string> cells;
    while (true) {
      const auto cell = line.substr(0, line.find(','));
      cells.emplace_back(cell);
      if (cell.size() == line.size()) break;
      line.remove_prefix(cell.size() + 1);
    }
    if (names.empty()) {
      names = cells;
      continue;
    }
    auto& mote = rows.emplace_back(Mote{cells[0], {}, 0});
    for (std::size_t i = 2; i < cells.size() && i < names.size(); ++i) {
      if (cells[i].empty()) continue;
      mote.fields += ",\"" + names[i] + "\":" + cells[i];
      ++mote.values;
    }
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) wrong("usage: bench_at_rest FILE.csv SITES VALUES_PER_S SECONDS DIR");
  const auto text = read_file(system_files(), argv[1]);
  if (!text) wrong(text.error().text());
  const auto rows = rows_of(as_text(*text));
  const auto sites = std::strtoul(argv[2], nullptr, 10);
  const auto rate = std::strtod(argv[3], nullptr);
  const auto seconds = std::strtod(argv[4], nullptr);
  TurnedClock clock;
  metrics::Registry metrics;
  log::Options options;
  auto log = log::Log::open(system_files(), clock, argv[5], options, metrics);
  if (!log) wrong(log.error().text());
  double values = 0, packing_s = 0;
  std::uint64_t records = 0, payload_bytes = 0;
  const auto pack = [&] {
    const auto begun = cpu_seconds();
    for (;;) {
      const auto more = (*log)->tidy();
      if (!more) wrong(more.error().text());
      if (!*more) break;
    }
    packing_s += cpu_seconds() - begun;
  };
  for (std::size_t i = 0; values < rate * seconds; ++i) {
    const auto& mote = rows[i / sites % rows.size()];
    auto device = mote.device;
    if (sites > 1) device += "-site-" + std::to_string(i % sites);
    std::string payload = "{\"timestamp\":\"";
    append_rfc3339(payload, to_event(clock.wall() - std::chrono::milliseconds{3}));
    payload += '"' + mote.fields + '}';
    const auto topic = "sensors/" + device + "/data";
    if (const auto done = (*log)->append({.qos = 1, .topic = topic, .payload = as_bytes(payload), .origin = device});
        !done)
      wrong(done.error().text());
    values += mote.values;
    ++records;
    payload_bytes += payload.size();
    // Arrivals are not even: up to half as early or late.
    clock.advance(std::chrono::microseconds{static_cast<std::int64_t>(
        mote.values * 1e6 / rate * (0.5 + static_cast<double>(i * 2654435761U % 1024) / 1024))});
    if (records % 256 == 0) {
      if (const auto done = (*log)->commit(); !done) wrong(done.error().text());
    }
    if (records % 4096 == 0) pack();
  }
  if (const auto done = (*log)->commit(); !done) wrong(done.error().text());
  pack();
  // Names say which records a file holds: FIRST-END-… in 16 hexadecimal digits each. All are of one class.
  std::uint64_t in_blocks = 0, block_bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(argv[5]) / "blocks")) {
    const auto name = entry.path().filename().string();
    in_blocks = std::max<std::uint64_t>(in_blocks, std::strtoull(name.substr(17, 16).c_str(), nullptr, 16));
    block_bytes += entry.file_size();
  }
  if (in_blocks == 0) wrong("nothing was packed: more SECONDS");
  const auto share = static_cast<double>(in_blocks) / static_cast<double>(records);
  std::printf(
      "{\"records\":%llu,\"values\":%.0f,\"payload_bytes_per_record\":%.1f,\"block_bytes_per_record\":%.2f,"
      "\"block_bytes_per_value\":%.3f,\"day_megabytes\":%.1f,\"pack_us_per_record\":%.3f}\n",
      static_cast<unsigned long long>(in_blocks), values * share,
      static_cast<double>(payload_bytes) / static_cast<double>(records),
      static_cast<double>(block_bytes) / static_cast<double>(in_blocks),
      static_cast<double>(block_bytes) / (values * share),
      static_cast<double>(block_bytes) / (values * share) * rate * 86400 / 1e6,
      packing_s / static_cast<double>(in_blocks) * 1e6);
  return 0;
}
