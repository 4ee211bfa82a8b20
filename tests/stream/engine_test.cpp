// The engine on a log: payloads as docs/architecture.md has them, push back, changed texts, what is refused.
#include <gtest/gtest.h>

#include "sim/disk.hpp"
#include "sim/world.hpp"
#include "stream/stream.hpp"
#include "tests/stream/fake_log.hpp"

namespace skerry::stream {
namespace {

PipelineText shipped(const std::string& name) {
  const auto bytes = read_file(system_files(), SKERRY_SOURCE_DIR "/pipelines/" + name + ".sql");
  EXPECT_TRUE(bytes.has_value());
  return {name, std::string(as_text(*bytes))};
}

struct Bench {
  sim::World world{1};
  sim::Disk disk{1};
  metrics::Registry metrics;
  FakeLog log;
  std::unique_ptr<Engine> engine;

  Result<> open(std::vector<PipelineText> texts, Options options = {.checkpoint_records_min = 1}) {
    engine.reset();
    auto made = Engine::open({log, disk, world, metrics, record::ClassRules{}, options}, "/state", std::move(texts));
    if (!made) return std::unexpected(made.error());
    engine = std::move(*made);
    return {};
  }
  void read(const std::string& device, const std::string& payload) {
    record::Record one;
    const auto topic = "sensors/" + device + "/data";
    one.topic = topic;
    one.payload = as_bytes(payload);
    one.qos = 1;
    ASSERT_TRUE(log.append(one).has_value());
    log.now += std::chrono::seconds{1};
  }
  void run() {
    while (true) {
      const auto more = engine->step();
      ASSERT_TRUE(more.has_value()) << more.error().text();
      if (!*more) return;
    }
  }
  std::vector<const FakeLog::Kept*> made() const {
    std::vector<const FakeLog::Kept*> to;
    for (const auto& one : log.kept) {
      if (one.view.cause) to.push_back(&one);
    }
    return to;
  }
};

TEST(Engine, AlertAndCommandStandTogetherInOneAppend) {
  Bench b;
  ASSERT_TRUE(b.open({shipped("anomaly"), shipped("threshold")}).has_value());
  for (int i = 0; i < 10; ++i)
    b.read("d1", R"({"temperature":)" + std::string(i % 2 ? "20.5" : "20") + R"(,"humidity":40})");
  b.run();
  const int before = b.log.appends;
  b.read("d1", R"({"temperature":90, "humidity":40, "timestamp":"2026-01-01T00:00:10.5Z"})");
  b.run();
  EXPECT_EQ(b.log.appends, before + 2);  // the reading, and all that came of it
  const auto made = b.made();
  ASSERT_EQ(made.size(), 5U);  // statistics from the tenth and eleventh reading, two alerts, a command
  const auto& alert = *made[1];
  const auto& command = *made[2];
  EXPECT_EQ(alert.topic, "alerts/d1");
  EXPECT_EQ(alert.view.qos, 1);
  EXPECT_EQ(alert.view.cls, record::Class::critical);
  EXPECT_EQ(alert.origin, "pipeline:anomaly");
  const auto version = b.engine->pipelines()[0].version;
  const auto id = record::stable_id("anomaly", version, *alert.view.cause, 0);
  EXPECT_EQ(
      alert.payload,
      R"({"alert_id":")" + id +
          R"(","device_id":"d1","alert_type":"anomaly_detection","severity":"high","message":"temperature 90.0 is unlike the last 5 minutes","anomaly_score":1,"timestamp":"2026-01-01T00:00:10.500Z","rule":"anomaly@)" +
          version + R"(","data":{"temperature":90, "humidity":40, "timestamp":"2026-01-01T00:00:10.5Z"}})");
  EXPECT_EQ(command.topic, "commands/d1");
  EXPECT_EQ(command.view.qos, 2);
  EXPECT_EQ(command.view.expires_at, b.log.kept[11].view.appended_at + std::chrono::seconds{30});
  EXPECT_EQ(
      command.payload,
      R"({"command_id":")" + record::stable_id("anomaly", version, *alert.view.cause, 1) +
          R"(","device_id":"d1","command":"shutdown","reason":"emergency_response","timestamp":"2026-01-01T00:00:10.500Z","not_after":"2026-01-01T00:00:40.000Z","alert_id":")" +
          id + R"("})");
  EXPECT_EQ(made[3]->topic, "analytics/d1");
  EXPECT_NE(
      made[3]->payload.find(
          R"("window_start":"2026-01-01T00:00:00.000Z","window_end":"2026-01-01T00:00:10.500Z","sample_count":11,"temperature":{"mean":)"),
      std::string::npos)
      << made[3]->payload;
  EXPECT_NE(made[3]->payload.find(R"("humidity":{"mean":40,"max":40,"min":40,"std":0}})"), std::string::npos)
      << made[3]->payload;
  EXPECT_EQ(made[4]->origin, "pipeline:threshold");
}

TEST(Engine, BadPayloadsAreCountedAndTouchNothingElse) {
  Bench b;
  ASSERT_TRUE(b.open({shipped("threshold")}).has_value());
  for (const char* bad : {"", "[1]", "{\"temperature\":NaN}", "{\"temperature\":\"hot\"}", "{\"temperature\":null}",
                          "\xff\xfe", "{", "{\"temperature\":1e999}"})
    b.read("x", bad);
  b.read("y", R"({"temperature":81})");
  b.run();
  EXPECT_EQ(b.made().size(), 1U);
  EXPECT_EQ(b.engine->pipelines()[0].errors, 7U);
  EXPECT_EQ(b.engine->pipelines()[0].rows_in, 3U);
  EXPECT_NE(b.metrics.prometheus_text().find("skerry_stream_malformed_total"), std::string::npos);
}

TEST(Engine, PushBackLosesNothing) {
  Bench b;
  ASSERT_TRUE(b.open({shipped("threshold")}).has_value());
  for (int i = 0; i < 3; ++i) b.read("d", R"({"temperature":99})");
  b.log.busy = true;
  const auto refused = b.engine->step();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::busy);
  EXPECT_EQ(b.engine->position().value, 0U);
  ASSERT_TRUE(b.engine->checkpoint().has_value());
  b.log.busy = false;
  b.run();
  EXPECT_EQ(b.made().size(), 3U);
}

TEST(Engine, AChangedTextBeginsAfresh) {
  Bench b;
  auto text = shipped("threshold");
  ASSERT_TRUE(b.open({text, shipped("anomaly")}).has_value());
  b.read("d", R"({"temperature":99})");
  b.run();
  ASSERT_TRUE(b.engine->checkpoint().has_value());
  b.read("d", R"({"temperature":98})");  // read by nobody before the change
  text.text.replace(text.text.find("> 80;"), 5, "> 10;");
  ASSERT_TRUE(b.open({text, shipped("anomaly")}).has_value());
  b.read("d", R"({"temperature":11})");
  b.run();
  ASSERT_EQ(b.made().size(), 2U);
  EXPECT_NE(b.made()[1]->payload.find("\"data\":{\"temperature\":11}"), std::string::npos);
  EXPECT_EQ(b.engine->pipelines()[1].rows_in, 2U);  // the other one went on where it was
  // A comment changes nothing.
  EXPECT_EQ(version_of(text.text), version_of("-- hello\n" + text.text));
}

TEST(Engine, ReplacedWhileItRuns) {
  Bench b;
  auto hot = shipped("threshold");
  const auto kept = shipped("anomaly");
  ASSERT_TRUE(b.open({hot, kept}).has_value());
  for (int i = 0; i < 9; ++i) b.read("d", R"({"temperature":20,"humidity":40})");
  b.run();
  EXPECT_TRUE(b.made().empty());
  // What cannot be parsed changes nothing.
  auto broken = hot;
  broken.text += "SELECT";
  ASSERT_FALSE(b.engine->replace({broken}).has_value());
  EXPECT_EQ(b.engine->pipelines().size(), 2U);
  hot.text.replace(hot.text.find("> 80;"), 5, "> 10;");
  ASSERT_TRUE(b.engine->replace({kept, hot}).has_value());
  EXPECT_EQ(b.engine->pipelines()[0].rows_in, 9U);
  EXPECT_EQ(b.engine->pipelines()[1].rows_in, 0U);
  b.read("d", R"({"temperature":20,"humidity":40})");
  b.run();
  // The kept one's tenth reading gives statistics, so it still has the nine before; the changed one alerts once.
  ASSERT_EQ(b.made().size(), 2U);
  EXPECT_EQ(b.made()[0]->topic, "analytics/d");
  EXPECT_NE(b.made()[0]->payload.find("\"sample_count\":10"), std::string::npos);
  EXPECT_EQ(b.made()[1]->topic, "alerts/d");
  // A crash right after a replacement: the new text goes on from where it began, and says nothing twice.
  ASSERT_TRUE(b.open({kept, hot}).has_value());
  b.run();
  EXPECT_EQ(b.made().size(), 2U);
  ASSERT_TRUE(b.engine->replace({}).has_value());
  b.read("d", R"({"temperature":99})");
  b.run();
  EXPECT_EQ(b.made().size(), 2U);
}

TEST(Engine, RefusesWhatCannotRun) {
  Bench b;
  const auto refused = [&](const std::string& sql, const std::string& why) {
    const auto opened = b.open({{"p", sql}});
    ASSERT_FALSE(opened.has_value()) << sql;
    EXPECT_NE(opened.error().text().find(why), std::string::npos) << opened.error().text();
  };
  const std::string in =
      "CREATE TABLE i (device_id STRING, v DOUBLE) WITH ('connector'='mqtt','topic'='sensors/+/data');\n";
  const auto out = [](const std::string& options) {
    return "CREATE TABLE o (device_id STRING) WITH ('connector'='mqtt'," + options + ");\n";
  };
  const std::string go = "INSERT INTO o SELECT device_id FROM i;";
  refused(in + out("'topic'='sensors/{device_id}/data'") + go, "would never end");
  refused(in + out("'topic'='a/{devise}'") + go, "{devise}");
  refused(in + out("'topic'='a/{device_id}','qso'='1'") + go, "did you mean 'qos'?");
  refused(in + out("'topic'='a/{device_id}','payload'='alarm'") + go, "'payload' is");
  refused(in + "SELECT v FROM i", "expected INSERT INTO");
  refused(
      "CREATE TABLE i (v INT) WITH ('connector'='kafka'); " + out("'topic'='x'") + "INSERT INTO o SELECT 'x' FROM i",
      "needs 'connector'='mqtt'");
  refused(in + out("'topic'='a/b'") + "INSERT INTO o SELECT devce_id FROM i;",
          "pipeline p, line 3, column 22: no column is called devce_id; did you mean device_id?");
  const auto circle = b.open({{"a", in + out("'topic'='b/{device_id}'") + go},
                              {"b", "CREATE TABLE i (device_id STRING) WITH ('connector'='mqtt','topic'='b/+');" +
                                        out("'topic'='sensors/{device_id}/data'") + go}});
  ASSERT_FALSE(circle.has_value());
  EXPECT_NE(circle.error().what.find("feeds it again"), std::string::npos);
}

TEST(Engine, PipelinesFeedEachOther) {
  Bench b;
  const std::string first =
      "CREATE TABLE i (device_id STRING, v INT) WITH ('connector'='mqtt','topic'='sensors/+/data');"
      "CREATE TABLE o (device_id STRING, v INT) WITH ('connector'='mqtt','topic'='doubled/{device_id}');"
      "INSERT INTO o SELECT device_id, v * 2 FROM i;";
  const std::string second =
      "CREATE TABLE i (device_id STRING, v INT, t STRING METADATA FROM 'topic') WITH "
      "('connector'='mqtt','topic'='doubled/#');"
      "CREATE TABLE o (device_id STRING, v INT, t STRING) WITH "
      "('connector'='mqtt','topic'='more/{device_id}','qos'='1','class'='high');"
      "INSERT INTO o SELECT device_id, v + 1, t FROM i;";
  ASSERT_TRUE(b.open({{"first", first}, {"second", second}}).has_value());
  b.read("d", R"({"v":20})");
  b.run();
  ASSERT_EQ(b.made().size(), 2U);
  EXPECT_EQ(b.made()[1]->payload, R"({"device_id":"d","v":41,"t":"doubled/d"})");
  EXPECT_EQ(b.made()[1]->view.cls, record::Class::high);
}

// Whoever reads statistics sees the same bytes, stored as rows or as text.
TEST(Engine, RowsAreTheStatisticsTextByteForByte) {
  const PipelineText other{"other", R"(
    CREATE TABLE sensors (device_id STRING METADATA VIRTUAL, temperature DOUBLE, n BIGINT, word STRING)
    WITH ('connector' = 'mqtt', 'topic' = 'sensors/+/data', 'format' = 'json');
    CREATE TABLE stats (device_id STRING, a BIGINT, b DECIMAL(20, 4), c BOOLEAN, d FLOAT, e STRING, f DATE,
      g TIMESTAMP(3), h ROW<x DOUBLE, y ROW<z STRING>>)
    WITH ('connector' = 'mqtt', 'topic' = 'analytics/{device_id}/other', 'format' = 'json');
    INSERT INTO stats SELECT device_id, n, CAST(temperature AS DECIMAL(20, 4)), n > 3, CAST(temperature AS FLOAT), word,
      DATE '2026-01-31', TIMESTAMP '2026-01-31 23:59:59.123', ROW(temperature / n, ROW(word)) FROM sensors;)"};
  const auto run = [&](bool rows) {
    Bench b;
    b.log.keeps_rows = rows;
    EXPECT_TRUE(b.open({shipped("anomaly"), other}).has_value());
    for (int i = 0; i < 40; ++i) {
      const auto n = i % 7 == 6 ? std::string("null") : std::to_string(i * 1'000'003LL);
      b.read("d" + std::to_string(i % 3), R"({"temperature":)" + std::to_string(20 + i * 0.37) + R"(,"n":)" + n +
                                              (i % 5 == 4 ? "" : R"(,"word":"a\"\u00fc\n")") +
                                              (i % 2 ? R"(,"humidity":40.5)" : "") + "}");
    }
    b.run();
    std::vector<std::string> to;
    std::size_t as_rows = 0;
    for (const auto* one : b.made()) {
      to.push_back(one->topic + " " + one->payload);
      as_rows += one->view.row;
    }
    EXPECT_EQ(as_rows, rows ? 40 + 13U : 0U);
    return to;
  };
  const auto text = run(false);
  EXPECT_EQ(text.size(), 53U);
  EXPECT_EQ(run(true), text);
}

}  // namespace
}  // namespace skerry::stream
