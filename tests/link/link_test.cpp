// A gateway's log to a cloud in memory, over the simulated network, through crashes and cuts.
#include <gtest/gtest.h>

#include <algorithm>

#include "link/link.hpp"
#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/loop.hpp"
#include "sync/log_source.hpp"
#include "tests/sync/rig.hpp"

namespace skerry::link {
namespace {

using record::Class;

struct Rig {
  explicit Rig(std::uint64_t seed) : world(seed), network(world), disk(seed) {
    serve();
    start();
    pump();
  }
  ~Rig() { stop(); }

  void serve() {
    cloud_host = std::make_unique<sim::Host>(world, network);
    auto made = Server::make({*cloud_host, disk, world.chance(), metrics}, {}, [this](Server::Id id, sync::Job job) {
      jobs.emplace_back(id, std::move(job));  // the world runs what is posted at once in any order
      cloud_host->post([this] {
        const auto [from, next] = std::move(jobs.front());
        jobs.pop_front();
        const auto outcome = sync::Ledger(store).run(next);
        if (outcome->refused) refusals.push_back(outcome->refused->reason);
        if (!std::holds_alternative<sync::RefusedJob>(next)) server->outcome(from, *outcome);
      });
    });
    INVARIANT(made);
    server = std::move(*made);
    const auto heard = server->listen({"127.0.0.1", port});
    INVARIANT(heard);
    port = *heard;
  }
  void start() {
    host = std::make_unique<sim::Host>(world, network);
    log =
        std::move(*log::Log::open(disk, world, "log", {.segment_bytes = 1 * MiB, .chance = &world.chance()}, metrics));
    UplinkOptions options{.ways = {{.url = {false, {"127.0.0.1", port}}}}, .gateway = "gw", .state_path = "sync"};
    uplink = std::move(*Uplink::open({*host, *log, disk, world.chance(), metrics}, options));
    uplink->start();
  }
  void stop() {
    if (host) host->crash();
    uplink.reset();
    log.reset();
    host.reset();
  }
  void kill_gateway() {
    stop();
    disk.kill();
    start();
  }
  void kill_cloud() {
    cloud_host->crash();
    server.reset();
    jobs.clear();
    serve();
  }
  void append(std::uint64_t many) {
    for (; many > 0; --many) {
      const auto text = "{\"n\":" + std::to_string(accepted++) + "}";
      ASSERT_TRUE(log->append({.topic = "sensors/d/data", .payload = as_bytes(text)}));
    }
    ASSERT_TRUE(log->commit());
  }
  void pump() {
    if (log) (void)log->tidy();
    world.after(std::chrono::milliseconds{200}, [this] { pump(); });
  }
  bool done() const { return uplink->status().backlog == 0 && uplink->status().phase == sync::Phase::sending; }

  sim::World world;
  sim::Network network;
  sim::Disk disk;
  metrics::Registry metrics;
  sync::rig::MemoryStore store;
  std::deque<std::pair<Server::Id, sync::Job>> jobs;
  std::vector<sync::Refusal> refusals;
  std::unique_ptr<sim::Host> cloud_host;
  std::unique_ptr<Server> server;
  std::unique_ptr<sim::Host> host;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<Uplink> uplink;
  std::uint16_t port = 0;
  std::uint64_t accepted = 0;
};

TEST(Link, everything_arrives_once_through_crashes_and_cuts) {
  for (const auto seed : sim::seeds(20)) {
    Rig rig(seed);
    for (int i = 0; i < 12; ++i) {
      rig.append(1 + rig.world.chance().below(3'000));
      rig.world.run_for(std::chrono::milliseconds{rig.world.chance().below(600)});
      switch (rig.world.chance().below(4)) {
        case 0: rig.kill_gateway(); break;
        case 1: rig.kill_cloud(); break;
        case 2: rig.host->cut_all(); break;
        default: break;
      }
    }
    ASSERT_TRUE(rig.world.run_until([&] { return rig.done(); }))
        << seed << " " << (rig.uplink->status().trouble ? rig.uplink->status().trouble->text : "");
    for (const auto refusal : rig.refusals) ASSERT_EQ(refusal, sync::Refusal::superseded) << seed;
    auto offsets = rig.store.of(rig.log->epoch(), Class::medium).offsets;
    ASSERT_EQ(offsets.size(), rig.accepted) << seed;
    std::ranges::sort(offsets);
    for (std::uint64_t i = 0; i < offsets.size(); ++i) ASSERT_EQ(offsets[i], i) << seed;
    EXPECT_EQ(rig.store.of(rig.log->epoch(), Class::medium).stream.counts.records, rig.accepted);
  }
}

TEST(Link, a_new_epoch_lets_a_refused_gateway_go_on) {
  Rig rig(7);
  rig.append(50);
  ASSERT_TRUE(rig.world.run_until([&] { return rig.done(); }));
  rig.world.run_for(std::chrono::seconds{3});
  rig.store.fenced[rig.log->epoch()] = true;
  rig.host->cut_all();
  ASSERT_TRUE(rig.world.run_until([&] { return rig.uplink->status().refused.has_value(); }));
  EXPECT_EQ(rig.uplink->status().refused->reason, sync::Refusal::fenced);
  rig.stop();
  auto log = std::move(*log::Log::open(rig.disk, rig.world, "log", {}, rig.metrics));
  const auto state = sync::begin_epoch(rig.disk, "sync", log->epoch(), rig.world.chance());
  ASSERT_TRUE(state);
  EXPECT_EQ(state->bases[2], 50U);
  log.reset();
  rig.start();
  rig.append(5);
  ASSERT_TRUE(rig.world.run_until([&] { return rig.done(); }));
  EXPECT_EQ(rig.store.of(state->epoch, Class::medium).offsets, (std::vector<std::uint64_t>{50, 51, 52, 53, 54}));
}

TEST(Link, urls) {
  EXPECT_EQ(parse_url("ws://127.0.0.1:9")->address.port, 9);
  EXPECT_EQ(parse_url("ws://localhost/")->address.port, 8091);
  EXPECT_TRUE(parse_url("wss://cloud.example:8091")->tls);
  EXPECT_EQ(parse_url("wss://[::1]:80")->address.host, "::1");
  EXPECT_EQ(parse_url("ws://cloud.example:8091").error().code, Code::denied);
  for (const auto* wrong : {"", "http://x", "ws://", "ws://127.0.0.1:x", "ws://127.0.0.1:0", "wss://a/b"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

}  // namespace
}  // namespace skerry::link
