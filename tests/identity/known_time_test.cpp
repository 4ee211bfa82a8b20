// The rule of known_time.hpp, a clock that ran far ahead, and ninety days alone in simulation.
#include "identity/known_time.hpp"

#include <random>

#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

using std::chrono::days;
using State = KnownTime::State;

const Wall bedrock = Wall(*parse_time("2026-01-01T00:00:00Z"));

struct Watched {
  KnownTime time{bedrock};
  Mono mono{};
  Wall see(Wall wall, std::chrono::seconds passed = seconds{1}, bool synchronised = false) {
    mono += passed;
    return time.now(wall, mono, synchronised);
  }
};

TEST(KnownTime, AClockThatGoesOnIsBelieved) {
  Watched w;
  auto wall = bedrock + days{10};
  for (int i = 0; i < 5; ++i, wall += hours{1}) EXPECT_EQ(w.see(wall, hours{1}), wall);
  EXPECT_EQ(w.time.state(), State::sure);
}

TEST(KnownTime, BehindTheFloorTimeGoesOnFromIt) {
  Watched w;
  w.time.raise(bedrock + days{100});
  EXPECT_EQ(w.see(Wall{}), bedrock + days{100});
  EXPECT_EQ(w.see(Wall{} + hours{5}, hours{5}), bedrock + days{100} + hours{5});
  EXPECT_EQ(w.time.state(), State::behind);
  EXPECT_EQ(w.see(bedrock + days{160}), bedrock + days{160}) << "it is set right: no leap ahead";
  EXPECT_EQ(w.time.state(), State::sure);
}

TEST(KnownTime, ALeapAheadIsNotBelievedUntilItIsSynchronisedOrBack) {
  Watched w;
  const auto start = bedrock + days{10};
  w.see(start);
  EXPECT_EQ(w.see(start + days{9000}, seconds{10}), start + seconds{10});
  EXPECT_EQ(w.time.state(), State::ahead);
  EXPECT_EQ(w.see(start + days{9000} + hours{1}, hours{1}), start + seconds{10} + hours{1});
  EXPECT_EQ(w.see(start + hours{1} + seconds{11}, seconds{1}), start + hours{1} + seconds{11});
  EXPECT_EQ(w.time.state(), State::sure);
  EXPECT_FALSE(w.time.lowered()) << "nothing late was written";
  w.see(start + days{3}, hours{1});
  EXPECT_EQ(w.time.state(), State::ahead);
  EXPECT_EQ(w.see(start + days{3}, seconds{0}, true), start + days{3});
  EXPECT_EQ(w.see(start + days{3} + hours{24}, seconds{1}), start + days{3} + hours{24})
      << "a day and a little is taken";
}

TEST(KnownTime, ASynchronisedClockLowersTheFloorButNotTheBedrock) {
  Watched w;
  w.time.raise(bedrock + days{9000});
  EXPECT_EQ(w.see(bedrock + days{5}), bedrock + days{9000});
  EXPECT_EQ(w.see(bedrock + days{5}, seconds{1}, true), bedrock + days{5});
  EXPECT_EQ(w.time.lowered(), bedrock + days{9000});
  EXPECT_FALSE(w.time.lowered());
  EXPECT_EQ(w.see(bedrock - days{5}, seconds{1}, true), bedrock + days{5} + seconds{1})
      << "before the bedrock it is not believed";
  EXPECT_EQ(w.time.state(), State::behind);
}

TEST(KnownTime, SetBackWhileItRunsIsMended) {
  Watched w;
  w.time.raise(bedrock + days{5});
  w.see(bedrock + days{9000});  // so it began
  EXPECT_EQ(w.see(bedrock + days{6}), bedrock + days{6});
  EXPECT_EQ(w.time.lowered(), bedrock + days{9000});
  EXPECT_EQ(w.see(bedrock + days{1}), bedrock + days{5} + seconds{1}) << "not behind what was known before";
  EXPECT_EQ(w.time.state(), State::behind);
}

// ---- in a gateway ----

TEST(Clock, WhatAClockThatRanAheadWroteNoLongerCountsWhenItIsSynchronised) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto known = rig.enrolled("dev-1", key);
  const auto truth = rig.clock.at;
  rig.identity.reset();
  rig.clock.at = truth + days{1700};  // a new issuer is due, then
  rig.open();
  const auto late = rig.enrolled("dev-2", *Key::make_p256());  // in the journal, and its certificate begins then
  rig.identity.reset();
  rig.clock.at = truth + days{1};
  rig.open();
  EXPECT_EQ(rig.show(known.leaf).error().reason, "certificate_expired") << "the fault";
  EXPECT_TRUE(rig.identity->clock_unsure());
  rig.clock.right = true;
  ASSERT_TRUE(rig.identity->tick());
  EXPECT_TRUE(rig.show(known.leaf));
  EXPECT_TRUE(rig.show(late.leaf)) << "nobody who is known is refused";
  EXPECT_FALSE(rig.identity->clock_unsure());
  EXPECT_NE(rig.journal().find(R"("what":"clock")"), std::string::npos);
  rig.clock.right = false;
  rig.open();
  rig.identity->raise_floor(truth + days{1700});  // the log's newest record is that late as well
  EXPECT_TRUE(rig.show(known.leaf)) << "it holds after a restart";
  EXPECT_TRUE(rig.show(late.leaf));
  Rig stranger({}, true);
  EXPECT_FALSE(rig.show(stranger.enrolled("dev-1", *Key::make_p256()).leaf));
  rig.clock.pass(days{400});
  EXPECT_EQ(rig.show(known.leaf).error().reason, "certificate_expired") << "expiry still counts";
}

TEST(Clock, AnOperatorsWordDoesTheSameAlsoBesideTheRunningGateway) {
  Rig rig;
  const auto known = rig.enrolled("dev-1", *Key::make_p256());
  const auto truth = rig.clock.at;
  rig.identity.reset();
  rig.clock.at = truth + days{9000};
  rig.open();
  EXPECT_EQ(rig.enrol("dev-2", *Key::make_p256(), rig.code()).error().reason, "authority_expired");
  rig.identity.reset();
  rig.clock.at = truth + days{2};
  rig.open();
  EXPECT_FALSE(rig.show(known.leaf));
  const auto other = rig.other();
  ASSERT_TRUE(other->trust_clock({.id = "ann", .role = Role::operator_}, {"local", "cli"}));
  EXPECT_TRUE(rig.show(known.leaf));
  EXPECT_EQ(rig.identity->clockwork().state, "sure");
  rig.clock.at = Wall{};
  EXPECT_EQ(rig.other()->trust_clock({.id = "ann", .role = Role::operator_}, {"local", "cli"}).error().reason,
            "clock_impossible");
}

TEST(Clock, TokensOfAClockThatRanAheadAreNotTaken) {
  Rig rig;
  const auto known = rig.enrolled("dev-1", *Key::make_p256());
  const auto truth = rig.clock.at;
  rig.identity.reset();
  rig.clock.at = truth + days{200};
  rig.open();
  const auto late = rig.identity->authenticate("dev-1", *rig.show(known.leaf), rig.from)->token;
  rig.clock.at = truth + hours{1};  // set back while it runs
  ASSERT_TRUE(rig.identity->tick());
  EXPECT_FALSE(rig.identity->by_token(late, rig.from));
  const auto now = rig.identity->authenticate("dev-1", *rig.show(known.leaf), rig.from)->token;
  EXPECT_TRUE(rig.identity->by_token(now, rig.from));
}

// Ninety days without a network: reboots, dead batteries, clocks set far ahead and right again. No device that is known
// and renews in time is refused, no stranger and nobody revoked is let in.
void ninety_days(unsigned seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto one_in = [&random](unsigned n) { return random() % n == 0; };
  Options options;
  options.pki.device_valid = days{30};
  Rig rig(options);
  auto known = rig.enrolled("dev-1", *Key::make_p256());
  const auto thief = rig.enrolled("dev-2", *Key::make_p256());
  ASSERT_TRUE(rig.identity->revoke("dev-2", "key_compromise", {.id = "ann", .role = Role::operator_}, rig.from));
  Rig elsewhere({}, true);
  const auto stranger = elsewhere.enrolled("dev-1", *Key::make_p256());
  auto truth = rig.clock.at;
  auto issued = truth;
  std::chrono::seconds error{0};  // of the clock
  bool believed_late = false;
  for (int day = 0; day < 90; ++day) {
    truth += days{1};
    rig.clock.ns += std::chrono::nanoseconds(days{1}).count();
    if (one_in(9)) error = one_in(2) ? std::chrono::floor<seconds>(Wall{} - truth) : seconds(days{1 + random() % 9000});
    if (one_in(4)) error = seconds{0};
    const bool reboots = one_in(3);
    // A clock that is wrong at the start and late stays so until it is mended by hand, which somebody does.
    rig.clock.at = std::max(truth + error, Wall{});
    if (reboots) rig.open();
    ASSERT_TRUE(rig.identity->tick());
    if (error == seconds{0} && rig.identity->clock_unsure()) {
      ASSERT_TRUE(rig.identity->trust_clock({.id = "ann", .role = Role::operator_}, rig.from));
    }
    // A clock that is late from the start is believed: nobody can know better, until it is right once.
    if (error > seconds{0} && !rig.identity->clock_unsure()) believed_late = true;
    if (error == seconds{0}) believed_late = false;
    if (believed_late) continue;
    ASSERT_TRUE(rig.show(known.leaf)) << "day " << day << (known.leaf.not_after() < truth ? ", expired" : "");
    EXPECT_FALSE(rig.show(stranger.leaf)) << day;
    EXPECT_FALSE(rig.show(thief.leaf)) << day;
    if (truth - issued > days{10}) {  // a third of its life
      const auto fresh =
          rig.identity->renew(*rig.show(known.leaf), *make_request_pem(*Key::make_p256(), "dev-1"), rig.from);
      ASSERT_TRUE(fresh) << fresh.error().what;
      known = *fresh;
      issued = truth;
    }
  }
}

TEST(Clock, NinetyDaysAloneInSimulation) {
  for (unsigned seed = 1; seed <= 3; ++seed) ninety_days(seed);
}

}  // namespace
}  // namespace skerry::identity::test
