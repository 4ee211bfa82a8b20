// Simulated sites: the same seed says the same, commands change what is read next, and every fault shows in readings.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "demo/site.hpp"

namespace skerry::demo {
namespace {

using Json = nlohmann::json;

struct Said {
  Step step;
  std::string fields;
};

Said next(Source& source) {
  Said said;
  const auto step = source.next(said.fields);
  EXPECT_TRUE(step);
  said.step = step.value_or(Step{});
  return said;
}

Json object(const Said& said) { return Json::parse("{" + said.fields + "}"); }

std::string told(std::string_view name, std::uint64_t seed, int steps) {
  const auto site = make_site(name, seed);
  std::string all;
  for (int i = 0; i < steps; ++i) {
    const auto said = next(*site);
    all += std::to_string(said.step.device) + " " + std::to_string(said.step.at_ms) + " " +
           std::to_string(static_cast<int>(said.step.kind)) + " " + said.fields + "\n";
  }
  return all;
}

// The device's readings from now on, `count` of them.
std::vector<Json> readings_of(Source& source, std::uint32_t device, std::size_t count) {
  std::vector<Json> all;
  while (all.size() < count) {
    const auto said = next(source);
    if (said.step.device == device && said.step.kind == Step::Kind::reading) all.push_back(object(said));
  }
  return all;
}

class EverySite : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Sites, EverySite, ::testing::Values("plant", "factory", "crossing", "farm"));

TEST_P(EverySite, SaysTheSameWithTheSameSeedAndOtherwiseSomethingElse) {
  EXPECT_EQ(told(GetParam(), 7, 20'000), told(GetParam(), 7, 20'000));
  EXPECT_NE(told(GetParam(), 7, 2'000), told(GetParam(), 8, 2'000));
}

TEST_P(EverySite, TimeNeverGoesBackAndEveryReadingIsJson) {
  const auto site = make_site(GetParam(), 3);
  std::int64_t before = site->begin_ms();
  std::map<std::uint32_t, int> readings;
  for (int i = 0; i < 20'000; ++i) {
    const auto said = next(*site);
    ASSERT_GE(said.step.at_ms, before);
    before = said.step.at_ms;
    ASSERT_LT(said.step.device, site->devices().size());
    if (said.step.kind != Step::Kind::reading) {
      EXPECT_EQ(said.fields, "");
      continue;
    }
    const auto json = object(said);
    for (const auto& [name, value] : json.items())
      ASSERT_TRUE(value.is_string() || (value.is_number() && std::isfinite(value.get<double>()))) << name;
    ++readings[said.step.device];
  }
  EXPECT_EQ(readings.size(), site->devices().size());
}

TEST_P(EverySite, EveryKindOfFaultComesAndOneDeviceHasOneAtATime) {
  const auto site = make_site(GetParam(), 11);
  std::set<std::string> kinds;
  std::size_t seen = 0;
  std::map<std::uint32_t, std::int64_t> busy_until;
  while (seen < 40) {
    next(*site);
    for (; seen < site->faults().size(); ++seen) {
      const auto& fault = site->faults()[seen];
      kinds.insert(fault.kind);
      EXPECT_FALSE(fault.found_by.empty()) << fault.kind;
      EXPECT_LT(fault.from_ms, fault.to_ms);
      EXPECT_LE(fault.to_ms, fault.fades_ms);
      EXPECT_GE(fault.from_ms, busy_until[fault.device]);
      busy_until[fault.device] = fault.to_ms;
    }
  }
  const std::map<std::string, std::size_t> expected{{"plant", 6}, {"factory", 3}, {"crossing", 3}, {"farm", 5}};
  EXPECT_EQ(kinds.size(), expected.at(GetParam()));
}

TEST(Plant, AThrottledMachineRunsColderAndAStoppedOneStandsUntilItIsRepaired) {
  const auto plant = make_site("plant", 1);
  const auto usual = readings_of(*plant, 3, 1).front();
  EXPECT_EQ(usual["state"], "running");
  EXPECT_TRUE(plant->obey(3, "throttle").done);
  const auto throttled = readings_of(*plant, 3, 60);  // half an hour
  EXPECT_EQ(throttled.front()["state"], "throttled");
  EXPECT_LT(throttled.front()["load"].get<double>(), usual["load"].get<double>() / 2);
  EXPECT_LT(throttled.back()["temperature"].get<double>(), usual["temperature"].get<double>() - 10);
  EXPECT_TRUE(plant->obey(3, "shutdown").done);
  const auto stopped = readings_of(*plant, 3, 60);
  EXPECT_EQ(stopped.front()["state"], "stopped");
  EXPECT_LT(stopped.front()["vibration"].get<double>(), 0.002);
  EXPECT_EQ(stopped.front()["load"], 0);
  EXPECT_EQ(readings_of(*plant, 3, 40).back()["state"], "running");
  EXPECT_FALSE(plant->obey(3, "dance").done);
}

TEST(Plant, FaultsShowInTheReadingsOfTheirMachine) {
  const auto plant = make_site("plant", 5);
  std::map<std::string, int> shown;
  std::map<std::uint32_t, Json> before;
  for (int i = 0; i < 60'000; ++i) {
    const auto said = next(*plant);
    const auto* fault = fault_at(*plant, said.step.device, said.step.at_ms);
    if (said.step.kind == Step::Kind::leave) {
      ASSERT_NE(fault, nullptr);
      EXPECT_EQ(fault->kind, "drop_out");
      ++shown["drop_out"];
      continue;
    }
    if (said.step.kind != Step::Kind::reading) continue;
    const auto now = object(said);
    const auto& was = before[said.step.device];
    if (fault != nullptr && !was.is_null()) {
      const auto rises = [&](const char* field) { return now[field].get<double>() - was[field].get<double>(); };
      if (fault->kind == "spike" && rises("temperature") > 15) ++shown["spike"];
      if (fault->kind == "stuck_sensor" && rises("temperature") == 0) ++shown["stuck_sensor"];
      if (fault->kind == "calibration_step" && rises("pressure") > 15) ++shown["calibration_step"];
      if (fault->kind == "overheating" && now["temperature"] > 80) ++shown["overheating"];
      if (fault->kind == "bearing_wear" && now["vibration"] > 0.1) ++shown["bearing_wear"];
    }
    before[said.step.device] = now;
  }
  EXPECT_EQ(shown.size(), 6U) << Json(shown).dump();
}

TEST(Factory, AnEmergencyStopEndsTheShaking) {
  const auto factory = make_site("factory", 2);
  while (factory->faults().empty()) next(*factory);
  const auto device = factory->faults().front().device;
  EXPECT_EQ(factory->faults().front().kind, "loose_tool");
  EXPECT_GT(readings_of(*factory, device, 1).front()["vibration"], 0.15);
  EXPECT_TRUE(factory->obey(device, "emergency_stop").done);
  EXPECT_LT(readings_of(*factory, device, 1).front()["vibration"], 0.002);
}

TEST(Crossing, TheSignalObeysButKeepsItsTenSeconds) {
  const auto crossing = make_site("crossing", 4);
  while (readings_of(*crossing, 0, 1).front()["phase_s"] < 15) {
  }
  EXPECT_TRUE(crossing->obey(0, "walk").done);
  const auto walking = readings_of(*crossing, 0, 1).front();
  EXPECT_EQ(walking["phase"], "walk");
  EXPECT_EQ(walking["pedestrian_wait_s"], 0);
  EXPECT_FALSE(crossing->obey(0, "green_ew").done);
  readings_of(*crossing, 0, 1);
  EXPECT_TRUE(crossing->obey(0, "green_ew").done);
  EXPECT_EQ(readings_of(*crossing, 0, 1).front()["phase"], "ew");
}

TEST(Farm, AnOpenValveMoistensTheSoilAndAJammedOneFails) {
  const auto farm = make_site("farm", 6);
  const auto dry = readings_of(*farm, 1, 1).front();
  EXPECT_EQ(dry["valve"], "closed");
  EXPECT_TRUE(farm->obey(1, "open_valve").done);
  const auto wet = readings_of(*farm, 1, 6).back();
  EXPECT_EQ(wet["valve"], "open");
  EXPECT_GT(wet["soil_moisture"].get<double>(), dry["soil_moisture"].get<double>() + 3);
  EXPECT_TRUE(farm->obey(1, "close_valve").done);
  EXPECT_EQ(readings_of(*farm, 1, 1).front()["flow"], 0);
  const Fault* jam = nullptr;
  while (jam == nullptr) {
    next(*farm);
    if (!farm->faults().empty() && farm->faults().back().kind == "valve_jam") jam = &farm->faults().back();
  }
  const auto device = jam->device;
  readings_of(*farm, device, 1);
  EXPECT_FALSE(farm->obey(device, "open_valve").done);
  EXPECT_EQ(readings_of(*farm, device, 1).front()["valve"], "half_open");
  EXPECT_TRUE(farm->obey(device, "close_valve").done);
}

TEST(Sites, AreKnownByName) {
  EXPECT_EQ(site_names(), "plant, factory, crossing, farm");
  EXPECT_EQ(make_site("moon", 1), nullptr);
}

}  // namespace
}  // namespace skerry::demo
