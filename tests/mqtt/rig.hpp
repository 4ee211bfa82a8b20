// Rig: a gateway's MQTT door in a simulated world, with the real log on a simulated disk; commits when the test says so
// or by itself.
#pragma once

#include <memory>

#include "log/log.hpp"
#include "mqtt/mqtt.hpp"
#include "sim/disk.hpp"
#include "sim/loop.hpp"
#include "sim/world.hpp"

namespace skerry::mqtt {

class Rig {
 public:
  explicit Rig(std::uint64_t seed, Options o = {}, log::Options l = small_log())
      : world(seed), network(world), clients(world, network), disk(seed + 1), options(o), log_options(l) {
    open();
  }
  ~Rig() { close(); }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  static log::Options small_log() {
    log::Options o;
    o.segment_bytes = 256 * KiB;
    return o;
  }

  void open() {
    metrics = std::make_unique<metrics::Registry>();
    host = std::make_unique<sim::Host>(world, network);
    auto opened = log::Log::open(disk, world, "data/log", log_options, *metrics);
    INVARIANT(opened.has_value());
    log = std::move(*opened);
    auto made = Broker::open({*host, *log, disk, world.chance(), *metrics, rules, access}, "data/mqtt", options);
    INVARIANT(made.has_value());
    broker = std::move(*made);
    const auto listening = broker->listen({"127.0.0.1", port});
    INVARIANT(listening.has_value());
    port = *listening;
    ++life;
    if (commits) tick(life);
  }
  void close() {
    ++life;
    broker.reset();
    if (host) host->crash();
    log.reset();
    host.reset();
  }
  // The program is killed, or the power goes: what was not committed may be gone.
  void crash(bool power) {
    ++life;
    host->crash();
    if (power)
      disk.cut_now();
    else
      disk.kill();
    broker.reset();
    log.reset();
    host.reset();
    if (power) disk.power_on();
    open();
  }
  void commit() {
    const auto done = log->commit();
    INVARIANT(done.has_value());
  }
  void commit_by_itself() {
    commits = true;
    tick(life);
  }
  void tick(std::uint64_t of) {
    world.after(std::chrono::microseconds{200 + world.chance().below(1'500)}, [this, of] {
      if (of != life) return;
      const auto due = log->commit_due();
      if (due && *due <= world.mono()) commit();
      tick(of);
    });
  }
  void run(std::chrono::nanoseconds span = std::chrono::milliseconds{20}) { world.run_for(span); }

  sim::World world;
  sim::Network network;
  sim::Host clients;
  sim::Disk disk;
  Options options;
  log::Options log_options;
  record::ClassRules rules;
  Access* access = nullptr;
  std::unique_ptr<metrics::Registry> metrics;
  std::unique_ptr<sim::Host> host;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<Broker> broker;
  std::uint16_t port = 0;
  std::uint64_t life = 0;
  bool commits = false;
};

}  // namespace skerry::mqtt
