// What opening a log costs after a crash with a long time behind it.
//
// usage: bench_open make DIR HOURS RECORDS_PER_S     fills the folder by a clock that it turns, and ends without a word
//        bench_open open DIR                         prints one JSON object
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/files.hpp"
#include "base/logger.hpp"
#include "base/metrics.hpp"
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

[[noreturn]] void wrong(const std::string& what) {
  std::fprintf(stderr, "bench_open: %s\n", what.c_str());
  std::exit(1);
}

// A line of /proc/self/status, in KiB.
long status_kib(const char* name) {
  long kib = 0;
  if (std::FILE* file = std::fopen("/proc/self/status", "r"); file != nullptr) {
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::strncmp(line, name, std::strlen(name)) == 0) kib = std::atol(line + std::strlen(name));
    }
    std::fclose(file);
  }
  return kib;
}

// Readings of 50 devices, and a statistics record of class low after each tenth.
void make(const std::string& dir, double hours, double rate) {
  TurnedClock clock;
  metrics::Registry metrics;
  log::Options options;
  options.low_keep = std::chrono::seconds{0};
  auto log = log::Log::open(system_files(), clock, dir, options, metrics);
  if (!log) wrong(log.error().text());
  const auto records = static_cast<std::uint64_t>(hours * 3600 * rate);
  const auto step = std::chrono::microseconds{static_cast<std::int64_t>(1e6 / rate)};
  constexpr std::uint64_t untidied = 200'000;  // of the end: sealed segments, and one that is written to
  std::string topic;
  std::string payload;
  for (std::uint64_t i = 0; i < records; ++i) {
    const bool low = i % 10 == 9;
    topic = (low ? "analytics/mote-" : "sensors/mote-") + std::to_string(i % 50) + (low ? "" : "/data");
    payload = "{\"timestamp\":\"";
    append_rfc3339(payload, to_event(clock.wall()));
    payload += "\",\"temperature\":" + std::to_string(200 + i * 2654435761U % 97) +
               ",\"humidity\":" + std::to_string(400 + i / 50 % 61) +
               ",\"pressure\":" + std::to_string(101'000 + i / 1000 % 211) + "}";
    const auto done = (*log)->append(
        {.cls = low ? record::Class::low : record::Class::medium, .topic = topic, .payload = as_bytes(payload)});
    if (!done) wrong(done.error().text());
    clock.advance(step);
    if (i % 8192 == 8191) {
      if (const auto committed = (*log)->commit(); !committed) wrong(committed.error().text());
      while (i + untidied < records) {
        const auto more = (*log)->tidy();
        if (!more) wrong(more.error().text());
        if (!*more) break;
      }
    }
  }
  if (const auto committed = (*log)->commit(); !committed) wrong(committed.error().text());
  ::_exit(0);  // as a crash: nothing is closed
}

void open(const std::string& dir) {
  const auto anon = status_kib("RssAnon:");
  const auto peak = status_kib("VmHWM:");
  metrics::Registry metrics;
  const auto begun = std::chrono::steady_clock::now();
  auto log = log::Log::open(system_files(), system_clock(), dir, {}, metrics);
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  if (!log) wrong(log.error().text());
  std::printf("{\"seconds\":%.3f,\"anon_kib\":%ld,\"peak_kib\":%ld,\"records\":%llu,\"damaged\":%llu}\n", took,
              status_kib("RssAnon:") - anon, status_kib("VmHWM:") - peak,
              static_cast<unsigned long long>((*log)->end().value),
              static_cast<unsigned long long>((*log)->recovery().damaged_records));
  std::fflush(stdout);
  ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  logger::configure(logger::Level::error, logger::Format::text);
  if (argc == 5 && std::strcmp(argv[1], "make") == 0) make(argv[2], std::atof(argv[3]), std::atof(argv[4]));
  if (argc == 3 && std::strcmp(argv[1], "open") == 0) open(argv[2]);
  wrong("usage: bench_open make DIR HOURS RECORDS_PER_S | bench_open open DIR");
}
