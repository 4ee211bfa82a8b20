// The store behind a Ledger, on SQLite or (SKERRY_POSTGRES) a server: what was applied is found again, once, sorted or
// not, after a restart or a crash.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cloud/queries.hpp"
#include "cloud/shelf.hpp"
#include "cloud/store.hpp"
#include "sync/ledger.hpp"
#include "tests/cloud/databases.hpp"

namespace skerry::cloud {
namespace {

using nlohmann::json;
using record::Class;
using record::Kind;

class CloudStore : public testing::Test {
 protected:
  CloudStore() { open(); }
  ~CloudStore() override {
    queries_.reset();
    store_.reset();
  }
  void open() {
    queries_.reset();
    store_.reset();
    auto store = SqlStore::open(path_, system_clock(), metrics_);
    ASSERT_TRUE(store) << store.error().text();
    store_ = std::move(*store);
    queries_ = std::move(*Queries::open(path_));
  }
  void join(const std::string& gateway) {
    const auto outcome = run(sync::ProveJob{.hello = {.gateway = gateway, .software = "test", .epoch = 5}});
    ASSERT_FALSE(outcome.refused);
    session_[gateway] = outcome.session;
  }
  sync::Outcome run(const sync::Job& job, bool keep = true) {
    EXPECT_TRUE(store_->begin());
    auto outcome = sync::Ledger(*store_).run(job);
    EXPECT_TRUE(outcome) << outcome.error().text();
    if (keep) {
      EXPECT_TRUE(store_->commit());
    } else {
      store_->rollback();
    }
    return *outcome;
  }
  struct Said {
    std::string topic;
    std::string payload;
    Kind kind = Kind::message;
  };
  sync::Outcome send(const std::string& gateway, Class cls, std::uint64_t from, const std::vector<Said>& all,
                     bool keep = true) {
    sync::BatchWriter writer;
    for (std::uint64_t i = 0; i < all.size(); ++i) {
      record::RecordView r;
      r.cls = cls;
      r.kind = all[i].kind;
      r.topic = all[i].topic;
      r.payload = as_bytes(all[i].payload);
      r.offset = {from + i};
      r.position = {1'000 * static_cast<std::uint64_t>(cls) + from + i};
      r.appended_at = Wall{std::chrono::seconds{1'790'000'000 + static_cast<std::int64_t>(from + i)}};
      writer.add(r);
    }
    const auto print = writer.fingerprint();
    auto batch = sync::unpack(cls, from, all.size(), *writer.pack());
    batch->fingerprint = print;
    return run(sync::BatchJob{gateway, 5, session_[gateway], std::move(*batch)}, keep);
  }
  std::vector<Said> readings(const std::string& device, int many, int first = 0) {
    std::vector<Said> all;
    for (int i = first; i < first + many; ++i)
      all.push_back({"sensors/" + device + "/data",
                     R"({"timestamp":)" + std::to_string(1'780'000'000 + i) + R"(,"n": )" + std::to_string(i) + "}"});
    return all;
  }
  json ask(Result<std::string> answer) {
    EXPECT_TRUE(answer) << answer.error().text();
    return answer ? json::parse(*answer) : json();
  }
  // All pages put together.
  std::vector<json> all_readings(ListQuery query) {
    std::vector<json> all;
    do {
      const auto page = ask(queries_->readings(query));
      for (const auto& item : page["items"]) all.push_back(item);
      query.cursor = page["next"].is_string() ? page["next"].get<std::string>() : "";
    } while (!query.cursor.empty());
    return all;
  }
  void expect_sound() {
    const auto wrong = queries_->check();
    ASSERT_TRUE(wrong) << wrong.error().text();
    for (const auto& line : *wrong) ADD_FAILURE() << line;
  }

  test::TestDatabase database_;
  const std::string& path_ = database_.where;
  metrics::Registry metrics_;
  std::unique_ptr<SqlStore> store_;
  std::unique_ptr<Queries> queries_;
  std::map<std::string, std::uint64_t> session_;
};

TEST_F(CloudStore, readings_come_back_as_they_were_sent_by_device_and_time) {
  join("a");
  join("b");
  EXPECT_EQ(send("a", Class::medium, 0, readings("d1", 30)).taken, 30U);
  EXPECT_EQ(send("b", Class::medium, 0, readings("d1", 10, 100)).taken, 10U);
  EXPECT_EQ(send("a", Class::medium, 30, readings("d2", 5)).taken, 5U);
  open();
  EXPECT_EQ(all_readings({.device = "d1", .limit = 7}).size(), 40U);
  const auto some = all_readings({.gateway = "a",
                                  .device = "d1",
                                  .from = EventTime{std::chrono::seconds{1'780'000'010}},
                                  .to = EventTime{std::chrono::seconds{1'780'000'013}},
                                  .descending = true,
                                  .limit = 2});
  ASSERT_EQ(some.size(), 3U);
  EXPECT_EQ(some[0]["data"]["n"], 12);
  EXPECT_EQ(some[0]["gateway_id"], "a");
  EXPECT_EQ(some[0]["offset"], 12);
  EXPECT_EQ(some[0]["timestamp"], "2026-05-28T20:26:52.000Z");
  const auto text = queries_->readings({.device = "d2", .limit = 1});
  EXPECT_NE(text->find(R"("data":{"timestamp":1780000000,"n": 0})"), std::string::npos) << *text;  // byte for byte
  EXPECT_EQ(ask(queries_->devices({}))["items"].size(), 3U);
  EXPECT_EQ(ask(queries_->device("d1", "a"))["readings"], 30);
  EXPECT_EQ(queries_->device("d9", "").error().code, Code::not_found);
  EXPECT_EQ(queries_->readings({.cursor = "nonsense"}).error().code, Code::invalid);
  expect_sound();
}

TEST_F(CloudStore, what_is_repeated_is_kept_once_and_what_is_rolled_back_not_at_all) {
  join("a");
  send("a", Class::medium, 0, readings("d", 10), false);
  EXPECT_TRUE(all_readings({}).empty());
  EXPECT_EQ(send("a", Class::medium, 0, readings("d", 10)).taken, 10U);
  const auto again = send("a", Class::medium, 4, readings("d", 10, 4));
  EXPECT_EQ(again.taken, 4U);
  EXPECT_EQ(again.repeated, 6U);
  EXPECT_EQ(all_readings({}).size(), 14U);
  EXPECT_EQ(ask(queries_->device("d", ""))["readings"], 14);
  expect_sound();
}

TEST_F(CloudStore, sorting_changes_nothing_that_a_query_gives) {
  join("a");
  std::uint64_t offset = 0;
  for (std::uint64_t batch = 0; batch <= loose_blocks_max; ++batch) {
    for (const auto* device : {"x", "y", "z"}) {
      send("a", Class::medium, offset, readings(device, 4, static_cast<int>(batch * 4)));
      offset += 4;
    }
  }
  const auto before = all_readings({.limit = 500});
  const auto of_y = all_readings({.device = "y", .descending = true, .limit = 100});
  const auto sorted = store_->shelve();
  ASSERT_TRUE(sorted) << sorted.error().text();
  EXPECT_TRUE(*sorted);
  EXPECT_FALSE(*store_->shelve());
  EXPECT_TRUE(all_readings({.limit = 500}) == before);
  EXPECT_EQ(before.size(), offset);
  EXPECT_TRUE(all_readings({.device = "y", .descending = true, .limit = 100}) == of_y);
  EXPECT_EQ(of_y.size(), offset / 3);
  expect_sound();
}

TEST_F(CloudStore, alerts_commands_and_their_fates_analytics_and_the_rest) {
  join("a");
  const auto sent =
      send("a", Class::critical, 0,
           {{"alerts/d", R"({"alert_id":"A1","device_id":"d","alert_type":"high_temperature"})"},
            {"commands/d", R"({"command_id":"C1","device_id":"d","command":"stop"})"},
            {"$skerry/fate/C1",
             R"({"command_id":"C1","device_id":"d","state":"delivered","detail":"","at":"2026-09-21T14:00:00Z"})",
             Kind::fate},
            {"analytics/d", R"({"device_id":"d","sample_count":3})"},
            {"devices/d/status", R"({"online":true})"},
            {"some/other", "\x01\x02"},
            {"alerts/d", "no JSON"},
            {"x", "own", Kind::session}});
  EXPECT_EQ(sent.taken, 8U);
  const auto alert = ask(queries_->alert("A1"));
  EXPECT_EQ(alert["gateway_id"], "a");
  EXPECT_EQ(alert["offset"], 0);
  const auto command = ask(queries_->command("C1"));
  EXPECT_EQ(command["state"], "delivered");
  EXPECT_EQ(command["states"].size(), 2U);
  EXPECT_EQ(ask(queries_->alerts({.device = "d", .type = "high_temperature"}))["items"].size(), 1U);
  EXPECT_EQ(ask(queries_->commands({.type = "start"}))["items"].size(), 0U);
  EXPECT_EQ(ask(queries_->analytics({}))["items"][0]["data"]["sample_count"], 3);
  EXPECT_EQ(ask(queries_->device("d", ""))["status"]["online"], true);
  const auto aside = ask(queries_->aside({}));
  ASSERT_EQ(aside["items"].size(), 1U);  // a bad record blocks nothing
  EXPECT_EQ(aside["items"][0]["offset"], 6);
  const auto stream = ask(queries_->gateways())["items"][0]["classes"]["critical"];
  EXPECT_EQ(stream["records"], 6);
  EXPECT_EQ(stream["aside"], 1);
  EXPECT_EQ(stream["own"], 1);
  expect_sound();
}

// A device, or a gateway that is hostile or wrong, may say ever more: what a twin may be is bounded on both sides
// alike.
TEST_F(CloudStore, a_twin_that_would_become_too_much_stops_nothing) {
  join("a");
  std::uint64_t offset = 0;
  for (int round = 0; round < 80; ++round) {  // 20 KiB each
    json report = json::object();
    for (int i = 0; i < 100; ++i) report["r" + std::to_string(round) + "_" + std::to_string(i)] = std::string(190, 'x');
    ASSERT_EQ(send("a", Class::high, offset++, {{"devices/pump/twin/reported", report.dump()}}).taken, 1U) << round;
  }
  EXPECT_EQ(ask(queries_->twin("pump", "a"))["reported"].size(), 200U);
  EXPECT_EQ(ask(queries_->aside({}))["items"].size(), 0U);  // the messages are kept, as messages
  std::uint64_t records = 0;
  const auto say = [&](const json& state) {
    const Said said{"$skerry/twin/pump", state.dump(), Kind::config};
    ASSERT_EQ(send("a", Class::critical, records++, {said}).taken, 1U);
  };
  json much = json::object();
  for (int i = 0; i < 400; ++i) much["f" + std::to_string(i)] = {{"e", {{"at", 7}, {"v", std::string(1'000, 'x')}}}};
  say({{"desired", much}});
  EXPECT_EQ(ask(queries_->aside({}))["items"].size(), 1U);
  EXPECT_EQ(ask(queries_->twin("pump", "a"))["desired"].size(), 0U);
  say({{"desired", {{"speed", {{"e", {{"at", 7}, {"v", 40}}}}}}}});
  EXPECT_EQ(ask(queries_->twin("pump", "a"))["desired"]["speed"], 40);
  expect_sound();
}

// Many fields whose writers have long names are little to desire and much to send.
TEST_F(CloudStore, a_twin_that_is_too_much_for_the_link_is_told_and_stops_nothing) {
  join("a");
  const std::string writer(128, 'w');
  json desired = json::object();
  for (int i = 0; i < 400; ++i) {
    json side{{"at", 7}, {"v", 1}, {"by", writer}};
    desired["f" + std::to_string(i)] = {{"e", side}};
  }
  // Both wrote, and did not know of each other: news for the gateway.
  desired["f0"]["c"] = {{"at", 8}, {"v", 2}, {"by", writer}};
  const Said said{"$skerry/twin/pump", json{{"desired", desired}}.dump(), Kind::config};
  ASSERT_EQ(send("a", Class::critical, 0, {said}).taken, 1U);
  ASSERT_TRUE(store_->begin());
  const auto more = store_->write_twin({.gateway = "a", .id = "pump", .patch = {{"f0", "3"}}, .by = "test"});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::full);
  ASSERT_TRUE(store_->write_twin({.gateway = "a", .id = "valve", .patch = {{"open", "true"}}, .by = "test"}));
  ASSERT_TRUE(store_->commit());
  const auto outcome = run(sync::ItemsJob{.gateway = "a", .epoch = 5, .session = session_["a"], .max = 10});
  ASSERT_EQ(outcome.items.size(), 1U);
  EXPECT_NE(outcome.items[0].body.find("valve"), std::string::npos);
  const auto shown = ask(queries_->twin("pump", "a"));
  EXPECT_EQ(shown["link"]["state"], "refused");
  EXPECT_NE(shown["link"]["detail"].get<std::string>().find("too much for the link"), std::string::npos);
  EXPECT_TRUE(run(sync::ItemsJob{.gateway = "a", .epoch = 5, .session = session_["a"], .max = 10}).items.empty());
}

TEST_F(CloudStore, gaps_and_refusals_are_counted_and_shown) {
  join("a");
  run(sync::GapJob{"a", 5, session_["a"], {sync::Lane::live, Class::low, 0, 7, sync::Reason::budget, 9}});
  EXPECT_EQ(run(sync::JoinJob{.hello = {.gateway = "a", .epoch = 5}}).refused->reason, sync::Refusal::restored);
  run(sync::ProveJob{.hello = {.gateway = "a", .epoch = 6}});
  EXPECT_EQ(run(sync::JoinJob{.hello = {.gateway = "a", .epoch = 5, .ends = {0, 0, 0, 7}}}).refused->reason,
            sync::Refusal::fenced);
  EXPECT_EQ(ask(queries_->gaps({}))["items"][0]["reason"], "budget");
  const auto gateway = ask(queries_->gateways())["items"][0];
  EXPECT_EQ(gateway["epoch"], "6");
  EXPECT_EQ(gateway["refusals"].size(), 2U);
  expect_sound();
}

TEST_F(CloudStore, the_check_finds_what_is_missing_and_what_is_there_twice) {
  join("a");
  send("a", Class::medium, 0, readings("d", 10));
  expect_sound();
  {
    const auto database = std::move(*Database::open(path_, Database::Mode::create));
    ASSERT_TRUE(database->run(
        "INSERT INTO loose (gw, epoch, class, lane, batch, offsets, first, past, readings, earliest, latest, block) "
        "SELECT gw, epoch, class, lane, batch, offsets, first, past, readings, earliest, latest, block FROM loose"));
  }
  EXPECT_FALSE(queries_->check()->empty());
  {
    const auto database = std::move(*Database::open(path_, Database::Mode::create));
    ASSERT_TRUE(database->run("DELETE FROM loose"));
  }
  EXPECT_FALSE(queries_->check()->empty());
}

TEST_F(CloudStore, a_newer_program_s_file_is_not_touched) {
  store_.reset();
  const auto* const sql = database_.on_server() ? "INSERT INTO skerry_version VALUES (99)" : "PRAGMA user_version=99";
  ASSERT_TRUE((*Database::open(path_, Database::Mode::create))->run(sql));
  EXPECT_EQ(SqlStore::open(path_, system_clock(), metrics_).error().code, Code::unsupported);
}

}  // namespace
}  // namespace skerry::cloud
