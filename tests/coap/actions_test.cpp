// Actions over the real log on a disk that loses power: a call is made at most once, after its record is on disk, and
// every action that is on disk has one end.
#include "coap/actions.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/disk.hpp"
#include "sim/world.hpp"

namespace skerry::coap {
namespace {

using namespace std::chrono_literals;

class SetClock final : public Clock {
 public:
  Wall wall() override { return now; }
  Mono mono() override { return Mono(now.time_since_epoch()); }
  Wall now{1'767'225'600s};
};

class Site {
 public:
  explicit Site(std::uint64_t seed) : chance(seed), disk(seed) { reopen(); }

  void reopen() {
    actions.reset();
    log.reset();
    while (true) {
      if (disk.is_cut()) disk.power_on();
      metrics = std::make_unique<metrics::Registry>();
      auto opened = log::Log::open(disk, clock, "data/log", {.segment_bytes = 1 * MiB, .chance = &chance}, *metrics);
      if (!opened) continue;  // the power failed again
      log = std::move(*opened);
      auto made = Actions::open(*log, disk, clock,
                                {.targets = {{"fan", "coap://127.0.0.1:5683"}}, .checkpoint_path = "data/actions"},
                                *metrics, [this](const std::string& id, const Call& call) {
                                  ++calls[id];
                                  under_way.emplace_back(id);
                                  last = call;
                                });
      if (!made) continue;
      actions = std::move(*made);
      under_way.clear();
      return;
    }
  }

  std::optional<record::Position> ask(const std::string& payload) {
    record::Record r;
    r.cls = record::Class::critical;
    r.topic = "actions/t1/coap";
    r.payload = as_bytes(payload);
    r.origin = "pipeline:test";
    const auto at = log->append(r);
    return at ? std::optional(*at) : std::nullopt;
  }

  bool work() {  // false: the power failed
    for (int i = 0; i < 4; ++i) {
      if (!log->commit() || disk.is_cut()) return false;
      while (true) {
        const auto more = actions->step();
        if (!more) return false;
        if (!*more) break;
      }
    }
    return true;
  }

  struct Ends {
    std::map<std::uint64_t, std::vector<std::string>> of;  // by the position of what was asked
    std::set<std::uint64_t> asked;
  };
  Ends ends() {
    Ends all;
    for (auto at = log->begin(); at < log->committed_end();) {
      const auto chunk = log->read(at, {.committed_only = true}).value();
      for (const auto& r : chunk.records()) {
        if (r.topic == "actions/t1/coap") all.asked.insert(r.position.value);
        if (r.topic != "actions/t1/coap/result") continue;
        all.of[r.cause->value].push_back(nlohmann::json::parse(as_text(r.payload))["status"]);
      }
      at = chunk.next();
    }
    return all;
  }

  SetClock clock;
  sim::SeededChance chance;
  sim::Disk disk;
  std::unique_ptr<metrics::Registry> metrics;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<Actions> actions;
  std::map<std::string, int> calls;
  std::vector<std::string> under_way;
  Call last;
};

constexpr auto good = R"({"target":"fan","path":"/device/t1/cool","body":{"action":"start_cooling","duration":300}})";

std::vector<std::string> only_end(Site& site) {
  auto ends = site.ends();
  EXPECT_EQ(ends.of.size(), 1U);
  return ends.of.empty() ? std::vector<std::string>{} : ends.of.begin()->second;
}

TEST(Actions, ACallIsMadeWhenItsRecordIsOnDiskAndItsEndIsARecord) {
  Site site(1);
  site.ask(good);
  (void)site.actions->step();
  EXPECT_TRUE(site.calls.empty()) << "nothing is committed yet";
  ASSERT_TRUE(site.work());
  ASSERT_EQ(site.under_way.size(), 1U);
  EXPECT_EQ(site.last.url, "coap://127.0.0.1:5683/device/t1/cool");
  EXPECT_EQ(site.last.body, R"({"action":"start_cooling","duration":300})");
  site.actions->ended(site.under_way[0], {Outcome::Kind::answered, 204, ""});
  ASSERT_TRUE(site.work());
  EXPECT_EQ(only_end(site), std::vector<std::string>{"done"});
  EXPECT_EQ(site.actions->open_count(), 0U);
}

TEST(Actions, EndsAreToldApart) {
  const std::vector<std::pair<Outcome, std::string>> cases{{{Outcome::Kind::answered, 404, "no such device"}, "failed"},
                                                           {{Outcome::Kind::answered, 503, ""}, "failed"},
                                                           {{Outcome::Kind::refused, 0, "nobody"}, "failed"},
                                                           {{Outcome::Kind::unknown, 0, "silence"}, "unknown"}};
  for (const auto& [outcome, status] : cases) {
    Site site(1);
    site.ask(good);
    ASSERT_TRUE(site.work());
    site.actions->ended(site.under_way.at(0), outcome);
    ASSERT_TRUE(site.work());
    EXPECT_EQ(only_end(site), std::vector<std::string>{status});
  }
}

TEST(Actions, WhatCannotBeCalledFailsAndSaysWhy) {
  for (const auto* bad : {"{", "[]", R"({"path":"/x"})", R"({"target":"fan"})", R"({"target":"fan","path":"x"})",
                          R"({"target":"nobody","path":"/x"})", R"({"target":"fan","path":"/x","method":"GET"})",
                          R"({"target":5,"path":"/x"})", R"({"target":"fan","path":"/x","not_after":"soon"})"}) {
    Site site(1);
    site.ask(bad);
    ASSERT_TRUE(site.work());
    EXPECT_EQ(only_end(site), std::vector<std::string>{"failed"}) << bad;
    EXPECT_TRUE(site.calls.empty()) << bad;
  }
}

TEST(Actions, WhatIsTooOldIsNotCalled) {
  Site site(1);
  site.ask(good);
  site.clock.now += 31s;
  ASSERT_TRUE(site.work());
  EXPECT_EQ(only_end(site), std::vector<std::string>{"expired"});
  EXPECT_TRUE(site.calls.empty());
}

TEST(Actions, ACallUnderWayAtACrashIsUnknownAndNeverMadeAgain) {
  Site site(1);
  site.ask(good);
  ASSERT_TRUE(site.work());
  ASSERT_EQ(site.calls.size(), 1U);
  site.disk.cut_now();
  site.reopen();
  ASSERT_TRUE(site.work());
  EXPECT_EQ(only_end(site), std::vector<std::string>{"unknown"});
  EXPECT_EQ(site.calls.begin()->second, 1);
}

// Repeat one: script/test unit coap --seed N.
TEST(ActionsCrash, AtMostOnceAndOneEndEach) {
  for (const auto seed : sim::seeds(300)) {
    SCOPED_TRACE(seed);
    Site site(seed);
    sim::SeededChance chance(seed ^ 0x5eed);
    for (int event = 0; event < 200; ++event) {
      switch (chance.below(8)) {
        case 0:
        case 1: site.ask(good); break;
        case 2: (void)site.log->commit(); break;
        case 3: (void)site.actions->step(); break;
        case 4:
          if (site.under_way.empty()) break;
          site.actions->ended(site.under_way.back(), {static_cast<Outcome::Kind>(chance.below(3)), 204, ""});
          site.under_way.pop_back();
          break;
        case 5: (void)site.actions->checkpoint(); break;
        case 6: site.clock.now += std::chrono::milliseconds(chance.below(4'000)); break;
        case 7:
          if (chance.one_in(3)) site.disk.cut_after(chance.below(12));
          break;
      }
      if (site.disk.is_cut()) site.reopen();
    }
    while (!site.work()) site.reopen();
    for (const auto& id : site.under_way) site.actions->ended(id, {Outcome::Kind::answered, 204, ""});
    while (!site.work()) site.reopen();
    const auto ends = site.ends();
    for (const auto at : ends.asked) {
      const auto found = ends.of.find(at);
      ASSERT_TRUE(found != ends.of.end()) << "what was asked at " << at << " has no end";
      ASSERT_EQ(found->second.size(), 1U) << at;
    }
    for (const auto& [id, count] : site.calls) ASSERT_EQ(count, 1) << id;
    ASSERT_EQ(site.actions->open_count(), 0U);
  }
}

}  // namespace
}  // namespace skerry::coap
