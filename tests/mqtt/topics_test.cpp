// The topic tree agrees with record::matches(), whatever comes and goes; windows and packet ids keep their books.
#include "mqtt/topics.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mqtt/state.hpp"
#include "sim/world.hpp"

namespace skerry::mqtt {
namespace {

std::string random_levels(sim::SeededChance& chance, bool wild) {
  static constexpr const char* levels[] = {"a", "b", "", "$x", "c"};
  std::string text;
  const auto count = 1 + chance.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i != 0) text += '/';
    if (wild && chance.one_in(4))
      text += '+';
    else if (wild && i + 1 == count && chance.one_in(3))
      text += '#';
    else
      text += levels[chance.below(5)];
  }
  return text.empty() ? "a" : text;
}

TEST(TopicTree, MatchesAsTheFiltersSay) {
  for (const auto seed : sim::seeds(200)) {
    sim::SeededChance chance(seed);
    TopicTree tree;
    std::vector<std::pair<std::string, const Entry*>> filters;
    for (int i = 0; i < 60; ++i) {
      const auto* const who = reinterpret_cast<const Entry*>(0x1000 + 16 * chance.below(5));  // only a name here
      const auto filter = random_levels(chance, true);
      const std::pair entry{filter, who};
      const auto found = std::ranges::find(filters, entry);
      if (chance.one_in(3) && !filters.empty()) {
        const auto gone = filters[chance.below(filters.size())];
        EXPECT_TRUE(tree.remove(gone.first, gone.second));
        EXPECT_FALSE(tree.remove(gone.first, gone.second));
        std::erase(filters, gone);
      } else {
        EXPECT_EQ(tree.put(filter, {const_cast<Entry*>(who)}), found == filters.end());
        if (found == filters.end()) filters.push_back(entry);
      }
      EXPECT_EQ(tree.size(), filters.size());
      const auto topic = random_levels(chance, false);
      std::vector<const Subscriber*> got;
      tree.match(topic, got);
      const auto expected =
          std::ranges::count_if(filters, [&](const auto& f) { return record::matches(f.first, topic); });
      EXPECT_EQ(static_cast<std::ptrdiff_t>(got.size()), expected) << "seed " << seed << " " << topic;
    }
  }
}

TEST(RetainedIndex, FindsWhatTheFilterMatches) {
  for (const auto seed : sim::seeds(200)) {
    sim::SeededChance chance(seed);
    RetainedIndex index;
    std::map<std::string, std::uint64_t> model;
    for (std::uint64_t i = 1; i < 40; ++i) {
      const auto topic = random_levels(chance, false);
      if (chance.one_in(4)) {
        index.clear(topic);
        model.erase(topic);
      } else {
        index.put(topic, {i});
        model[topic] = i;
      }
      const auto filter = random_levels(chance, true);
      std::vector<record::Position> got;
      index.match(filter, got);
      std::vector<record::Position> expected;
      for (const auto& [t, p] : model) {
        if (record::matches(filter, t)) expected.push_back({p});
      }
      EXPECT_EQ(got, expected) << "seed " << seed << " " << filter;
    }
  }
}

TEST(Window, IdsAreFreeAndFinishInAnyOrder) {
  for (const auto seed : sim::seeds(20)) {
    sim::SeededChance chance(seed);
    Window window;
    std::vector<std::uint16_t> open;
    for (int i = 0; i < 3000; ++i) {
      if (open.size() < 200 && chance.below(100) < 52) {
        const auto id = window.next_packet_id();
        ASSERT_NE(id, 0);
        ASSERT_EQ(std::ranges::find(open, id), open.end());
        window.put({.position = {static_cast<std::uint64_t>(i)}, .packet_id = id});
        open.push_back(id);
      } else if (!open.empty()) {
        const auto at = chance.one_in(2) ? 0 : chance.below(open.size());
        auto* const entry = window.find(open[at]);
        ASSERT_NE(entry, nullptr);
        window.finish(*entry);
        ASSERT_EQ(window.find(open[at]), nullptr);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
      }
      ASSERT_EQ(window.active(), open.size());
    }
  }
}

TEST(PacketIds, FewAndMany) {
  PacketIds ids;
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i <= 500; ++i) EXPECT_TRUE(ids.insert(static_cast<std::uint16_t>(i * 131)));
    EXPECT_FALSE(ids.insert(131));
    EXPECT_EQ(ids.size(), 500U);
    EXPECT_EQ(ids.all().size(), 500U);
    for (int i = 1; i <= 500; ++i) EXPECT_TRUE(ids.erase(static_cast<std::uint16_t>(i * 131)));
    EXPECT_FALSE(ids.erase(131));
    EXPECT_EQ(ids.size(), 0U);
  }
}

TEST(State, ComesBackFromItsBytes) {
  State state;
  state.client_id = "d1";
  state.expiry_s = 77;
  state.subscriptions.push_back({"a/#", 3, 2, true, false, {9}});
  state.window.put({.position = {5}, .packet_id = 4, .qos = 2, .phase = Phase::received, .retain = true, .told = true});
  state.inbound.insert(12);
  state.qos2_from = {6};
  state.retained = {Position{1}, Position{2}};
  Buffer bytes;
  encode(bytes, state, {8});
  Reader in(bytes);
  const auto got = decode_state(in);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->client_id, "d1");
  EXPECT_EQ(got->next, Position{8});
  EXPECT_EQ(got->subscriptions.at(0).filter, "a/#");
  EXPECT_EQ(got->subscriptions.at(0).since, Position{9});
  EXPECT_TRUE(got->inbound.contains(12));
  Buffer again;
  encode(again, *got, got->next);
  EXPECT_EQ(as_text(bytes), as_text(again));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Reader part(Bytes(bytes).first(cut));
    EXPECT_FALSE(decode_state(part)) << cut;
  }
}

}  // namespace
}  // namespace skerry::mqtt
