// Joins: commutative, associative, idempotent; who wins; conflicts and their reversal; bad input.
#include "twin/state.hpp"

#include <gtest/gtest.h>

#include "base/chance.hpp"
#include "twin/limits.hpp"
#include "twin/twin.hpp"

namespace skerry::twin {
namespace {

Rule by_time(std::string_view) { return Rule::timestamp_based; }

Patch patch(std::string_view json) {
  auto read = parse_patch(as_bytes(json));
  EXPECT_TRUE(read) << read.error().text();
  return read ? *read : Patch{};
}

void write(State& state, Side side, std::uint64_t at, std::string_view json, Rule rule = Rule::timestamp_based) {
  const auto delta = state.desire(patch(json), {side, {at}, "test"}, [rule](auto) { return rule; });
  ASSERT_TRUE(delta) << delta.error().text();
  state.join(*delta);
}

Write random_write(Chance& chance) {
  static constexpr std::array values{"", "1", "2", "\"on\"", "[3]"};
  return {.value = values[chance.below(5)],
          .at = {chance.below(6)},
          .seen = {chance.below(6)},
          .order = chance.below(2),
          .rule = static_cast<Rule>(chance.below(5))};
}

State random_state(Chance& chance) {
  State state;
  for (const auto* field : {"a", "b", "c"}) {
    if (chance.below(3) > 0) state.desired[field] = {random_write(chance), random_write(chance)};
    if (chance.below(3) > 0) state.reported[field] = random_write(chance);
  }
  for (auto left = chance.below(10); left > 0; --left) {
    Conflict conflict{"a", {random_write(chance), random_write(chance)}, {chance.below(3)}};
    conflict.writes.edge.at = {1 + chance.below(9)};
    conflict.writes.cloud.at = {1 + chance.below(9)};
    state.conflicts.emplace(conflict.id(), conflict);
    while (state.conflicts.size() > conflicts_max) state.conflicts.erase(state.conflicts.begin());
  }
  return state;
}

State joined(State a, const State& b) {
  a.join(b);
  return a;
}

TEST(State, JoiningIsCommutativeAssociativeAndIdempotent) {
  SeededChance chance{1};
  for (int round = 0; round < 20'000; ++round) {
    const auto a = random_state(chance);
    const auto b = random_state(chance);
    const auto c = random_state(chance);
    ASSERT_EQ(joined(a, b), joined(b, a)) << round;
    ASSERT_EQ(joined(joined(a, b), c), joined(a, joined(b, c))) << round;
    ASSERT_EQ(joined(joined(a, b), b), joined(a, b)) << round;
    auto again = joined(a, b);
    ASSERT_FALSE(again.join(b)) << "what is known brings nothing new";
    ASSERT_FALSE(again.join(a));
  }
}

TEST(State, AWriteThatKnewTheOtherWinsWhateverTheClocksAndRulesSay) {
  for (const auto rule : {Rule::timestamp_based, Rule::edge_wins, Rule::cloud_wins, Rule::max, Rule::min}) {
    State state;
    write(state, Side::edge, 900, R"({"x":1})", rule);
    write(state, Side::cloud, 5, R"({"x":5})", rule);  // its clock is far behind
    EXPECT_EQ(desired_json(state), R"({"x":5})") << name(rule);
    write(state, Side::edge, 6, R"({"x":3})", rule);
    EXPECT_EQ(desired_json(state), R"({"x":3})") << name(rule);
    EXPECT_FALSE(state.note_conflicts());
  }
}

TEST(State, ApartTheRuleDecides) {
  const auto outcome = [](Rule rule, std::string_view edge, std::uint64_t edge_at, std::string_view cloud,
                          std::uint64_t cloud_at) {
    State a;
    State b;
    write(a, Side::edge, edge_at, edge, rule);
    write(b, Side::cloud, cloud_at, cloud);
    a.join(b);
    a.note_conflicts();
    return desired_json(a);
  };
  const auto* const five = R"({"x":5})";
  const auto* const seven = R"({"x":7})";
  const auto* const none = R"({"x":null})";
  EXPECT_EQ(outcome(Rule::timestamp_based, five, 2, seven, 1), five);
  EXPECT_EQ(outcome(Rule::timestamp_based, five, 1, seven, 2), seven);
  EXPECT_EQ(outcome(Rule::timestamp_based, five, 1, seven, 1), seven) << "the cloud, where times are equal";
  EXPECT_EQ(outcome(Rule::timestamp_based, five, 1, none, 2), "{}") << "a tombstone is a write";
  EXPECT_EQ(outcome(Rule::edge_wins, five, 1, seven, 2), five);
  EXPECT_EQ(outcome(Rule::cloud_wins, five, 2, seven, 1), seven);
  EXPECT_EQ(outcome(Rule::max, five, 2, seven, 1), seven);
  EXPECT_EQ(outcome(Rule::min, five, 1, seven, 2), five);
  EXPECT_EQ(outcome(Rule::max, R"({"x":"text"})", 2, seven, 1), seven) << "a number goes before what is none";
  EXPECT_EQ(outcome(Rule::max, five, 1, none, 2), five);
  EXPECT_EQ(outcome(Rule::max, R"({"x":"b"})", 2, R"({"x":"a"})", 1), R"({"x":"b"})") << "no numbers: by time";
}

TEST(State, AConflictKeepsBothValuesAndIsReversible) {
  State a;
  State b;
  write(a, Side::edge, 10, R"({"x":1,"same":true})");
  write(b, Side::cloud, 20, R"({"x":2,"same":true})");
  a.join(b);
  EXPECT_TRUE(a.note_conflicts());
  EXPECT_FALSE(a.note_conflicts()) << "once";
  ASSERT_EQ(a.conflicts.size(), 1U) << "the same value on both sides is none";
  const auto id = a.conflicts.begin()->first;
  EXPECT_EQ(desired_json(a), R"({"same":true,"x":2})");
  const auto delta = a.reverse(id, {Side::cloud, {30}, "ann"}, Rule::timestamp_based);
  ASSERT_TRUE(delta);
  a.join(*delta);
  EXPECT_EQ(desired_json(a), R"({"same":true,"x":1})");
  EXPECT_EQ(a.conflicts.begin()->second.reversed.value, 30U);
  EXPECT_FALSE(a.note_conflicts()) << "it had seen both";
  EXPECT_EQ(a.reverse(id, {Side::cloud, {31}, "ann"}, Rule::timestamp_based).error().code, Code::exists);
  EXPECT_EQ(a.reverse("other", {Side::cloud, {31}, "ann"}, Rule::timestamp_based).error().code, Code::not_found);
}

// apache/pouchdb#6666, #9075: what was deleted comes back when a side that had not heard of it says the old once more.
TEST(State, pouchdb_6666_9075_what_was_deleted_does_not_come_back) {
  State edge;
  write(edge, Side::edge, 10, R"({"x":1})");
  State cloud = edge;
  const State old = cloud;
  write(edge, Side::edge, 20, R"({"x":null})");
  cloud.join(edge);
  for (int i = 0; i < 3; ++i) cloud.join(old);
  EXPECT_EQ(desired_json(cloud), "{}");
  EXPECT_EQ(cloud, edge);
}

// aws-greengrass-shadow-manager#98: a field made anew is deleted again by the tombstone of before.
TEST(State, shadow_manager_98_what_is_made_anew_stays) {
  State edge;
  write(edge, Side::edge, 10, R"({"x":1})");
  write(edge, Side::edge, 20, R"({"x":null})");
  const State deleted = edge;
  write(edge, Side::edge, 15, R"({"x":2})");  // its clock went back
  edge.join(deleted);
  EXPECT_EQ(desired_json(edge), R"({"x":2})");
}

// #175: both sides send each other what they merged, for ever. #121: the merge goes by arrival, not by time.
TEST(State, shadow_manager_175_121_two_exchanges_and_both_are_still) {
  State edge;
  State cloud;
  write(cloud, Side::cloud, 20, R"({"x":"new"})");
  write(edge, Side::edge, 10, R"({"x":"old"})");
  edge.join(cloud);
  edge.note_conflicts();
  cloud.join(edge);
  EXPECT_FALSE(cloud.note_conflicts());
  EXPECT_FALSE(edge.join(cloud));
  EXPECT_EQ(encode(edge), encode(cloud));
  EXPECT_EQ(desired_json(edge), R"({"x":"new"})") << "what was written later, though it came first";
}

TEST(State, WhatIsTooMuchIsRefused) {
  State state;
  std::string big = "{";
  for (int i = 0; i < 6; ++i) big += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"" + std::string(1'900, 'x') + "\"";
  const auto much = state.desire(patch(big + "}"), {Side::edge, {1}, ""}, by_time);
  EXPECT_EQ(much.error().code, Code::full);
  for (int i = 0; i < 300; ++i) {
    const auto delta = state.desire({{"f" + std::to_string(i), ""}}, {Side::edge, {1}, ""}, by_time);
    if (i >= static_cast<int>(fields_max)) {
      ASSERT_EQ(delta.error().code, Code::full) << i;
    }
    if (delta) state.join(*delta);
  }
  const auto why = [](std::string_view json) { return parse_patch(as_bytes(json)).error().text(); };
  EXPECT_NE(why("[1]").find("must be an object"), std::string::npos);
  EXPECT_NE(why("{").find("is no JSON"), std::string::npos);
  EXPECT_NE(why(R"({"a/b":1})").find("a/b: is no name of a field"), std::string::npos);
  EXPECT_NE(why("{\"x\":\"" + std::string(3'000, 'x') + "\"}").find("x: is longer than"), std::string::npos);
}

TEST(State, TextIsReadBackAndHostileTextIsAnError) {
  SeededChance chance{2};
  for (int round = 0; round < 2'000; ++round) {
    State state;
    for (int i = 0; i < 4; ++i) {
      const auto side = chance.below(2) == 0 ? Side::edge : Side::cloud;
      State other = state;
      write(other, side, 1 + chance.below(1'000'000), R"({"a":1.5e3,"b":{"c":["ä\n",null,true]},"d":null})");
      if (chance.below(2) == 0) state.join(other);
    }
    state.join(report({{"t", "21.50"}, {"u", ""}}, {chance.below(99) + 1}, chance.below(99), "t1"));
    state.note_conflicts();
    const auto text = encode(state);
    const auto back = decode(as_bytes(text));
    ASSERT_TRUE(back) << back.error().text();
    ASSERT_EQ(encode(*back), text);
    auto broken = text;
    for (int i = 0; i < 3; ++i) broken[chance.below(broken.size())] = static_cast<char>(' ' + chance.below(94));
    if (const auto any = decode(as_bytes(broken))) (void)document(*any);
  }
  for (const auto* text :
       {"[]", "{\"desired\":1}", R"({"desired":{"x":{"e":{"at":-1}}}})", R"({"desired":{"a/b":{"e":{"at":1}}}})",
        R"({"reported":{"x":{}}})", R"({"conflicts":{"x":{"id":{"e":{"at":1},"c":{"at":2}}}}})"})
    EXPECT_FALSE(decode(as_bytes(std::string_view(text)))) << text;
}

TEST(State, RulesByDeviceAndField) {
  const auto rules = Rules::of({{"+/limit", "min"}, {"oven/#", "edge_wins"}}, "cloud_wins");
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->of("t1", "limit"), Rule::min);
  EXPECT_EQ(rules->of("oven", "mode"), Rule::edge_wins);
  EXPECT_EQ(rules->of("t1", "mode"), Rule::cloud_wins);
  EXPECT_NE(Rules::of({{"+/limit", "best"}}, "max").error().text().find("+/limit: is \"best\""), std::string::npos);
}

TEST(State, HasRoomForNoMoreThanATwinMayBe) {
  const auto reported = [](int from, int to) {
    Patch all;
    for (int i = from; i < to; ++i) all["r" + std::to_string(i)] = "1";
    return report(all, {7}, 1, "d");
  };
  State state;
  state.join(reported(0, 200));
  EXPECT_TRUE(state.has_room_for(reported(0, 256)));  // those that it has already do not count twice
  EXPECT_FALSE(state.has_room_for(reported(200, 257)));
  const auto desired = [](int from, int to, std::size_t bytes, Side side) {
    State delta;
    for (int i = from; i < to; ++i) {
      auto& field = delta.desired["f" + std::to_string(i)];
      (side == Side::edge ? field.edge : field.cloud) = {.value = std::string(bytes, '1'), .at = {9}};
    }
    return delta;
  };
  state.join(desired(0, 256, 1, Side::edge));
  EXPECT_TRUE(state.has_room_for(desired(256, 512, 1, Side::cloud)));
  EXPECT_FALSE(state.has_room_for(desired(256, 513, 1, Side::cloud)));
  State full;
  full.join(desired(0, 9, 2'000, Side::edge));
  EXPECT_TRUE(full.has_room_for(desired(0, 9, 2'000, Side::edge)));
  EXPECT_TRUE(full.has_room_for(desired(0, 9, 2'000, Side::cloud)));
  EXPECT_FALSE(full.has_room_for(desired(9, 11, 2'000, Side::edge)));
}

}  // namespace
}  // namespace skerry::twin
