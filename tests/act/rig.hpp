// What the tests of act share: a clock that is set, a log in memory, a tracker over both, and records as others write
// them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "act/act.hpp"
#include "sim/world.hpp"
#include "tests/act/fake_log.hpp"

namespace skerry::act::test {

using nlohmann::json;

class SetClock final : public Clock {
 public:
  Wall wall() override { return now; }
  Mono mono() override { return Mono(now.time_since_epoch()); }
  Wall now = Wall(std::chrono::sys_days(std::chrono::year(2026) / 5 / 1));
};

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = ::testing::TempDir() + "skerry-act-XXXXXX";
    path = ::mkdtemp(pattern.data()) != nullptr ? pattern : std::string();
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  std::string path;
};

struct Fate {
  std::string id;
  std::string state;
  record::Position position;
};

class Rig {
 public:
  explicit Rig(Options o = {}) : options(std::move(o)) { start(); }

  void start() {
    tracker.reset();
    metrics = std::make_unique<metrics::Registry>();
    auto opened = Tracker::open(log, system_files(), options, *metrics);
    ASSERT_TRUE(opened) << opened.error().text();
    tracker = std::move(*opened);
  }
  // A crash: what was not committed is gone, and so is the tracker's memory.
  void crash() {
    log.crash();
    start();
  }

  record::Position put(std::string_view topic, const std::string& payload, record::Kind kind = record::Kind::message,
                       std::optional<record::Position> cause = {}, std::optional<Wall> expires = {}) {
    record::Record r;
    r.cls = record::Class::critical;
    r.kind = kind;
    r.topic = topic;
    r.payload = as_bytes(payload);
    r.cause = cause;
    r.expires_at = expires;
    r.origin = "test";
    return log.append(r).value();
  }
  record::Position command(const std::string& device, const std::string& id, const std::string& more = "",
                           std::chrono::milliseconds ttl = std::chrono::seconds(30)) {
    return put("commands/" + device,
               R"({"command_id":")" + id + R"(","device_id":")" + device + R"(","command":"stop")" + more + "}",
               record::Kind::message, {}, clock.now + ttl);
  }
  void delivery(const std::string& client, record::Position cause, const std::string& state) {
    put("$skerry/delivery/" + client, R"({"state":")" + state + R"(","client":")" + client + R"("})",
        record::Kind::delivery, cause);
  }
  void ack(const std::string& device, const std::string& id, const std::string& status,
           const std::string& detail = "") {
    put("commands/" + device + "/ack", json{{"command_id", id}, {"status", status}, {"detail", detail}}.dump());
  }
  record::Position alert(const std::string& device, const std::string& id,
                         const std::string& type = "high_temperature") {
    return put("alerts/" + device, R"({"alert_id":")" + id + R"(","device_id":")" + device + R"(","alert_type":")" +
                                       type + R"(","severity":"high","data":{"temperature":80.50}})");
  }

  void settle() {  // commits and steps until nothing happens any more
    do {
      (void)log.commit();
      while (tracker->step().value()) {
      }
    } while (log.committed_end() < log.end());
  }
  void tick(std::chrono::milliseconds by = {}) {
    clock.now += by;
    ASSERT_TRUE(tracker->on_tick(clock.now));
  }

  std::vector<Fate> fates() const {
    std::vector<Fate> found;
    for (record::Position at = log.begin(); at < log.end();) {
      const auto chunk = log.read(at, {}).value();
      for (const auto& r : chunk.records()) {
        if (r.kind != record::Kind::fate) continue;
        const auto payload = json::parse(as_text(r.payload));
        EXPECT_EQ(r.topic, "$skerry/fate/" + payload["command_id"].get<std::string>());
        EXPECT_EQ(r.cls, record::Class::critical);
        found.push_back({payload["command_id"], payload["state"], r.position});
      }
      at = chunk.next();
    }
    return found;
  }
  std::string fates_of(std::string_view id) const {
    std::string text;
    for (const auto& f : fates()) {
      if (f.id == id) text += (text.empty() ? "" : " ") + f.state;
    }
    return text;
  }
  std::string state_of(std::string_view id) const { return json::parse(tracker->command(id).value())["state"]; }
  std::uint64_t count(std::string_view name, const metrics::Labels& labels) {
    return metrics->counter(name, "", labels).value();
  }

  Options options;
  SetClock clock;
  FakeLog log{clock};
  std::unique_ptr<metrics::Registry> metrics;
  std::unique_ptr<Tracker> tracker;
};

}  // namespace skerry::act::test
