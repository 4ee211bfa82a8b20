// Fields that never leave: what is taken out, what stays as it was, and that a changed rule is no other history.
#include "sync/local_fields.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"
#include "sync/batch.hpp"
#include "sync/log_source.hpp"

namespace skerry::sync {
namespace {

LocalFields rules(std::vector<std::pair<std::string, std::string>> pairs) {
  auto made = LocalFields::of(pairs);
  EXPECT_TRUE(made) << made.error().text();
  return *made;
}

// What leaves of a message, or `-` when all of it does.
std::string left(const LocalFields& local, std::string_view topic, std::string_view payload,
                 std::string_view origin = "t1") {
  const auto stripped = local.strip(record::Record{.topic = topic, .payload = as_bytes(payload), .origin = origin});
  return stripped ? std::string(as_text(stripped->payload)) : "-";
}

TEST(LocalFields, ANamedFieldIsTakenOutAtAnyDepthAndTheRestKeepsItsDigits) {
  const auto local = rules({{"sensors/+/data", "operator badge"}});
  const auto in = [&](std::string_view payload) { return left(local, "sensors/t1/data", payload); };
  EXPECT_EQ(in(R"({"a":1.10,"operator":"Ann","b":[1, {"badge":{"n":[1,2]},"c":"x"}]})"),
            R"({"a":1.10,"b":[1,{"c":"x"}]})");
  EXPECT_EQ(in(R"({"operator":"Ann"})"), "{}");
  EXPECT_EQ(in(R"({"operator":"a","operator":"b","z":0})"), R"({"z":0})");
  EXPECT_EQ(in(R"({ "z" : "a\"b,}" , "badge" : "q\"}]" })"), R"({"z":"a\"b,}"})");
  EXPECT_EQ(in(R"([{"operator":1},{"x":[]},{}])"), R"([{},{"x":[]},{}])");
  EXPECT_EQ(in(R"({"op\u0065rator":"Ann","z":1})"), R"({"z":1})") << "a name may be written with escapes";
  EXPECT_EQ(in(R"({"Operator":"Ann"})"), "-") << "names are compared as they are";
  EXPECT_EQ(in(R"({"temperature":  20.50})"), "-") << "untouched, with its spaces";
}

TEST(LocalFields, OnlyMessagesOfTheTopicAndWhatIsMadeFromThem) {
  const auto local = rules({{"sensors/t1/data", "operator"}});
  const std::string_view payload = R"({"operator":"Ann","data":{"operator":"Ann","x":1}})";
  EXPECT_EQ(left(local, "sensors/t2/data", payload), "-");
  for (const auto* topic : {"alerts/t1", "commands/t1", "analytics/t1", "devices/t1/twin/reported", "$skerry/fate/x"})
    EXPECT_EQ(left(local, topic, payload), R"({"data":{"x":1}})") << topic;
  EXPECT_EQ(left(local, "lines/3", payload, "pipeline:lines"), R"({"data":{"x":1}})");
}

TEST(LocalFields, WhatNobodyCanReadStays) {
  const auto local = rules({{"sensors/+/data", "operator"}});
  EXPECT_EQ(left(local, "sensors/t1/data", "\x93operator"), "");
  EXPECT_EQ(left(local, "sensors/t1/data", "{\"operator\":"), "");
  EXPECT_EQ(left(local, "alerts/t1", "no json"), "-");
  record::Record record{.topic = "sensors/t1/data", .payload = as_bytes(std::string_view("{\"x\":1}"))};
  const Buffer properties{std::byte{38}};
  record.properties = properties;
  const auto stripped = local.strip(record);
  ASSERT_TRUE(stripped);
  EXPECT_TRUE(stripped->properties.empty());
  EXPECT_EQ(as_text(stripped->payload), "{\"x\":1}");
}

TEST(LocalFields, BadRulesSayWhatIsWrong) {
  const auto why = [](std::string_view filter, std::string_view fields) {
    const auto made = LocalFields::of({{std::string(filter), std::string(fields)}});
    return made ? std::string() : made.error().text();
  };
  EXPECT_NE(why("sensors/#/data", "x").find("sensors/#/data"), std::string::npos);
  EXPECT_NE(why("sensors/+/data", " ").find("names no field"), std::string::npos);
  EXPECT_NE(why("sensors/+/data", "x device_id").find("device_id cannot stay"), std::string::npos);
}

// What leaves after random nesting holds no canary, and is what a parser would have left.
TEST(LocalFields, RandomDocumentsLoseTheFieldAndNothingElse) {
  std::uint64_t seed = 7;
  const auto next = [&seed] { return (seed = seed * 6364136223846793005ULL + 1442695040888963407ULL) >> 33; };
  using Json = nlohmann::ordered_json;
  const std::function<Json(int, bool)> make = [&](int depth, bool clean) -> Json {
    const auto kind = next() % (depth > 4 ? 3 : 5);
    if (kind == 0) return next() % 1000;
    if (kind == 1) return "t,]}\"\\\n" + std::to_string(next() % 10);
    if (kind == 2) return nullptr;
    Json all = kind == 3 ? Json::array() : Json::object();
    for (auto left = next() % 4; left > 0; --left) {
      if (kind == 3) {
        all.push_back(make(depth + 1, clean));
      } else {
        all["f" + std::to_string(next() % 9)] = make(depth + 1, clean);
      }
    }
    return all;
  };
  const std::function<void(Json&)> plant = [&](Json& json) {
    if (json.is_object()) {
      for (auto& each : json) plant(each);
      if (next() % 2 == 0) json["secret"] = Json{{"deep", "CANARY"}, {"list", {1, "CANARY"}}};
    } else if (json.is_array()) {
      for (auto& each : json) plant(each);
    }
  };
  const auto local = rules({{"#", "secret"}});
  for (int round = 0; round < 2'000; ++round) {
    const auto clean = make(0, true);
    auto planted = clean;
    plant(planted);
    const auto text = planted.dump(static_cast<int>(next() % 2) * 2 - 1);
    const auto stripped = left(local, "sensors/t1/data", text);
    EXPECT_EQ(Json::parse(stripped == "-" ? text : stripped), clean) << text;
    EXPECT_EQ(stripped.find("CANARY"), std::string::npos);
  }
}

TEST(LocalFields, TheLogsSourceSendsNoneAndProvesWhatEarlierRunsSent) {
  sim::Disk disk{1};
  sim::World world{1};
  metrics::Registry metrics;
  auto opened = log::Log::open(disk, world, "log", {}, metrics);
  ASSERT_TRUE(opened) << opened.error().text();
  auto& log = **opened;
  const std::string_view secret = R"({"x":1,"operator":"CANARY"})";
  ASSERT_TRUE(log.append(record::Record{.topic = "sensors/t1/data", .payload = as_bytes(secret)}));
  ASSERT_TRUE(log.commit());
  const auto local = rules({{"sensors/+/data", "operator"}});
  LogSource open(log);
  LogSource closed(log, local, local);
  LogSource changed(log, local);  // the run before had no rules
  const auto slice = closed.read(Class::medium, 0, 1, 100);
  ASSERT_TRUE(slice);
  EXPECT_EQ(as_text(slice->records.front().payload), R"({"x":1})");
  EXPECT_EQ(*closed.proof(Class::medium, 0), fingerprint(slice->records.front()));
  EXPECT_NE(*closed.proof(Class::medium, 0), *open.proof(Class::medium, 0));
  EXPECT_EQ(*changed.proof(Class::medium, 0), *open.proof(Class::medium, 0));
}

// Everything that the batches of all classes hold, unpacked.
std::string sent_of(LogSource& source) {
  std::string all;
  const auto ends = source.ends();
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto cls = static_cast<Class>(c);
    for (std::uint64_t from = 0; from < ends[c];) {
      const auto slice = source.read(cls, from, ends[c], 1'000);
      EXPECT_TRUE(slice);
      BatchWriter writer;
      for (const auto& record : slice->records) writer.add(record);
      const auto count = writer.count();
      auto batch = unpack(cls, from, count, *writer.pack());
      EXPECT_TRUE(batch);
      all += as_text(batch->raw);
      from += count;
    }
  }
  return all;
}

TEST(LocalFields, ACanaryIsInNoByteThatLeaves) {
  sim::Disk disk{1};
  sim::World world{1};
  metrics::Registry metrics;
  auto opened = log::Log::open(disk, world, "log", {}, metrics);
  ASSERT_TRUE(opened) << opened.error().text();
  const std::string secret = R"({"temperature":91,"operator":"CANARY-4711"})";
  const auto put = [&](Class cls, std::string_view topic, const std::string& payload, std::string_view origin) {
    ASSERT_TRUE(
        (*opened)->append(record::Record{.cls = cls, .topic = topic, .payload = as_bytes(payload), .origin = origin}));
  };
  for (int i = 0; i < 100; ++i) {
    put(Class::medium, "sensors/t1/data", secret, "t1");
    put(Class::critical, "alerts/t1", R"({"alert_id":"a","data":)" + secret + "}", "pipeline:limit");
    put(Class::critical, "commands/t1", R"({"command_id":"c","params":)" + secret + "}", "http");
    put(Class::low, "analytics/t1", R"({"operator":{"last":"CANARY-4711"}})", "pipeline:stats");
    put(Class::medium, "lines/3/summary", "[" + secret + "]", "pipeline:lines");
    put(Class::high, "devices/t1/twin/reported", secret, "t1");
  }
  ASSERT_TRUE((*opened)->commit());
  const auto local = rules({{"sensors/+/data", "operator"}});
  LogSource closed(**opened, local, local);
  const auto sent = sent_of(closed);
  EXPECT_GT(sent.size(), 10'000U);
  EXPECT_EQ(sent.find("CANARY"), std::string::npos);
  LogSource open(**opened);
  EXPECT_NE(sent_of(open).find("CANARY"), std::string::npos) << "the test would see it";
}

TEST(LocalFields, EachSetOfRulesIsRemembered) {
  sim::Disk disk{1};
  const auto first = rules({{"sensors/+/data", "a b"}});
  EXPECT_TRUE(note_local_fields(disk, "local-fields", {})->empty());
  EXPECT_TRUE(load_local_fields(disk, "local-fields")->empty());
  EXPECT_TRUE(note_local_fields(disk, "local-fields", first)->empty());
  EXPECT_EQ(*note_local_fields(disk, "local-fields", first), first);
  EXPECT_EQ(*note_local_fields(disk, "local-fields", {}), first);
  EXPECT_EQ(load_local_fields(disk, "local-fields")->size(), 2U);
}

}  // namespace
}  // namespace skerry::sync
