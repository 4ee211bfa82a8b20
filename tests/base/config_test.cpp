// Configuration: which source wins, what is refused, and what the refusal says.
#include "base/config.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace skerry::config {
namespace {

const Schema schema = {
    {"log.window_max", Type::duration, "20ms", "how long a reading may wait", 0, 10},
    {"log.profile", Type::choice, "balanced", "when commits begin", 0, 0, {"balanced", "fast"}},
    {"log.classes", Type::map, "", "class of a topic"},
    {"mqtt.port", Type::integer, "1883", "MQTT", 0, 65535},
    {"mqtt.packet_bytes_max", Type::bytes, "1MiB", "longest packet"},
    {"http.gzip", Type::boolean, "true", "compress"},
    {"gateway.id", Type::text, "", "its name"},
};

class ConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    path =
        (std::filesystem::temp_directory_path() / ("skerry-config-" + std::to_string(::getpid()) + ".yaml")).string();
  }
  void TearDown() override { std::filesystem::remove(path); }
  Result<Config> load(const std::string& yaml, const Environment& environment = {},
                      const std::vector<std::string>& sets = {}) {
    std::ofstream(path) << yaml;
    return Config::load(system_files(), schema, path, environment, sets);
  }
  std::string path;
};

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const auto config = load("mqtt: {port: 1}\nlog:\n  window_max: 5ms\ngateway.id: dotted\n",
                           {{"SKERRY_MQTT__PORT", "2"}, {"SKERRY_HTTP__GZIP", "off"}}, {"mqtt.port=3"});
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->integer("mqtt.port"), 3);
  EXPECT_EQ(config->origin("mqtt.port"), Config::Origin::flag);
  EXPECT_FALSE(config->flag("http.gzip"));
  EXPECT_EQ(config->origin("http.gzip"), Config::Origin::environment);
  EXPECT_EQ(config->duration("log.window_max"), std::chrono::milliseconds{5});
  EXPECT_EQ(config->text("gateway.id"), "dotted");
  EXPECT_EQ(config->bytes("mqtt.packet_bytes_max"), MiB);
  EXPECT_EQ(config->origin("mqtt.packet_bytes_max"), Config::Origin::fallback);
}

TEST_F(ConfigTest, AMapKeepsItsOrder) {
  const auto config = load("log:\n  classes:\n    b/#: high\n    a/#: low\n");
  ASSERT_TRUE(config) << config.error().text();
  const std::vector<std::pair<std::string, std::string>> wanted = {{"b/#", "high"}, {"a/#", "low"}};
  EXPECT_EQ(config->map("log.classes"), wanted);
  EXPECT_EQ(config->written("log.classes"), "b/#=high,a/#=low");
}

TEST_F(ConfigTest, RefusalsSayWhereAndWhatWasExpected) {
  const auto unknown = load("log:\n  window_mx: 5ms\n");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().where, path + ":2");
  EXPECT_NE(unknown.error().what.find("did you mean log.window_max?"), std::string::npos);
  EXPECT_NE(load("log: {profile: quick}").error().what.find("one of balanced, fast"), std::string::npos);
  EXPECT_NE(load("mqtt: {port: 70000}").error().what.find("between 0 and 65535"), std::string::npos);
  EXPECT_NE(load("log: {window_max: 5}").error().what.find("a duration"), std::string::npos);
  EXPECT_NE(load("mqtt: [1, 2]").error().what.find("one value was expected"), std::string::npos);
  EXPECT_NE(load("mqtt: {port: 1").error().what.find("is no YAML"), std::string::npos);
  EXPECT_EQ(load("", {}, {"nonsense"}).error().where, "--set nonsense");
  EXPECT_EQ(Config::load(system_files(), schema, path + ".missing", {}, {}).error().code, Code::not_found);
}

}  // namespace
}  // namespace skerry::config
