// How far a device is from its own past: usual traffic is not told, each kind of change is.
#include "identity/behaviour.hpp"

#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

using std::chrono::minutes;

// A device that sends every ten seconds, a little unevenly, from 8 to 18 o'clock.
struct Worker {
  Behaviour behaviour;
  Wall at = Wall(*parse_time("2027-03-01T00:00:00Z"));
  std::uint64_t chance = 7;

  int hour() const { return static_cast<int>(at.time_since_epoch() / hours{1} % 24); }
  std::size_t draw(std::size_t below) {
    chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(chance >> 33) % below;
  }
  void send(std::string_view topic, std::size_t bytes, int count = 1) {
    Traffic traffic;
    for (int i = 0; i < count; ++i) traffic.add(topic_number(topic), bytes);
    behaviour.sent("dev-1", traffic, at, hour());
  }
  double usual_minute() {
    double most = 0;
    for (int i = 0; i < 6; ++i) {
      if (draw(10) != 0) send("sensors/dev-1/data", 60 + draw(20));
      at += seconds{10};
      most = std::max(most, now().score);
    }
    return most;
  }
  double days(int count) {
    double most = 0;
    for (int i = 0; i < count * 24 * 60; ++i) {
      if (hour() >= 8 && hour() < 18)
        most = std::max(most, usual_minute());
      else
        at += minutes{1};
    }
    return most;
  }
  void to_hour(int wanted) {
    while (hour() != wanted) at += minutes{1};
  }
  Deviation now() const { return behaviour.of("dev-1", at); }
};

TEST(Behaviour, UsualTrafficNeverExceedsTheThreshold) {
  Worker worker;
  EXPECT_LE(worker.days(30), 0.5);
}

TEST(Behaviour, NothingIsUnusualOfADeviceNotKnownYet) {
  Worker worker;
  for (int i = 0; i < 60; ++i) EXPECT_EQ(worker.usual_minute(), 0);
  worker.send("elsewhere", 100'000, 5000);
  EXPECT_EQ(worker.now().score, 0);
  EXPECT_EQ(worker.behaviour.of("nobody", worker.at).score, 0);
}

TEST(Behaviour, ManyTimesTheRateIsUnusualAndSilenceIsNot) {
  Worker worker;
  worker.days(8);
  worker.to_hour(10);
  worker.at += minutes{20};
  EXPECT_EQ(worker.now().score, 0) << "silent";
  for (int i = 0; i < 10; ++i) worker.send("sensors/dev-1/data", 70, 60);
  EXPECT_GT(worker.now().rate, 0.9);
  EXPECT_GT(worker.now().score, 0.9);
  EXPECT_NE(worker.now().why().find("rate 1.00"), std::string::npos) << worker.now().why();
}

TEST(Behaviour, OtherSizesAndTopicsAreUnusual) {
  Worker worker;
  worker.days(8);
  worker.to_hour(10);
  for (int i = 0; i < 30; ++i) worker.send("sensors/dev-1/data", 700);
  EXPECT_GT(worker.now().size, 0.9);
  EXPECT_EQ(worker.now().topics, 0);
  worker.at += minutes{10};
  for (int i = 0; i < 30; ++i) worker.send(i % 4 == 0 ? "sensors/dev-1/data" : "factory/plc/write", 70);
  EXPECT_NEAR(worker.now().topics, 22 / 30.0, 0.001);
  EXPECT_GT(worker.now().score, 0.5);
}

TEST(Behaviour, AnUnusualHourAddsAndDoesNotDecide) {
  Worker worker;
  worker.days(9);
  worker.to_hour(3);
  for (int i = 0; i < 5; ++i) worker.usual_minute();
  EXPECT_EQ(worker.now().hours, 1);
  EXPECT_LE(worker.now().score, 0.5);
  for (int i = 0; i < 30; ++i) worker.send("sensors/dev-1/data", 140);
  EXPECT_GT(worker.now().score, 0.5) << "twice the size at three in the morning";
}

TEST(Behaviour, ALastingChangeIsUsualInTheEndAndAnHourOfItIsNot) {
  Worker worker;
  worker.days(8);
  worker.to_hour(9);
  const auto many = [&worker](int windows) {
    for (int i = 0; i < windows; ++i) {
      for (int k = 0; k < 10; ++k) worker.send("sensors/dev-1/data", 70, 40);
      worker.at += minutes{5};
    }
  };
  many(12);
  for (int k = 0; k < 10; ++k) worker.send("sensors/dev-1/data", 70, 40);
  EXPECT_GT(worker.now().score, 0.5);
  for (int day = 0; day < 30; ++day) {
    many(100);
    worker.at += hours{15};
    worker.to_hour(9);
  }
  many(2);
  EXPECT_LE(worker.now().score, 0.5);
}

TEST(Behaviour, WhatWasSavedGoesOnTheSame) {
  Worker worker;
  worker.days(9);
  worker.to_hour(10);
  Behaviour again;
  EXPECT_EQ(again.load(worker.behaviour.save()), 0U);
  Traffic traffic;
  for (int i = 0; i < 400; ++i) traffic.add(topic_number("x"), 300);
  for (auto* one : {&worker.behaviour, &again}) one->sent("dev-1", traffic, worker.at, 10);
  EXPECT_NEAR(again.of("dev-1", worker.at).score, worker.now().score, 0.01);
  EXPECT_GT(worker.now().score, 0.9);
  EXPECT_EQ(again.load("dev-2 1 2 3\n\xff\xfe nan\n"), 2U);
  EXPECT_EQ(again.devices(), 1U);
}

// ---- in the risk of a session ----

void live(Rig& rig, const Caller& caller, int windows, std::uint32_t messages) {
  for (int i = 0; i < windows; ++i) {
    Traffic traffic;
    for (std::uint32_t k = 0; k < messages; ++k) traffic.add(topic_number("sensors/dev-1/data"), 64);
    rig.identity->sent(caller, traffic);
    rig.clock.pass(seconds{300});
  }
}

TEST(Behaviour, ASessionIsOpenedWithItAndFallsWhileItLasts) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto caller = *rig.show(rig.enrolled("dev-1", key).leaf);
  live(rig, caller, 40, 30);
  const auto before = rig.session("dev-1", key);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->access_level, "basic");
  auto by_token = *rig.identity->by_token(before->session_token, rig.from);
  EXPECT_TRUE(rig.identity->still(by_token));
  live(rig, caller, 1, 3000);
  ASSERT_TRUE(rig.identity->tick());
  EXPECT_FALSE(rig.identity->still(by_token)) << "what is open with the level before ends";
  by_token = *rig.identity->by_token(before->session_token, rig.from);
  EXPECT_EQ(by_token.level, "minimal");
  EXPECT_EQ(rig.identity->sessions().front().level, "minimal");
  EXPECT_NE(rig.journal().find("\"session_level\""), std::string::npos);
  const auto after = rig.session("dev-1", key);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->access_level, "minimal");
  ASSERT_EQ(after->risk.factors.size(), 1U);
  EXPECT_EQ(after->risk.factors[0].name, "behaviour");
  EXPECT_NE(after->risk.factors[0].why.find("rate"), std::string::npos);
  rig.open();
  EXPECT_EQ(rig.session("dev-1", key)->access_level, "basic") << "a restart knows the past, not the window that ran";
  live(rig, caller, 1, 3000);
  EXPECT_EQ(rig.session("dev-1", key)->access_level, "minimal");
}

}  // namespace
}  // namespace skerry::identity::test
