// Commands that come from the cloud: taken once, never late, however often they come and whatever is forgotten.
#include "tests/act/rig.hpp"

namespace skerry::act {
namespace {

using namespace std::chrono_literals;
using test::json;
using test::Rig;
using Outcome = Tracker::Adopted::Outcome;

std::string payload(const Rig& rig, const std::string& id, std::chrono::milliseconds ttl = 30s,
                    const std::string& device = "pump") {
  return json{{"command_id", id},
              {"device_id", device},
              {"command", "stop"},
              {"not_after", format_rfc3339(to_event(rig.clock.now + ttl))}}
      .dump();
}

Outcome take(Rig& rig, const std::string& text) {
  const auto adopted = rig.tracker->adopt(text, rig.clock.now);
  EXPECT_TRUE(adopted) << adopted.error().text();
  return adopted ? adopted->outcome : Outcome::refused;
}

TEST(Adopt, TheSameCommandIsTakenOnce) {
  Rig rig;
  const auto text = payload(rig, "c1");
  const auto first = rig.tracker->adopt(text, rig.clock.now).value();
  const auto end = rig.log.end();
  EXPECT_EQ(first.end, end);
  EXPECT_EQ(rig.tracker->adopt(text, rig.clock.now).value().end, first.end) << "answered when it is on disk";
  rig.settle();
  EXPECT_EQ(take(rig, text), Outcome::taken);
  EXPECT_EQ(rig.log.end(), end);
  const auto record = rig.log.read({0}, {}).value().records().front();
  EXPECT_EQ(record.topic, "commands/pump");
  EXPECT_EQ(record.qos, 2);
  EXPECT_EQ(record.origin, adopted_origin);
  EXPECT_EQ(as_text(record.payload), text) << "byte for byte";
  EXPECT_EQ(record.expires_at, rig.clock.now + 30s);
}

TEST(Adopt, WhatACrashTookIsTakenAnewAndWhatItLeftIsNot) {
  Rig rig;
  const auto kept = payload(rig, "kept");
  const auto lost = payload(rig, "lost");
  take(rig, kept);
  rig.settle();
  take(rig, lost);
  rig.crash();
  EXPECT_EQ(rig.tracker->adopt(kept, rig.clock.now).error().code, Code::busy) << "what was here before is not read yet";
  rig.settle();
  EXPECT_EQ(take(rig, kept), Outcome::taken);
  EXPECT_EQ(take(rig, lost), Outcome::taken);
  rig.settle();
  EXPECT_EQ(rig.log.end(), record::Position{2});
}

// emsesp/EMS-ESP32#2179: old commands ran again after a restart.
TEST(Adopt, ems_esp32_2179_an_old_command_does_not_run_again_after_a_restart) {
  const test::TempFolder folder;
  Rig rig({.checkpoint_path = folder.path + "/act", .checkpoint_changes = 1});
  const auto text = payload(rig, "c1");
  take(rig, text);
  rig.settle();
  rig.ack("pump", "c1", "done");
  rig.settle();
  ASSERT_TRUE(rig.tracker->checkpoint());
  for (const auto later : {1s, 20s, 60s, 3600s}) {
    const auto end = rig.log.end();
    rig.tick(later);
    rig.crash();
    rig.settle();
    const auto outcome = take(rig, text);
    EXPECT_TRUE(outcome == Outcome::taken || outcome == Outcome::passed);
    EXPECT_EQ(rig.log.end(), end) << "nothing was issued";
    EXPECT_EQ(rig.state_of("c1"), "done");
  }
}

TEST(Adopt, AfterItsNotAfterItIsNotTaken) {
  Rig rig;
  const auto text = payload(rig, "c1", 1s);
  rig.clock.now += 1s;
  EXPECT_EQ(take(rig, text), Outcome::passed);
  EXPECT_EQ(rig.log.end(), record::Position{0});
}

TEST(Adopt, AnIdIsKnownUntilItsNotAfterWhateverLeavesMemory) {
  Rig rig({.commands_kept = 4});
  const auto text = payload(rig, "c1", 30s);
  take(rig, text);
  rig.settle();
  rig.ack("pump", "c1", "done");
  rig.settle();
  for (int i = 0; i < 50; ++i) {
    rig.ack("other", rig.command("other", "o" + std::to_string(i)).value == 0 ? "" : "o" + std::to_string(i), "done");
    rig.settle();
  }
  rig.put("$skerry/forget/pump", "{}", record::Kind::config);
  rig.settle();
  const auto end = rig.log.end();
  EXPECT_EQ(take(rig, text), Outcome::taken);
  EXPECT_EQ(rig.log.end(), end);
  rig.clock.now += 31s;
  rig.tick();
  for (int i = 0; i < 50; ++i) {
    rig.command("other", "p" + std::to_string(i));
    rig.settle();
    rig.ack("other", "p" + std::to_string(i), "done");
    rig.settle();
  }
  EXPECT_NE(take(rig, text), Outcome::passed) << "it may have been taken: nobody remembers, or it is still known";
  EXPECT_EQ(take(rig, payload(rig, "never", -1s)), Outcome::unknown);
}

TEST(Adopt, ItsTimeDoesNotGoBackWithTheClock) {
  Rig rig({.commands_kept = 2});
  const auto text = payload(rig, "c1", 10s);
  take(rig, text);
  rig.settle();
  rig.ack("pump", "c1", "done");
  rig.clock.now += 60s;
  for (int i = 0; i < 20; ++i) {
    rig.command("other", "o" + std::to_string(i));
    rig.settle();
    rig.ack("other", "o" + std::to_string(i), "done");
    rig.settle();
  }
  rig.clock.now -= 60s;
  const auto end = rig.log.end();
  EXPECT_EQ(take(rig, text), Outcome::unknown) << "it left memory, so its time is over, whatever the clock says";
  EXPECT_EQ(rig.log.end(), end);
}

TEST(Adopt, WhatIsNoCommandIsRefusedAndSaysWhy) {
  Rig rig;
  for (const auto* text :
       {"", "[]", R"({"command_id":"c","device_id":"d","command":"x"})",
        R"({"device_id":"d","command":"x","not_after":"2027-01-01T00:00:00Z"})",
        R"({"command_id":"c","device_id":"a/b","command":"x","not_after":"2027-01-01T00:00:00Z"})"}) {
    const auto adopted = rig.tracker->adopt(text, rig.clock.now).value();
    EXPECT_EQ(adopted.outcome, Outcome::refused) << text;
    EXPECT_FALSE(adopted.why.empty()) << text;
  }
  EXPECT_EQ(rig.log.end(), record::Position{0});
}

}  // namespace
}  // namespace skerry::act
