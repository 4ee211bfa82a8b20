// Settings: the schema holds together, its annotated copy in deploy/ is fresh, and what a fault says.
#include "edge/settings.hpp"

#include <gtest/gtest.h>

#include <set>

namespace skerry::edge {
namespace {

Result<config::Config> with(const std::vector<std::string>& sets) {
  return config::Config::load(system_files(), schema(), "", {}, sets);
}

TEST(Settings, EveryKeyIsWhole) {
  std::set<std::string> names;
  for (const auto& key : schema()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name << " stands twice";
    EXPECT_TRUE(key.help.ends_with('.')) << key.name << ": help is a sentence";
    const bool counts = key.type == config::Type::integer || key.type == config::Type::number;
    EXPECT_EQ(counts, !key.unit.empty()) << key.name << ": numbers have a unit";
    const bool bounded = counts || key.type == config::Type::bytes || key.type == config::Type::duration;
    EXPECT_EQ(bounded, !config::range(key).empty()) << key.name << ": numbers, sizes and durations have a range";
  }
  const auto config = with({});
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_TRUE(check(*config));
}

// Requirements, section 2.
TEST(Settings, FailOverHasTheRequiredDefaults) {
  const auto config = with({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->written("failover.network_timeout"), "30s");
  EXPECT_TRUE(config->flag("failover.offline_mode.enabled"));
  EXPECT_EQ(config->written("failover.offline_mode.cache_duration"), "24h");
  EXPECT_EQ(config->choice("failover.recovery.sync_strategy"), "incremental");
  EXPECT_EQ(config->choice("failover.recovery.conflict_resolution"), "timestamp_based");
}

TEST(Settings, TheAnnotatedCopyIsFresh) {
  const auto path = std::string(SKERRY_SOURCE_DIR) + "/deploy/skerry.yaml";
  const auto copy = read_file(system_files(), path);
  ASSERT_TRUE(copy) << copy.error().text();
  EXPECT_TRUE(as_text(*copy) == config::annotated(schema(), sections()))
      << "deploy/skerry.yaml is old: skerry config default > deploy/skerry.yaml";
}

TEST(Settings, FaultsSayWhere) {
  const auto outside = with({"listen.host=0.0.0.0"});
  ASSERT_TRUE(outside);
  ASSERT_FALSE(check(*outside));
  EXPECT_NE(check(*outside).error().where.find("--set listen.host=0.0.0.0"), std::string::npos);
  const auto classes = with({"log.classes=sensors/#=urgent"});
  ASSERT_TRUE(classes);
  EXPECT_EQ(check(*classes).error().what, "is \"urgent\"; expected critical, high, medium or low");
  const auto high = with({"mqtt.port=60000", "port_offset=50000"});
  ASSERT_TRUE(high);
  EXPECT_EQ(check(*high).error().where, "--set mqtt.port=60000: mqtt.port");
}

}  // namespace
}  // namespace skerry::edge
