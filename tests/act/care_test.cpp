// What people do about alerts: durable, in order, the same after a crash, and the same for alerts that left memory.
#include "act/care.hpp"

#include "tests/act/rig.hpp"

namespace skerry::act {
namespace {

using test::json;
using test::Rig;

json item(const Rig& rig, const std::string& id) { return json::parse(rig.tracker->alert(id).value()); }

AlertWork work(AlertAction action, std::vector<std::string> ids, std::string comment = "") {
  return {action, std::move(ids), "Mia", std::move(comment)};
}

TEST(Care, TheTableOfAnAlertsLife) {
  using enum AlertState;
  EXPECT_EQ(next(active, AlertAction::acknowledge).to, acknowledged);
  EXPECT_EQ(next(active, AlertAction::clear).to, cleared);
  EXPECT_EQ(next(acknowledged, AlertAction::clear).to, cleared);
  EXPECT_EQ(next(acknowledged, AlertAction::acknowledge).outcome, Outcome::repeated);
  EXPECT_EQ(next(cleared, AlertAction::clear).outcome, Outcome::repeated);
  EXPECT_EQ(next(cleared, AlertAction::acknowledge).outcome, Outcome::ignored) << "it stays cleared";
  for (const auto state : {active, acknowledged, cleared}) {
    EXPECT_EQ(next(state, AlertAction::comment).outcome, Outcome::moved);
    EXPECT_EQ(next(state, AlertAction::comment).to, state);
    EXPECT_EQ(alert_state_named(name(state)), state);
  }
}

TEST(Care, IsShownOnlyWhenItIsOnDiskAndThenWithWhoAndWhen) {
  Rig rig;
  rig.alert("t1", "a1");
  rig.settle();
  const auto done =
      rig.tracker->work(work(AlertAction::acknowledge, {"a1"}, "on my way"), rig.clock.now, "http").value();
  EXPECT_EQ(item(rig, "a1")["state"], "active") << "not committed yet";
  ASSERT_TRUE(rig.log.commit());
  const auto shown = item(rig, "a1");
  EXPECT_EQ(json::parse(done.items.front()), shown) << "what the caller was told";
  EXPECT_EQ(shown["state"], "acknowledged");
  EXPECT_EQ(
      shown["changes"],
      json::parse(R"([{"action":"acknowledge","at":"2026-05-01T00:00:00.000Z","by":"Mia","comment":"on my way"}])"));
  rig.settle();
  EXPECT_EQ(item(rig, "a1"), shown) << "read back once";
  const auto changes = rig.tracker->changes(record::Position{0}, 10).items;
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(json::parse(changes[0].item)["state"], "active") << "as it was then";
  EXPECT_EQ(json::parse(changes[1].item)["state"], "acknowledged");
}

TEST(Care, RepetitionsWriteNothingAndAClearedOneIsNotAcknowledged) {
  Rig rig;
  rig.alert("t1", "a1");
  rig.alert("t1", "a2");
  rig.settle();
  ASSERT_TRUE(rig.tracker->work(work(AlertAction::clear, {"a1"}), rig.clock.now, "http"));
  rig.settle();
  const auto end = rig.log.end();
  ASSERT_TRUE(rig.tracker->work(work(AlertAction::clear, {"a1"}), rig.clock.now, "http"));
  const auto refused = rig.tracker->work(work(AlertAction::acknowledge, {"a2", "a1"}), rig.clock.now, "http");
  EXPECT_EQ(refused.error().code, Code::exists);
  EXPECT_EQ(refused.error().where, "a1");
  EXPECT_EQ(rig.tracker->work(work(AlertAction::clear, {"a2", "none"}), rig.clock.now, "http").error().code,
            Code::not_found);
  EXPECT_EQ(rig.log.end(), end) << "all or nothing";
  EXPECT_EQ(item(rig, "a2")["state"], "active");
}

TEST(Care, IsTheSameAfterACrashWithAndWithoutACheckpoint) {
  const test::TempFolder folder;
  for (const bool with_checkpoint : {false, true}) {
    Rig rig({.checkpoint_path = with_checkpoint ? folder.path + "/act" : "", .checkpoint_changes = 1});
    for (int i = 0; i < 6; ++i) rig.alert("t1", "a" + std::to_string(i));
    rig.settle();
    ASSERT_TRUE(rig.tracker->work(work(AlertAction::acknowledge, {"a1", "a2", "a3"}), rig.clock.now, "http"));
    ASSERT_TRUE(rig.tracker->work(work(AlertAction::clear, {"a2"}), rig.clock.now, "http"));
    ASSERT_TRUE(rig.tracker->work(work(AlertAction::comment, {"a5"}, "\"odd\" \xc3\xa9"), rig.clock.now, "http"));
    rig.settle();
    ASSERT_TRUE(rig.tracker->checkpoint());
    const auto before = rig.tracker->alerts({}).value().items;
    ASSERT_TRUE(rig.tracker->work(work(AlertAction::clear, {"a0"}), rig.clock.now, "http"));  // never committed
    rig.crash();
    rig.settle();
    EXPECT_EQ(rig.tracker->alerts({}).value().items, before);
    EXPECT_EQ(item(rig, "a2")["state"], "cleared");
    EXPECT_EQ(item(rig, "a5")["changes"][0]["comment"], "\"odd\" \xc3\xa9");
  }
}

TEST(Care, AlertsThatLeftMemoryAreWorkedOnAndFoundByState) {
  Rig rig({.alerts_kept = 3});
  for (int i = 0; i < 12; ++i) rig.alert("t1", "a" + std::to_string(i));
  rig.settle();
  ASSERT_TRUE(rig.tracker->work(work(AlertAction::acknowledge, {"a0", "a4", "a11"}), rig.clock.now, "http"));
  ASSERT_TRUE(rig.tracker->work(work(AlertAction::clear, {"a4"}), rig.clock.now, "http"));
  rig.settle();
  EXPECT_EQ(item(rig, "a0")["state"], "acknowledged");
  EXPECT_EQ(item(rig, "a4")["state"], "cleared");
  EXPECT_EQ(item(rig, "a4")["changes"].size(), 2U);
  const auto ids = [&rig](AlertState state) {
    std::vector<std::string> found;
    const auto page = rig.tracker->alerts({.state = state}).value();
    for (const auto& text : page.items) found.push_back(json::parse(text)["alert_id"]);
    return found;
  };
  EXPECT_EQ(ids(AlertState::acknowledged), (std::vector<std::string>{"a11", "a0"}));
  EXPECT_EQ(ids(AlertState::cleared), (std::vector<std::string>{"a4"}));
  EXPECT_EQ(ids(AlertState::active).size(), 9U);
}

TEST(Care, OneAlertTakesSoManyChangesAndNoMore) {
  Rig rig;
  rig.alert("t1", "a1");
  rig.settle();
  for (std::size_t i = 0; i < alert_changes_max; ++i)
    ASSERT_TRUE(rig.tracker->work(work(AlertAction::comment, {"a1"}, "again"), rig.clock.now, "http"));
  EXPECT_EQ(rig.tracker->work(work(AlertAction::comment, {"a1"}, "more"), rig.clock.now, "http").error().code,
            Code::exists);
  rig.settle();
  EXPECT_EQ(item(rig, "a1")["changes"].size(), alert_changes_max);
}

TEST(Care, EveryFieldOfARequestIsChecked) {
  const auto where = [](std::string_view text, std::optional<AlertAction> action, std::string_view id) {
    const auto parsed = parse_work(as_bytes(text), action, id);
    return parsed ? "" : parsed.error().where;
  };
  EXPECT_EQ(where("", AlertAction::clear, "a1"), "");
  EXPECT_EQ(where(R"({"by":null,"comment":"x"})", AlertAction::comment, "a1"), "");
  EXPECT_EQ(where("{}", AlertAction::comment, "a1"), "comment");
  EXPECT_EQ(where(R"({"alert_ids":["a"]})", AlertAction::clear, "a1"), "alert_ids");
  EXPECT_EQ(where(R"({"action":"clear"})", AlertAction::clear, "a1"), "action");
  EXPECT_EQ(where("[]", AlertAction::clear, "a1"), "body");
  EXPECT_EQ(where(R"({"by":5})", AlertAction::clear, "a1"), "by");
  EXPECT_EQ(where(R"({"alert_ids":["a","a"],"action":"shout"})", {}, ""), "action");
  EXPECT_EQ(where(R"({"alert_ids":[],"action":"clear"})", {}, ""), "alert_ids");
  EXPECT_EQ(where(R"({"alert_ids":["a",1],"action":"clear"})", {}, ""), "alert_ids");
  EXPECT_EQ(parse_work(as_bytes(std::string_view(R"({"alert_ids":["b","a","b"],"action":"clear"})"))).value().alert_ids,
            (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace skerry::act
