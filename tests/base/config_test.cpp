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

TEST_F(ConfigTest, EveryFaultOfAFileIsTold) {
  std::ofstream(path) << "mqtt:\n  port: many\n  prt: 1\nlog:\n  window_max: 30s\n";
  std::vector<Error> all;
  EXPECT_FALSE(Config::load(system_files(), schema, path, {}, {}, &all));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].where, path + ":2");
  EXPECT_EQ(all[1].what, "there is no key mqtt.prt; did you mean mqtt.port?");
  EXPECT_EQ(all[2].what, "log.window_max is 30s; it must lie between 0s and 10s");
}

TEST_F(ConfigTest, AKeyThatIsGivenTwiceIsRefused) {
  const auto config = load("mqtt:\n  port: 1\nmqtt.port: 2\n");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().where, path + ":3");
  EXPECT_EQ(config.error().what, "mqtt.port is given twice, first at " + path + ":2");
}

TEST_F(ConfigTest, ChangesSayWhatTakesEffectWhen) {
  Schema with_live = schema;
  with_live[0].effect = Effect::live;
  const auto before = Config::load(system_files(), with_live, "", {}, {});
  const auto after = Config::load(system_files(), with_live, "", {}, {"log.window_max=5ms", "mqtt.port=1"});
  ASSERT_TRUE(before && after);
  const auto found = changes(*before, *after);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].key, "log.window_max");
  EXPECT_EQ(found[0].from, "20ms");
  EXPECT_EQ(found[0].to, "5ms");
  EXPECT_EQ(found[0].effect, Effect::live);
  EXPECT_EQ(found[1].effect, Effect::restart);
  EXPECT_TRUE(changes(*before, *before).empty());
}

// The annotated file says nothing as it is, and with every key uncommented it says the defaults.
TEST_F(ConfigTest, TheAnnotatedFileIsTrue) {
  Schema scattered = schema;
  scattered.push_back(
      key::integer("log.last", 7, "files", 1, 9, Effect::live, "A key of a section that stood before."));
  scattered.push_back(key::text("a.b.c", "x: y", Effect::restart, "Deep, and with a text that needs quotes."));
  const auto text = annotated(scattered, {{"log", "The log."}});
  EXPECT_NE(text.find("# The log.\nlog:\n"), std::string::npos);
  EXPECT_NE(text.find("[files, between 1 and 9, live]"), std::string::npos);
  std::ofstream(path) << text;
  const auto as_is = Config::load(system_files(), scattered, path, {}, {});
  ASSERT_TRUE(as_is) << as_is.error().text() << "\n" << text;
  std::string all;
  std::size_t keys = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    auto line = text.substr(at, end - at);
    const auto mark = line.find('#');
    if (mark != std::string::npos && line[mark + 1] != ' ') {
      line.erase(mark, 1);
      ++keys;
    }
    all += line + "\n";
    at = end + 1;
  }
  EXPECT_EQ(keys, scattered.size());
  std::ofstream(path) << all;
  const auto spelt_out = Config::load(system_files(), scattered, path, {}, {});
  ASSERT_TRUE(spelt_out) << spelt_out.error().text() << "\n" << all;
  for (const auto& key : scattered) {
    EXPECT_EQ(spelt_out->origin(key.name), Config::Origin::file) << key.name;
    EXPECT_EQ(spelt_out->written(key.name), key.fallback) << key.name;
  }
  EXPECT_EQ(
      describe(*as_is, scattered[7]),
      R"({"key":"log.last","value":"7","origin":"default","where":"default","default":"7","type":"integer","unit":"files",)"
      R"("least":"1","most":"9","choices":[],"takes_effect":"live","help":"A key of a section that stood before."})");
}

}  // namespace
}  // namespace skerry::config
