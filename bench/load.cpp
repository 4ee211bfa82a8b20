// Real-looking readings over MQTT: as fast as they are acknowledged (ingest), at a rate with spikes (decide), or at a
// rate while the broker's memory is looked at (steady). JSON out.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "client.hpp"

namespace bench {
namespace {

struct Options {
  std::string mode;
  Crowd::Options crowd;
  int pid = 0;   // of the broker, for its CPU time
  int cpu = -1;  // where this program runs
  double seconds = 5;
  double warm = 1;
  double rate = 2000;     // decide: readings a second, of all devices together
  double spikes = 5;      // decide: spikes a second, of all devices together
  double sample = 30;     // steady: seconds between two looks
  std::string sync_file;  // decide: a file on the broker's disk, to measure fdatasync beside it
};

double cpu_us(int pid) {
  if (pid <= 0) return 0;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream words(text.substr(end + 2));
  std::string word;
  double ticks = 0;
  for (int field = 3; field <= 15 && words >> word; ++field) {
    if (field >= 14) ticks += std::stod(word);
  }
  return ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

long status_kb(int pid, std::string_view key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::atol(line.c_str() + key.size());
  }
  return 0;
}
long rss_kb(int pid) { return status_kb(pid, "VmRSS:"); }

double percentile(std::vector<float> values, double p) {
  if (values.empty()) return 0;
  const auto at = std::min(values.size() - 1, static_cast<std::size_t>(p / 100 * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

// Even noise around 21 °C: no such reading is more than 1.8 standard deviations off, so only spikes are anomalies.
class Readings {
 public:
  std::string_view next(bool spike) {
    const double temperature = spike ? 90 + noise_(random_) : 21 + noise_(random_);
    const int size = std::snprintf(text_, sizeof text_, R"({"temperature":%.2f,"humidity":%.1f})", temperature,
                                   48 + 4 * noise_(random_));
    return {text_, static_cast<std::size_t>(size)};
  }

 private:
  std::mt19937_64 random_{1};
  std::uniform_real_distribution<double> noise_{-0.5, 0.5};
  char text_[96];
};

// Goes on until the broker is idle again, so that work put off for later counts too.
double settle(int pid) {
  if (pid <= 0) return 0;
  const auto until = now() + 120'000'000'000;
  double last = cpu_us(pid);
  while (now() < until) {
    usleep(500'000);
    const double here = cpu_us(pid);
    if (here - last < 20'000) return here;
    last = here;
  }
  return last;
}

// All that was published is acknowledged, or 15 s have gone by.
bool drain(Crowd& crowd) {
  const auto until = now() + 15'000'000'000;
  while (crowd.acked < crowd.published && crowd.closed == 0 && now() < until) crowd.turn(1'000'000);
  return crowd.acked == crowd.published;
}

void as_fast_as_acknowledged(Crowd& crowd, Readings& readings, double seconds) {
  const auto until = now() + static_cast<Nanos>(seconds * 1e9);
  while (now() < until && crowd.closed == 0) {
    bool any = false;
    for (auto& device : crowd.devices()) {
      if (device.waits_to_write || !crowd.has_room(device)) continue;
      while (crowd.has_room(device)) crowd.publish(device, readings.next(false));
      crowd.flush(device);
      any = true;
    }
    crowd.turn(any ? 0 : 1'000'000);
  }
}

int ingest(const Options& options) {
  Crowd crowd(options.crowd);
  Readings readings;
  crowd.wait_ready();
  as_fast_as_acknowledged(crowd, readings, options.warm);
  bool drained = drain(crowd);
  settle(options.pid);
  crowd.published = crowd.acked = 0;
  crowd.ack_ms.clear();
  const double cpu_begin = cpu_us(options.pid);
  const auto begin = now();
  as_fast_as_acknowledged(crowd, readings, options.seconds);
  drained = drain(crowd) && drained;
  const double seconds = static_cast<double>(now() - begin) / 1e9;
  const double cpu_end = cpu_us(options.pid);
  const double cpu_settled = settle(options.pid);
  const auto messages = static_cast<double>(std::max<std::uint64_t>(1, crowd.published));
  std::printf(
      "{\"published\":%lu,\"acked\":%lu,\"drained\":%s,\"closed\":%lu,\"sec\":%.3f,\"pub_per_s\":%.0f,\"cpu_us_while_"
      "publishing\":%.3f,"
      "\"cpu_us_settled\":%.3f,\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f},\"rss_kb\":%ld}\n",
      crowd.published, crowd.acked, drained ? "true" : "false", crowd.closed, seconds, messages / seconds,
      (cpu_end - cpu_begin) / messages, (cpu_settled - cpu_begin) / messages, percentile(crowd.ack_ms, 50),
      percentile(crowd.ack_ms, 99), rss_kb(options.pid));
  return drained && crowd.closed == 0 ? 0 : 1;
}

// What one fdatasync of 4 KiB takes, ten times a second, on the broker's disk while it works.
class SyncProbe {
 public:
  explicit SyncProbe(const std::string& path) {
    if (!path.empty()) thread_ = std::thread([this, path] { run(path); });
  }
  std::vector<float> finish() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return std::move(ms_);
  }

 private:
  void run(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) die("cannot open " + path);
    const std::string page(4096, 'x');
    bool first = true;
    while (!ending_) {
      const auto begin = now();
      if (pwrite(fd, page.data(), page.size(), 0) != 4096 || fdatasync(fd) != 0) die("cannot write " + path);
      if (!first) ms_.push_back(static_cast<float>(static_cast<double>(now() - begin) / 1e6));
      first = false;
      usleep(100'000);
    }
    close(fd);
    unlink(path.c_str());
  }

  std::atomic<bool> ending_{false};
  std::vector<float> ms_;
  std::thread thread_;
};

// Publishes at the rate, device after device; every so many readings of a device is a spike, each device at its own
// time.
void at_rate(Crowd& crowd, Readings& readings, const Options& options, double seconds, bool with_spikes,
             std::uint64_t& late) {
  auto& devices = crowd.devices();
  const auto every = static_cast<std::uint64_t>(std::max(1.0, options.rate / std::max(options.spikes, 1e-9)));
  const auto begin = now();
  const auto until = begin + static_cast<Nanos>(seconds * 1e9);
  std::uint64_t k = 0;
  while (crowd.closed == 0) {
    const auto here = now();
    if (here >= until) break;
    const auto due = begin + static_cast<Nanos>(static_cast<double>(k) * 1e9 / options.rate);
    if (due > here) {
      crowd.turn(due - here);
      continue;
    }
    if (here - due > 5'000'000) ++late;
    auto& device = devices[(k + k / devices.size()) % devices.size()];  // moves on by one each round, so spikes do too
    const bool spike = with_spikes && k % every == every / 2;
    while (!crowd.has_room(device) && crowd.closed == 0) crowd.turn(1'000'000);
    const auto text = readings.next(spike);
    if (spike) device.spikes.push_back(now());
    crowd.publish(device, text);
    crowd.flush(device);
    ++k;
  }
}

int decide(const Options& options) {
  auto crowd_options = options.crowd;
  crowd_options.commands = true;
  Crowd crowd(crowd_options);
  Readings readings;
  crowd.wait_ready();
  std::uint64_t late = 0;
  at_rate(crowd, readings, options, std::max(options.warm, 2.0), false, late);
  drain(crowd);
  crowd.published = crowd.acked = crowd.commands = crowd.unasked = late = 0;
  crowd.ack_ms.clear();
  SyncProbe probe(options.sync_file);
  const double cpu_begin = cpu_us(options.pid);
  at_rate(crowd, readings, options, options.seconds, true, late);
  const double cpu = cpu_us(options.pid) - cpu_begin;
  drain(crowd);
  const auto until = now() + 1'000'000'000;
  while (now() < until) crowd.turn(5'000'000);
  const auto syncs = probe.finish();
  std::uint64_t missing = 0;
  for (const auto& device : crowd.devices()) missing += device.spikes.size();
  std::printf(
      "{\"published\":%lu,\"acked\":%lu,\"late_sends\":%lu,\"spikes\":%lu,\"commands\":%lu,\"missing\":%lu,\"unasked\":"
      "%lu,\"closed\":%lu,"
      "\"decide_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},\"ack_ms\":{\"p50\":%.3f,\"p99\":%.3f},"
      "\"fdatasync_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"count\":%zu},\"cpu_us_per_reading\":%.1f,\"rss_kb\":%ld}\n",
      crowd.published, crowd.acked, late, crowd.decide_ms.size() + missing, crowd.commands, missing, crowd.unasked,
      crowd.closed, percentile(crowd.decide_ms, 50), percentile(crowd.decide_ms, 99), percentile(crowd.decide_ms, 100),
      percentile(crowd.ack_ms, 50), percentile(crowd.ack_ms, 99), percentile(syncs, 50), percentile(syncs, 99),
      syncs.size(), cpu / static_cast<double>(std::max<std::uint64_t>(1, crowd.published)), rss_kb(options.pid));
  return missing == 0 && crowd.unasked == 0 && crowd.closed == 0 ? 0 : 1;
}

// One line every so many seconds: the memory then, and the CPU since the line before.
int steady(const Options& options) {
  Crowd crowd(options.crowd);
  Readings readings;
  crowd.wait_ready();
  std::uint64_t late = 0;
  const auto begin = now();
  double before = cpu_us(options.pid);
  std::uint64_t published = 0;
  for (double done = 0; done < options.seconds && crowd.closed == 0; done += options.sample) {
    const auto from = now();
    at_rate(crowd, readings, options, std::min(options.sample, options.seconds - done), false, late);
    const double seconds = static_cast<double>(now() - from) / 1e9;
    const double cpu = cpu_us(options.pid);
    std::printf(
        "{\"at_s\":%.0f,\"published\":%lu,\"per_s\":%.0f,\"rss_anon_kb\":%ld,\"rss_kb\":%ld,\"cores\":%.3f,\"cpu_us_"
        "per_"
        "reading\":%.2f,\"late_sends\":%lu,\"closed\":%lu}\n",
        static_cast<double>(now() - begin) / 1e9, crowd.published,
        static_cast<double>(crowd.published - published) / seconds, status_kb(options.pid, "RssAnon:"),
        rss_kb(options.pid), (cpu - before) / 1e6 / seconds,
        (cpu - before) / static_cast<double>(std::max<std::uint64_t>(1, crowd.published - published)), late,
        crowd.closed);
    std::fflush(stdout);
    before = cpu;
    published = crowd.published;
    crowd.ack_ms.clear();
  }
  return drain(crowd) && crowd.closed == 0 ? 0 : 1;
}

Options parse(int argc, char** argv) {
  Options options;
  if (argc < 2)
    die("usage: bench_load ingest|decide|steady --port P [--pid PID --cpu N --pubs N --window N --dur S --warm S "
        "--rate R "
        "--spikes R --sample S --sync-file F --prefix P]");
  options.mode = argv[1];
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    const char* value = argv[i + 1];
    if (key == "--port")
      options.crowd.port = static_cast<std::uint16_t>(std::atoi(value));
    else if (key == "--pid")
      options.pid = std::atoi(value);
    else if (key == "--cpu")
      options.cpu = std::atoi(value);
    else if (key == "--pubs")
      options.crowd.devices = std::atoi(value);
    else if (key == "--window")
      options.crowd.window = std::atoi(value);
    else if (key == "--prefix")
      options.crowd.prefix = value;
    else if (key == "--dur")
      options.seconds = std::atof(value);
    else if (key == "--warm")
      options.warm = std::atof(value);
    else if (key == "--rate")
      options.rate = std::atof(value);
    else if (key == "--spikes")
      options.spikes = std::atof(value);
    else if (key == "--sample")
      options.sample = std::atof(value);
    else if (key == "--sync-file")
      options.sync_file = value;
    else
      die("what is " + key + "?");
  }
  if (options.crowd.window < 1 || options.crowd.window > 65'000 || options.crowd.devices < 1)
    die("--window 1 to 65000, --pubs from 1");
  return options;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const auto options = bench::parse(argc, argv);
  prctl(PR_SET_TIMERSLACK, 1);
  if (options.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(options.cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  if (options.mode == "ingest") return bench::ingest(options);
  if (options.mode == "decide") return bench::decide(options);
  if (options.mode == "steady") return bench::steady(options);
  bench::die("what is " + options.mode + "? ingest, decide or steady");
}
