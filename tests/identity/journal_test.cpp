// The audit journal: any change and any cut shows; a crash does not look like one; two processes share it.
#include <algorithm>

#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

struct Chain : ::testing::Test {
  Chain() {
    for (int i = 0; i < 5; ++i) rig.enrolled("dev-" + std::to_string(i), *Key::make_p256());
    rig.identity->refused({Kind::unauthenticated, "bad_credentials", "x"}, "someone", rig.from, "dev-1");
    EXPECT_TRUE(rig.identity->seal());
  }
  JournalReport verify() {
    std::vector<Key> keys;
    for (const auto& each : rig.identity->authorities()) keys.push_back(each.key());
    return *verify_journal(system_files(), pki_dir(rig.dir), keys);
  }
  void write(const std::string& text) {
    ASSERT_TRUE(replace_file(system_files(), pki_dir(rig.dir) + "/journal.ndjson", as_bytes(text)));
  }
  static std::size_t line(const std::string& text, int n) {
    std::size_t at = 0;
    while (n-- > 0) at = text.find('\n', at) + 1;
    return at;
  }
  Rig rig;
};

TEST_F(Chain, IsWhole) {
  const auto report = verify();
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  EXPECT_TRUE(report.sealed);
  EXPECT_EQ(report.entries, 16U);
  EXPECT_EQ(report.sealed_at, 16U);
}

TEST_F(Chain, EveryChangedByteShows) {
  const auto good = rig.journal();
  for (std::size_t at = 0; at < good.size(); at += 97) {
    auto bad = good;
    bad[at] = bad[at] == 'x' ? 'y' : 'x';
    write(bad);
    EXPECT_FALSE(verify().problems.empty()) << at;
  }
}

TEST_F(Chain, EveryMissingSwappedOrRepeatedLineShows) {
  const auto good = rig.journal();
  for (int n = 0; n < 16; ++n) {
    const auto from = line(good, n);
    const auto to = line(good, n + 1);
    write(good.substr(0, from) + good.substr(to));
    EXPECT_FALSE(verify().problems.empty()) << n;
    write(good.substr(0, to) + good.substr(from));
    EXPECT_FALSE(verify().problems.empty()) << n;
  }
}

TEST_F(Chain, EveryCutShows) {
  const auto good = rig.journal();
  for (int n = 0; n < 16; ++n) {
    write(good.substr(0, line(good, n)));
    const auto problems = verify().problems;
    ASSERT_FALSE(problems.empty()) << n;
    EXPECT_NE(problems.back().find("cut"), std::string::npos);
  }
  write(good);
  ASSERT_TRUE(system_files().remove(pki_dir(rig.dir) + "/journal.head"));
  EXPECT_FALSE(verify().problems.empty());
}

TEST_F(Chain, AHeadOfAnotherKeyShows) {
  Rig other({}, true);
  ASSERT_TRUE(other.identity->seal());
  const auto head = *read_file(system_files(), pki_dir(other.dir) + "/journal.head");
  ASSERT_TRUE(replace_file(system_files(), pki_dir(rig.dir) + "/journal.head", head));
  EXPECT_FALSE(verify().problems.empty());
}

TEST_F(Chain, AnUnfinishedLineOfACrashIsTakenAway) {
  const auto good = rig.journal();
  rig.identity.reset();
  write(good + R"({"n":16,"at":"20)");
  rig.open();
  rig.enrolled("dev-9", *Key::make_p256());
  ASSERT_TRUE(rig.identity->seal());
  EXPECT_TRUE(verify().problems.empty());
}

TEST_F(Chain, TwoProcessesShareIt) {
  const auto other = rig.other();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE((i % 2 == 0 ? *other : *rig.identity).make_codes(1, "", hours{1}));
  }
  ASSERT_TRUE(other->seal());
  const auto report = verify();
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.entries, 36U);
}

TEST_F(Chain, AStormOfRefusalsIsToldAsASum) {
  for (int i = 0; i < 5000; ++i) rig.identity->refused({Kind::unauthenticated, "r", "x"}, "x", rig.from, "");
  rig.clock.pass(seconds{61});
  rig.identity->refused({Kind::unauthenticated, "r", "x"}, "x", rig.from, "");
  const auto text = rig.journal();
  EXPECT_LT(std::count(text.begin(), text.end(), char(10)), 200);
  EXPECT_NE(text.find("refusals_left_out"), std::string::npos);
  EXPECT_EQ(rig.metrics.counter("skerry_identity_refusals_total", "", {{"door", "https"}, {"reason", "r"}}).value(),
            5001U);
}

TEST_F(Chain, WhatPeersSayIsKeptAsDataNotAsLines) {
  rig.identity->refused({Kind::unauthenticated, "r", "x"}, "a\n{\"n\":99}\xff\x00", rig.from, "b\"\\");
  ASSERT_TRUE(rig.identity->seal());
  EXPECT_TRUE(verify().problems.empty());
}

}  // namespace
}  // namespace skerry::identity::test
