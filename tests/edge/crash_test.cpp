// Crash proof of the whole gateway: devices publish over a simulated network to a gateway whose power fails, again and
// again, in the middle of whatever its disk is doing.
//
// At the end of each seed: every acknowledged reading is in the log, in the order its device sent them; no position was
// given twice; alerts, commands and statistics are those of a gateway that never lost power.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/logger.hpp"
#include "edge/node.hpp"
#include "edge/settings.hpp"
#include "sim/disk.hpp"
#include "sim/loop.hpp"
#include "tests/edge/device.hpp"

namespace skerry::edge {
namespace {

using nlohmann::json;

config::Config settings() {
  auto config = config::Config::load(system_files(), schema(), "", {},
                                     {"log.segment_bytes=1MiB", "gateway.id=sim", "mqtts.enabled=false",
                                      "https.enabled=false", "ws.enabled=false", "coaps.enabled=false"});
  return std::move(*config);
}

struct Row {
  record::Position position;
  record::Kind kind;
  record::Class cls;
  std::uint64_t offset;
  std::string topic;
  std::string payload;
  std::string origin;
};

std::vector<Row> all_rows(const log::Log& log) {
  std::vector<Row> rows;
  for (auto at = log.begin(); at < log.end();) {
    const auto chunk = log.read(at, {});
    if (!chunk || chunk->next() <= at) break;
    for (const auto& r : chunk->records()) {
      rows.push_back({r.position, r.kind, r.cls, r.offset.value, std::string(r.topic), std::string(as_text(r.payload)),
                      std::string(r.origin)});
    }
    at = chunk->next();
  }
  return rows;
}

// What a pipeline said, without what depends on when and where it stands in the log.
std::string meaning(const Row& row) {
  auto all = json::parse(row.payload);
  for (const char* key : {"alert_id", "command_id", "not_after"}) all.erase(key);
  if (row.topic.starts_with("commands/")) all.erase("timestamp");
  return row.topic + " " + all.dump();
}

std::vector<std::string> made_by_pipelines(const std::vector<Row>& rows) {
  std::vector<std::string> made;
  for (const auto& row : rows) {
    if (row.kind == record::Kind::message && row.origin.starts_with("pipeline:"))
      made.push_back(row.origin + " " + meaning(row));
  }
  std::ranges::sort(made);
  return made;
}

// A gateway on a disk that loses power, driven by the world.
class Powered {
 public:
  Powered(sim::World& world, sim::Network& network, sim::Disk& disk) : world_(world), network_(network), disk_(disk) {
    start();
    pump();
  }
  ~Powered() { stop(); }

  bool running() const { return node_ != nullptr; }
  Node& node() { return *node_; }
  int cuts() const { return cuts_; }
  bool caught_up() {
    return node_ && node_->readers().round() == false && node_->log().committed_end() == node_->log().end();
  }

 private:
  void start() {
    host_ = std::make_unique<sim::Host>(world_, network_);
    auto opened = Node::open({disk_, world_, world_.chance(), *host_, *host_}, settings(), "data");
    if (opened) {
      node_ = std::move(*opened);
      const auto heard = node_->listen_mqtt();
      INVARIANT(heard);
      return;
    }
    INVARIANT(disk_.is_cut());  // nothing but the power may keep it from starting
    power_fails();
  }

  void stop() {
    if (host_) host_->crash();
    node_.reset();
    host_.reset();
  }

  void power_fails() {
    ++cuts_;
    stop();
    world_.after(std::chrono::milliseconds{1 + world_.chance().below(30)}, [this] {
      disk_.power_on();
      start();
    });
  }

  void pump() {
    if (node_) work();
    world_.after(std::chrono::microseconds{100 + world_.chance().below(1'500)}, [this] { pump(); });
  }

  void work() {
    auto& log = node_->log();
    if (const auto due = log.commit_due(); due && *due <= world_.mono()) (void)log.commit();
    if (!disk_.is_cut()) (void)node_->readers().round();
    if (++turns_ % 64 == 0) node_->readers().tick();
    if (world_.chance().one_in(200)) node_->readers().checkpoint();
    if (world_.chance().one_in(50)) (void)node_->keep_house();
    if (disk_.is_cut()) power_fails();
  }

  sim::World& world_;
  sim::Network& network_;
  sim::Disk& disk_;
  std::unique_ptr<sim::Host> host_;
  std::unique_ptr<Node> node_;
  int cuts_ = 0;
  std::uint64_t turns_ = 0;
};

constexpr int readings_per_device = 60;

std::string reading(sim::World& world, int n) {
  const auto chance = [&world](std::uint64_t below) { return static_cast<double>(world.chance().below(below)); };
  double temperature = 20 + chance(40) / 10;
  if (world.chance().one_in(12)) temperature += 50 + chance(200) / 10;
  json payload{
      {"timestamp", format_rfc3339(EventTime{std::chrono::milliseconds{1'767'225'600'000 - 7'200'000 + n * 20'000}})},
      {"temperature", temperature},
      {"n", n}};
  if (!world.chance().one_in(10)) payload["humidity"] = 40 + chance(100) / 10;
  return payload.dump();
}

// What is wrong, or nothing.
std::string check_log(const std::vector<Row>& rows, const std::vector<std::unique_ptr<Device>>& devices) {
  std::map<std::string, int> next;
  std::array<std::uint64_t, record::class_count> offsets{};
  record::Position last{};
  for (const auto& row : rows) {
    if (row.position < last) return "a position was given twice";
    last = row.position + 1;
    if (row.offset != offsets[static_cast<std::size_t>(row.cls)]++) return "offsets of a class are not dense";
    if (row.kind != record::Kind::message || !row.topic.starts_with("sensors/")) continue;
    auto& want = next[std::string(record::device_of(row.topic))];
    const int n = json::parse(row.payload)["n"];
    if (n > want) return "a reading of " + row.topic + " is missing before number " + std::to_string(n);
    if (n == want) ++want;
  }
  for (const auto& device : devices) {
    if (device->acknowledged().size() != readings_per_device) return device->id() + " has not sent everything";
    if (next[device->id()] != readings_per_device) return "acknowledged readings of " + device->id() + " are lost";
  }
  return {};
}

// The same messages, given to the rules of a gateway that never loses power.
std::vector<std::string> uninterrupted(const std::vector<Row>& rows) {
  sim::World world(1);
  sim::Network network(world);
  sim::Disk disk(1);
  sim::Host host(world, network);
  auto node = std::move(Node::open({disk, world, world.chance(), host, host}, settings(), "data").value());
  for (const auto& row : rows) {
    if (row.kind != record::Kind::message || row.origin.starts_with("pipeline:")) continue;
    record::Record again{
        .cls = row.cls, .qos = 1, .topic = row.topic, .payload = as_bytes(row.payload), .origin = row.origin};
    INVARIANT(node->log().append(again));
    (void)node->readers().round();
    INVARIANT(node->log().commit());
  }
  while (node->readers().round()) {
  }
  INVARIANT(node->log().commit());
  return made_by_pipelines(all_rows(node->log()));
}

struct Run {
  std::string problem;
  int cuts = 0;
  std::uint64_t events = 0;
};

Run run_seed(std::uint64_t seed, bool sync_works) {
  sim::World world(seed);
  sim::Network network(world);
  sim::Disk disk(seed, {.sync_works = sync_works});
  sim::Host field(world, network);
  Powered gateway(world, network, disk);
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < 4; ++i) devices.push_back(std::make_unique<Device>(field, "d" + std::to_string(i), 1883));
  for (int n = 0; n < readings_per_device; ++n) {
    for (auto& device : devices) {
      world.after(std::chrono::milliseconds{n * 8 + static_cast<int>(world.chance().below(8))},
                  [&world, &device, n] { device->publish(reading(world, n)); });
    }
  }
  for (int i = 0; i < 8; ++i) {
    world.after(std::chrono::milliseconds{5 + world.chance().below(700)},
                [&disk, &world] { disk.cut_after(world.chance().below(15)); });
  }
  const auto done = [&] {
    return gateway.running() && !disk.is_cut() && world.mono() > Mono{std::chrono::seconds{2}} &&
           std::ranges::all_of(devices, [](const auto& d) { return d->idle(); }) && gateway.caught_up();
  };
  const bool finished = world.run_until(done, 3'000'000);
  Run run{.cuts = gateway.cuts(), .events = world.events()};
  if (!finished) {
    run.problem = "the devices never got through";
    return run;
  }
  const auto rows = all_rows(gateway.node().log());
  run.problem = check_log(rows, devices);
  if (!run.problem.empty()) return run;
  const auto made = made_by_pipelines(rows);
  if (made.size() < 50) run.problem = "the rules said next to nothing";
  if (made != uninterrupted(rows)) run.problem = "the rules did not say what they say without power cuts";
  return run;
}

TEST(GatewayCrash, NothingAcknowledgedIsLostAndTheRulesSayTheSame) {
  logger::configure(logger::Level::off, logger::Format::text);
  int cuts = 0;
  std::uint64_t events = 0;
  const auto all = sim::seeds(200);
  for (const auto seed : all) {
    const auto run = run_seed(seed, true);
    ASSERT_EQ(run.problem, "") << "repeat it with: script/test sim GatewayCrash --seed " << seed;
    cuts += run.cuts;
    events += run.events;
  }
  std::printf("%zu seeds, %d power cuts, %llu events\n", all.size(), cuts, static_cast<unsigned long long>(events));
  if (all.size() > 10) {
    EXPECT_GT(cuts, 4 * static_cast<int>(all.size()));
  }
}

// The test can fail: on a disk whose sync does nothing, ten seeds are enough to notice.
TEST(GatewayCrash, ADiskThatDoesNotSyncIsNoticed) {
  logger::configure(logger::Level::off, logger::Format::text);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    if (!run_seed(seed, false).problem.empty()) return;
  }
  FAIL() << "ten seeds without a working sync, and nothing was missed";
}

}  // namespace
}  // namespace skerry::edge
