// What the tracker shows: pages, items, the order of changes, and commands asked for by people.
#include "tests/act/rig.hpp"

namespace skerry::act {
namespace {

using namespace std::chrono_literals;
using test::json;
using test::Rig;

std::vector<std::string> all_ids(const Rig& rig, bool alerts, Query query) {
  std::vector<std::string> ids;
  std::string cursor;
  for (int pages = 0; pages < 100; ++pages) {
    query.cursor = cursor;
    const auto page = (alerts ? rig.tracker->alerts(query) : rig.tracker->commands(query)).value();
    EXPECT_LE(page.items.size(), query.limit);
    for (const auto& item : page.items) ids.push_back(json::parse(item)[alerts ? "alert_id" : "command_id"]);
    if (!page.next) return ids;
    cursor = *page.next;
  }
  ADD_FAILURE() << "pages do not end";
  return ids;
}

TEST(Queries, AlertsNewestFirstInPagesAndFromTheLogWhenOld) {
  for (const std::size_t kept : {100U, 7U, 1U}) {
    Rig rig({.alerts_kept = kept});
    std::vector<std::string> want;
    for (int i = 0; i < 40; ++i) {
      rig.alert(i % 4 == 0 ? "t4" : "t1", "a" + std::to_string(i),
                i % 8 == 0 ? "anomaly_detection" : "high_temperature");
      rig.put("sensors/t1/data", "{}");
      want.insert(want.begin(), "a" + std::to_string(i));
    }
    rig.settle();
    EXPECT_EQ(all_ids(rig, true, {.limit = 3}), want);
    EXPECT_EQ(all_ids(rig, true, {.limit = 100}), want);
    EXPECT_EQ(all_ids(rig, true, {.device = "t4", .limit = 3}).size(), 10U);
    EXPECT_EQ(all_ids(rig, true, {.device = "t4", .type = "anomaly_detection", .limit = 2}).size(), 5U);
    EXPECT_EQ(all_ids(rig, true, {.device = "nobody"}).size(), 0U);
    EXPECT_EQ(json::parse(rig.tracker->alert("a0").value())["offset"], 0);
    EXPECT_EQ(json::parse(rig.tracker->alert("a39").value())["received_at"], "2026-05-01T00:00:00.000Z");
    EXPECT_EQ(rig.tracker->alert("a40").error().code, Code::not_found);
  }
}

TEST(Queries, CommandsThatLeftMemoryComeFromTheLogWithTheirFate) {
  Rig rig({.commands_kept = 5});
  for (int i = 0; i < 20; ++i) {
    const auto id = "c" + std::to_string(i);
    rig.command("pump", id);
    if (i != 3) rig.ack("pump", id, "done", "fine");  // the fourth waits and stays in memory
    rig.settle();
  }
  EXPECT_EQ(all_ids(rig, false, {.limit = 3}).size(), 20U);
  EXPECT_EQ(all_ids(rig, false, {.limit = 3}).back(), "c0");
  EXPECT_EQ(rig.state_of("c0"), "done");
  EXPECT_EQ(rig.state_of("c3"), "issued");
  EXPECT_EQ(rig.state_of("c19"), "done");
  rig.log.trim(2);
  EXPECT_EQ(rig.tracker->command("c0").error().code, Code::not_found);
  EXPECT_EQ(all_ids(rig, false, {.limit = 3}).size(), 19U);
}

TEST(Queries, AnItemKeepsThePayloadsBytes) {
  Rig rig;
  rig.put("alerts/t1", R"( {"alert_id":"a1", "score":0.850,"offset":"mine" } )");
  rig.put("alerts/t1", R"({"data":{"t":80.500}})");
  rig.settle();
  const auto page = rig.tracker->alerts({}).value();
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_NE(page.items[0].find(R"({"data":{"t":80.500},"device_id":"t1","alert_id":")"), std::string::npos)
      << page.items[0];
  EXPECT_EQ(json::parse(page.items[1])["offset"], 0) << "what we say wins over a member of the same name";
}

TEST(Queries, ClassesFollowTheRulesOfTheSite) {
  using record::Class;
  EXPECT_EQ(classes_of(record::ClassRules()), record::mask(Class::critical));
  EXPECT_EQ(classes_of(record::ClassRules({{"alerts/t1", Class::low}, {"sensors/#", Class::high}})),
            record::mask(Class::critical) | record::mask(Class::low) | record::mask(Class::medium));
}

TEST(Queries, CursorsAndLimitsAreChecked) {
  Rig rig;
  EXPECT_EQ(rig.tracker->alerts({.cursor = "x"}).error().code, Code::invalid);
  EXPECT_EQ(rig.tracker->commands({.cursor = "12a"}).error().where, "cursor");
  rig.alert("t1", "a1");
  rig.settle();
  EXPECT_EQ(rig.tracker->alerts({.limit = 0}).value().items.size(), 1U);
}

TEST(Queries, ChangesComeInOrderAndNothingBehind) {
  Rig rig;
  rig.alert("t1", "a1");
  rig.command("pump", "c1");
  rig.settle();
  EXPECT_EQ(rig.tracker->changes({}, 10).next, rig.log.end());
  auto got = rig.tracker->changes(record::Position{0}, 10);
  ASSERT_EQ(got.items.size(), 2U);
  EXPECT_EQ(got.items[0].what, Change::What::alert);
  EXPECT_EQ(json::parse(got.items[1].item)["state"], "issued");
  rig.ack("pump", "c1", "accepted");
  (void)rig.log.commit();
  while (rig.tracker->step().value()) {
  }
  EXPECT_TRUE(rig.tracker->changes(got.next, 10).items.empty()) << "not on disk yet";
  rig.alert("t1", "a2");
  rig.ack("pump", "c1", "done");
  rig.settle();
  std::vector<std::string> told;
  for (auto from = got.next;;) {
    const auto more = rig.tracker->changes(from, 1);
    if (more.items.empty()) break;
    EXPECT_GE(more.items[0].id, from);
    const auto item = json::parse(more.items[0].item);
    told.push_back(item.contains("command_id") ? item["state"].get<std::string>()
                                               : item["alert_id"].get<std::string>());
    from = more.next;
  }
  EXPECT_EQ(told, (std::vector<std::string>{"accepted", "a2", "done"}));
}

TEST(Issue, ShownAfterTheCommitAndExactlyAsTold) {
  Rig rig;
  rig.settle();
  sim::SeededChance chance(1);
  const auto request =
      parse_request(as_bytes(R"({"device_id":"pump","command":"start","reason":"test","params":{"rpm":1500.0}})"));
  ASSERT_TRUE(request);
  const auto command = make_command(*request, rig.clock.now, chance);
  ASSERT_TRUE(command);
  const auto issued = rig.tracker->issue(*command, "http");
  ASSERT_TRUE(issued);
  EXPECT_EQ(rig.tracker->command(issued->id).error().code, Code::not_found);
  EXPECT_TRUE(rig.tracker->commands({}).value().items.empty());
  (void)rig.log.commit();
  EXPECT_EQ(rig.tracker->command(issued->id).value(), issued->item) << "before any step";
  rig.settle();
  EXPECT_EQ(rig.tracker->command(issued->id).value(), issued->item);
  EXPECT_EQ(rig.tracker->counts().commands, 1U);
  const auto item = json::parse(issued->item);
  EXPECT_EQ(item["not_after"], "2026-05-01T00:00:30.000Z");
  EXPECT_EQ(item["params"]["rpm"], 1500.0);
  const auto chunk = rig.log.read(issued->position, {}).value();
  const auto& record = chunk.records().front();
  EXPECT_EQ(record.qos, 2);
  EXPECT_EQ(record.topic, "commands/pump");
  EXPECT_EQ(record.expires_at, rig.clock.now + 30s);
}

TEST(Issue, TooManyOpenCommandsAreRefused) {
  Rig rig({.commands_open_max = 2});
  sim::SeededChance chance(1);
  const auto issue = [&] {
    return rig.tracker->issue(make_command({.device_id = "pump", .command = "go"}, rig.clock.now, chance).value(),
                              "http");
  };
  ASSERT_TRUE(issue());
  ASSERT_TRUE(issue());
  EXPECT_EQ(issue().error().code, Code::full);
  rig.settle();
  rig.tick(31s);
  EXPECT_TRUE(issue());
}

TEST(Request, EveryFieldIsChecked) {
  const std::pair<std::string, std::string> table[] = {
      {"", "body"},
      {"[]", "body"},
      {"{", "body"},
      {std::string(100, '['), "body"},
      {R"({"command":"x"})", "device_id"},
      {R"({"device_id":"d"})", "command"},
      {R"({"device_id":"d","command":""})", "command"},
      {R"({"device_id":"d","command":7})", "command"},
      {R"({"device_id":"a/b","command":"x"})", "device_id"},
      {R"({"device_id":"","command":"x"})", "device_id"},
      {R"({"device_id":"d","command":"x","ttl_s":0})", "ttl_s"},
      {R"({"device_id":"d","command":"x","ttl_s":"9"})", "ttl_s"},
      {R"({"device_id":"d","command":"x","ttl_s":90000})", "ttl_s"},
      {R"({"device_id":"d","command":"x","ttl_s":1e300})", "ttl_s"},
      {R"({"device_id":"d","command":"x","not_after":"soon"})", "not_after"},
      {R"({"device_id":"d","command":"x","not_after":"2020-01-01T00:00:00Z"})", "not_after"},
      {R"({"device_id":"d","command":"x","ttl_s":5,"not_after":"2026-05-01T00:00:10Z"})", "ttl_s"},
      {R"({"device_id":"d","command":"x","params":[1]})", "params"},
      {R"({"device_id":"d","command":"x","compensation":{"params":{}}})", "compensation"},
      {R"({"device_id":"d","command":"x","reason":"a\u0001"})", "reason"},
      {R"({"device_id":"d","command":"x","speed":3})", "speed"},
  };
  sim::SeededChance chance(1);
  const test::SetClock clock;
  for (const auto& [body, field] : table) {
    const auto made = [&]() -> Result<Command> {
      return make_command(TRY(parse_request(as_bytes(body))), clock.now, chance);
    }();
    ASSERT_FALSE(made) << body;
    EXPECT_EQ(made.error().code, Code::invalid) << body;
    EXPECT_EQ(made.error().where, field) << body << ": " << made.error().what;
  }
  const auto fine =
      parse_request(as_bytes(R"({"device_id":"d","command":"x","reason":null,"not_after":"2026-05-01T00:00:10Z"})"));
  EXPECT_EQ(make_command(fine.value(), clock.now, chance).value().not_after, clock.now + 10s);
}

}  // namespace
}  // namespace skerry::act
