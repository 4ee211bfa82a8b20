// The tracker: what the broker, the devices and time say becomes fates, each once.
#include "tests/act/rig.hpp"

namespace skerry::act {
namespace {

using namespace std::chrono_literals;
using test::json;
using test::Rig;

TEST(Tracker, FromIssuedToDone) {
  Rig rig;
  const auto at = rig.command("pump", "c1");
  rig.settle();
  EXPECT_EQ(rig.state_of("c1"), "issued");
  rig.delivery("pump", at, "sent");
  rig.settle();
  EXPECT_EQ(rig.state_of("c1"), "issued") << "sent is not shown";
  rig.delivery("pump", at, "received");
  rig.delivery("pump", at, "delivered");
  rig.ack("pump", "c1", "accepted");
  rig.ack("pump", "c1", "done", "valve at 40 %");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "delivered accepted done");
  const auto item = json::parse(rig.tracker->command("c1").value());
  EXPECT_EQ(item["command"], "stop");
  EXPECT_EQ(item["state"], "done");
  ASSERT_EQ(item["states"].size(), 4U);
  EXPECT_EQ(item["states"][0]["state"], "issued");
  EXPECT_EQ(item["states"][3]["detail"], "valve at 40 %");
  EXPECT_EQ(item["states"][3]["at"], "2026-05-01T00:00:00.000Z");
  EXPECT_EQ(rig.tracker->counts().open, 0U);
}

TEST(Tracker, AnAcknowledgementMayOvertakeThePubcomp) {
  Rig rig;
  const auto at = rig.command("pump", "c1");
  rig.delivery("pump", at, "sent");
  rig.ack("pump", "c1", "accepted");
  rig.delivery("pump", at, "delivered");
  rig.ack("pump", "c1", "done");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "accepted done");
}

TEST(Tracker, OnlyTheDevicesOwnSessionDecides) {
  Rig rig;
  const auto at = rig.command("pump", "c1");
  rig.delivery("recorder", at, "sent");
  rig.delivery("recorder", at, "delivered");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "");
  rig.tick(31s);
  EXPECT_EQ(rig.fates_of("c1"), "expired");
}

TEST(Tracker, ExpiresAtNotAfterAndNotBefore) {
  Rig rig;
  rig.command("pump", "c1");
  rig.settle();
  rig.tick(30s + grace - 1ms);
  EXPECT_EQ(rig.fates_of("c1"), "");
  rig.tick(1ms);
  EXPECT_EQ(rig.fates_of("c1"), "expired");
  EXPECT_EQ(rig.state_of("c1"), "issued") << "shown only when it is on disk";
  rig.settle();
  EXPECT_EQ(rig.state_of("c1"), "expired");
}

TEST(Tracker, SentAndNotConfirmedIsUnknown) {
  Rig rig;
  rig.delivery("pump", rig.command("pump", "late"), "sent");
  const auto lost = rig.command("pump", "lost");
  rig.delivery("pump", lost, "sent");
  rig.delivery("pump", lost, "lost");
  rig.settle();
  EXPECT_EQ(rig.fates_of("lost"), "unknown");
  rig.tick(31s);
  EXPECT_EQ(rig.fates_of("late"), "unknown");
  rig.delivery("pump", lost, "delivered");
  rig.ack("pump", "lost", "done");
  rig.settle();
  EXPECT_EQ(rig.fates_of("lost"), "unknown") << "a final state holds";
  EXPECT_EQ(rig.count("skerry_act_events_ignored_total", {{"event", "done"}}), 1U);
}

TEST(Tracker, DeliveredWithoutAnAnswerStaysDelivered) {
  Rig rig;
  const auto at = rig.command("pump", "c1");
  rig.delivery("pump", at, "sent");
  rig.delivery("pump", at, "delivered");
  rig.settle();
  rig.tick(1h);
  EXPECT_EQ(rig.fates_of("c1"), "delivered");
}

TEST(Tracker, TimeWaitsForWhatWasWrittenBeforeIt) {
  Rig rig;
  const auto at = rig.command("pump", "c1");
  rig.settle();
  rig.delivery("pump", at, "sent");  // in time, but the tracker has not read it
  rig.tick(31s);
  EXPECT_EQ(rig.fates_of("c1"), "");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "unknown") << "it was sent, so it must not be called expired";
}

TEST(Tracker, ACommandWithoutNotAfterNeverCountsAsExpired) {
  Rig rig;
  rig.put("commands/pump", R"({"command":"start"})");
  rig.settle();
  rig.tick(31s);
  const auto page = rig.tracker->commands({}).value();
  ASSERT_EQ(page.items.size(), 1U);
  const auto item = json::parse(page.items[0]);
  EXPECT_EQ(item["device_id"], "pump");
  EXPECT_EQ(rig.fates_of(item["command_id"].get<std::string>()), "unknown");
}

TEST(Tracker, BadAcknowledgementsAreCountedAndTouchNothing) {
  Rig rig;
  rig.command("pump", "c1");
  const std::pair<std::string, std::string> table[] = {
      {"not json", "not_json"},
      {"[1]", "not_json"},
      {R"({"command_id":"c1"})", "status"},
      {R"({"command_id":"c1","status":"great"})", "status"},
      {R"({"command_id":"c1","status":7})", "status"},
      {R"({"command_id":7,"status":"done"})", "field"},
      {R"({"status":"done"})", "field"},
      {R"({"command_id":"a/b","status":"done"})", "field"},
      {R"({"command_id":"nobody","status":"done"})", "unknown_command"},
      {"\"" + std::string(payload_bytes_max, 'x') + "\"", "too_long"},
      {std::string(5'000, '['), "too_long"},
  };
  std::map<std::string, std::uint64_t> want;
  for (const auto& [payload, reason] : table) {
    rig.put("commands/pump/ack", payload);
    ++want[reason];
  }
  rig.put("commands/other/ack", R"({"command_id":"c1","status":"done"})");
  want["wrong_device"] = 1;
  rig.settle();
  for (const auto& [reason, n] : want) {
    EXPECT_EQ(rig.count("skerry_act_acks_rejected_total", {{"reason", reason}}), n) << reason;
  }
  EXPECT_TRUE(rig.fates().empty());
  rig.ack("pump", "c1", "done");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "done");
}

TEST(Tracker, BadCommandsAreCountedAndOthersGoOn) {
  Rig rig;
  rig.put("commands/pump", "start!");
  rig.put("commands/pump", R"({"command_id":"x","device_id":"other","command":"stop"})");
  rig.put("commands/pump/a/b", "{}");
  rig.put("commands/pump", R"({"command":"stop","compensation":"none"})");
  rig.command("pump", "c1");
  rig.command("pump", "c1");
  rig.settle();
  EXPECT_EQ(rig.tracker->counts().commands, 1U);
  EXPECT_EQ(rig.count("skerry_act_commands_rejected_total", {{"reason", "not_json"}}), 1U);
  EXPECT_EQ(rig.count("skerry_act_commands_rejected_total", {{"reason", "wrong_device"}}), 1U);
  EXPECT_EQ(rig.count("skerry_act_commands_rejected_total", {{"reason", "field"}}), 1U);
  EXPECT_EQ(rig.count("skerry_act_commands_rejected_total", {{"reason", "duplicate_id"}}), 1U);
}

TEST(Tracker, AFailedCommandIsMadeUpForOnce) {
  Rig rig;
  rig.command("pump", "c1", R"(,"alert_id":"a1","compensation":{"command":"close","params":{"valve":3}})");
  rig.ack("pump", "c1", "failed", "stuck");
  rig.settle();
  rig.ack("pump", "c1", "failed", "stuck");
  rig.settle();
  rig.crash();
  rig.settle();
  const auto page = rig.tracker->commands({}).value();
  ASSERT_EQ(page.items.size(), 2U);
  const auto made = json::parse(page.items[0]);
  EXPECT_EQ(made["command"], "close");
  EXPECT_EQ(made["params"]["valve"], 3);
  EXPECT_EQ(made["compensates"], "c1");
  EXPECT_EQ(made["alert_id"], "a1");
  EXPECT_EQ(made["not_after"], "2026-05-01T00:00:30.000Z");
  rig.ack("pump", made["command_id"], "failed");
  rig.settle();
  EXPECT_EQ(rig.tracker->counts().commands, 2U) << "a compensation has none of its own";
}

TEST(Tracker, ALogThatPushesBackIsAskedAgain) {
  Rig rig;
  rig.command("pump", "c1");
  rig.ack("pump", "c1", "accepted");
  rig.ack("pump", "c1", "done");
  (void)rig.log.commit();
  rig.log.busy_next = 1;
  const auto refused = rig.tracker->step();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::busy);
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "accepted done");
}

TEST(Tracker, NothingIsWrittenTwiceAfterARestart) {
  Rig rig;
  rig.delivery("pump", rig.command("pump", "c1"), "sent");
  rig.ack("pump", "c1", "accepted");
  rig.command("pump", "c2");
  rig.settle();
  rig.tick(31s);
  rig.settle();
  const auto end = rig.log.end();
  rig.crash();
  rig.settle();
  rig.tick(31s);
  rig.settle();
  EXPECT_EQ(rig.log.end(), end);
  EXPECT_EQ(rig.state_of("c1"), "accepted");
  EXPECT_EQ(rig.state_of("c2"), "expired");
}

TEST(Tracker, AFateLostInACrashIsWrittenAgain) {
  Rig rig;
  rig.command("pump", "c1");
  rig.ack("pump", "c1", "done");
  (void)rig.log.commit();
  ASSERT_TRUE(rig.tracker->step());  // appends, and nobody commits
  EXPECT_EQ(rig.fates_of("c1"), "done");
  rig.crash();
  EXPECT_EQ(rig.fates_of("c1"), "");
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "done");
}

TEST(Tracker, AlertsAndCommandsAreCountedByBoundedLabels) {
  Rig rig;
  for (int i = 0; i < 40; ++i) rig.alert("t" + std::to_string(i), "a" + std::to_string(i), "type" + std::to_string(i));
  rig.command("pump", "c1");
  rig.settle();
  EXPECT_EQ(rig.count("skerry_alerts_total", {{"alert_type", "type0"}, {"severity", "high"}}), 1U);
  EXPECT_EQ(rig.count("skerry_alerts_total", {{"alert_type", "other"}, {"severity", "high"}}), 8U);
  EXPECT_EQ(rig.count("skerry_commands_total", {{"state", "issued"}}), 1U);
  EXPECT_EQ(rig.tracker->counts().alerts, 40U);
  EXPECT_EQ(rig.tracker->counts().open, 1U);
}

}  // namespace
}  // namespace skerry::act
