// Policy: the default, rules and denials, filters that could match more than is allowed, files with mistakes.
#include <gtest/gtest.h>

#include "identity/identity.hpp"

namespace skerry::test {
namespace {

using namespace skerry::identity;  // NOLINT

bool may(const Policy& policy, const Subject& who, Action action, std::string_view target) {
  return policy.decide(who, action, target).allowed;
}

const Subject press{"press-1", "press", "basic", "device"};

TEST(Policy, ADeviceSpeaksUnderItsOwnIdOnly) {
  const auto& p = Policy::standard();
  EXPECT_TRUE(may(p, press, Action::publish, "sensors/press-1/data"));
  EXPECT_TRUE(may(p, press, Action::publish, "devices/press-1/status"));
  EXPECT_TRUE(may(p, press, Action::publish, "commands/press-1/ack"));
  EXPECT_FALSE(may(p, press, Action::publish, "commands/press-1"));
  EXPECT_FALSE(may(p, press, Action::publish, "sensors/press-2/data"));
  EXPECT_FALSE(may(p, press, Action::publish, "alerts/press-1"));
  EXPECT_FALSE(may(p, press, Action::publish, "$skerry/x"));
  EXPECT_TRUE(may(p, press, Action::subscribe, "commands/press-1"));
  EXPECT_TRUE(may(p, press, Action::subscribe, "sensors/press-1/+"));
  for (const char* filter :
       {"#", "+/press-1", "commands/+", "commands/#", "sensors/+/data", "commands/press-2", "$SYS/#"})
    EXPECT_FALSE(may(p, press, Action::subscribe, filter)) << filter;
}

TEST(Policy, LevelsNarrow) {
  const auto& p = Policy::standard();
  auto who = press;
  who.level = "restricted";
  EXPECT_TRUE(may(p, who, Action::publish, "sensors/press-1/data"));
  EXPECT_TRUE(may(p, who, Action::subscribe, "commands/press-1"));
  EXPECT_FALSE(may(p, who, Action::subscribe, "sensors/press-1/data"));
  who.level = "minimal";
  EXPECT_TRUE(may(p, who, Action::publish, "devices/press-1/status"));
  EXPECT_FALSE(may(p, who, Action::publish, "sensors/press-1/data"));
  EXPECT_FALSE(may(p, who, Action::subscribe, "commands/press-1"));
  EXPECT_TRUE(may(p, {"ann", "", "operator", "operator"}, Action::publish, "commands/press-1"));
}

TEST(Policy, AnIdNeverWidensARight) {
  const auto& p = Policy::standard();
  for (const char* id : {"+", "#", "a/b", ""}) {
    const Subject who{id, "", "basic", "device"};
    EXPECT_FALSE(may(p, who, Action::publish, "sensors/x/data")) << id;
    EXPECT_FALSE(may(p, who, Action::subscribe, "commands/+")) << id;
  }
}

TEST(Policy, DenialWinsAndCoversFiltersThatCouldMatchIt) {
  const auto p = *Policy::parse(R"(
rules:
  - {name: all, subscribe: ["#"], publish: ["plant/#"]}
  - {name: not-secret, deny: {subscribe: ["plant/secret"], publish: ["plant/secret"]}}
)");
  EXPECT_TRUE(may(p, press, Action::subscribe, "plant/a"));
  EXPECT_FALSE(may(p, press, Action::subscribe, "plant/secret"));
  EXPECT_FALSE(may(p, press, Action::subscribe, "plant/+"));
  EXPECT_FALSE(may(p, press, Action::subscribe, "#"));
  EXPECT_EQ(p.decide(press, Action::publish, "plant/secret").rule, "not-secret");
}

TEST(Policy, RulesByTypeAndPattern) {
  const auto p = *Policy::parse(R"(
rules:
  - {for: {id: "press-*", type: [press]}, publish: "line/{type}/{id}"}
)");
  EXPECT_TRUE(may(p, press, Action::publish, "line/press/press-1"));
  EXPECT_FALSE(may(p, {"saw-1", "press", "basic", "device"}, Action::publish, "line/press/saw-1"));
  EXPECT_FALSE(may(p, {"press-1", "saw", "basic", "device"}, Action::publish, "line/saw/press-1"));
}

TEST(Policy, Covers) {
  EXPECT_TRUE(covers("a/#", "a/b/+"));
  EXPECT_TRUE(covers("a/#", "a/#"));
  EXPECT_TRUE(covers("a/#", "a"));
  EXPECT_TRUE(covers("+/b", "a/b"));
  EXPECT_TRUE(covers("+/b", "+/b"));
  EXPECT_FALSE(covers("a/b", "+/b"));
  EXPECT_FALSE(covers("a/+", "a/#"));
  EXPECT_FALSE(covers("a/+", "a/b/c"));
  EXPECT_FALSE(covers("#", "$SYS/a"));
}

TEST(Policy, ErrorsNameTheLine) {
  const auto where = [](const char* text) {
    const auto parsed = Policy::parse(text);
    return parsed ? std::string("taken") : parsed.error().where;
  };
  EXPECT_EQ(where("rules:\n  - {name: a, publsh: x}\n"), "line 2");
  EXPECT_EQ(where("rules:\n  - {publish: [\"a/#/b\"]}\n"), "line 2");
  EXPECT_EQ(where("rules: 3\n"), "line 1");
  EXPECT_EQ(where("rules: []\ntests:\n  - {id: a, allowed: true}\n"), "line 3");
  EXPECT_EQ(where("rules: [}\n"), "line 1");
  EXPECT_NE(where(""), "taken");
  EXPECT_NE(where("a: &a [x,x]\nrules: [*a,*a]\n"), "taken");
}

TEST(Policy, TheDefaultsOwnTestsPass) {
  const auto& p = Policy::standard();
  EXPECT_GE(p.cases().size(), 4U);
  for (const auto& each : p.cases())
    EXPECT_EQ(p.decide(each.subject, each.action, each.target).allowed, each.allowed) << each.line;
}

TEST(Networks, AreCompared) {
  EXPECT_TRUE(in_network("10.1.2.3", "10.0.0.0/8"));
  EXPECT_FALSE(in_network("11.1.2.3", "10.0.0.0/8"));
  EXPECT_TRUE(in_network("10.1.2.3", "10.1.2.3"));
  EXPECT_TRUE(in_network("fe80::1", "fe80::/10"));
  EXPECT_FALSE(in_network("10.1.2.3", "::/0"));
  EXPECT_FALSE(in_network("10.1.2.3", "10.0.0.0/99"));
  EXPECT_FALSE(in_network("rubbish", "10.0.0.0/8"));
}

}  // namespace
}  // namespace skerry::test
