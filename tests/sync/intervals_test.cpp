// Applied stretches: merging, what may come next, and never more than eight.
#include <gtest/gtest.h>

#include "sync/frames.hpp"

namespace skerry::sync {
namespace {

TEST(Intervals, stretches_that_meet_become_one) {
  Intervals applied;
  applied.add({0, 10, 5});
  applied.add({20, 30, 6});
  EXPECT_EQ(applied.prefix_end(), 10U);
  EXPECT_EQ(applied.holes(), (std::vector<Interval>{{10, 20, 0}}));
  applied.add({10, 20, 7});
  EXPECT_EQ(applied.all(), (std::vector<Interval>{{0, 30, 6}}));
  EXPECT_EQ(applied.count(), 30U);
}

TEST(Intervals, repeated_and_overlapping_counts_once) {
  Intervals applied;
  applied.add({0, 10, 5});
  EXPECT_TRUE(applied.accepts(Lane::live, 5, 15));
  EXPECT_EQ(applied.missing(5, 15), (std::vector<Interval>{{10, 15, 0}}));
  applied.add({5, 15, 6});
  EXPECT_EQ(applied.all(), (std::vector<Interval>{{0, 15, 6}}));
  EXPECT_TRUE(applied.accepts(Lane::backlog, 3, 9));
  EXPECT_TRUE(applied.missing(3, 9).empty());
}

TEST(Intervals, only_live_opens_a_stretch_and_only_behind_all) {
  Intervals applied;
  applied.add({0, 10, 1});
  EXPECT_FALSE(applied.accepts(Lane::backlog, 50, 60));
  EXPECT_TRUE(applied.accepts(Lane::live, 50, 60));
  applied.add({50, 60, 2});
  EXPECT_FALSE(applied.accepts(Lane::live, 30, 35));
  EXPECT_FALSE(applied.accepts(Lane::live, 7, 7));
}

TEST(Intervals, at_most_eight_and_a_place_for_the_first) {
  Intervals applied(100);
  EXPECT_FALSE(applied.accepts(Lane::live, 50, 120));
  for (std::uint64_t at = 200; applied.accepts(Lane::live, at, at + 10); at += 100) applied.add({at, at + 10, 1});
  EXPECT_EQ(applied.all().size(), intervals_max - 1);  // base's own place is kept
  EXPECT_TRUE(applied.accepts(Lane::backlog, 100, 110));
  applied.add({100, 110, 1});
  EXPECT_EQ(applied.all().size(), intervals_max);
  EXPECT_FALSE(applied.may_open());
  EXPECT_TRUE(applied.accepts(Lane::live, applied.end(), applied.end() + 5));
}

TEST(Intervals, out_of_order_is_damage) {
  EXPECT_FALSE(Intervals::of(0, {{5, 5, 0}}));
  EXPECT_FALSE(Intervals::of(9, {{5, 10, 0}}));
  EXPECT_FALSE(Intervals::of(0, {{0, 10, 0}, {5, 20, 0}}));
  EXPECT_FALSE(Intervals::of(0, {{0, 10, 0}, {10, 20, 0}}));
  EXPECT_TRUE(Intervals::of(3, {{3, 10, 0}, {11, 20, 0}}));
}

TEST(Frames, read_back_as_they_were_written) {
  Intervals applied(3);
  applied.add({3, 9, 0});
  applied.add({20, 25, 0});
  const auto block = as_bytes("block");
  const std::vector<Frame> all{
      Hello{.gateway = "gw", .software = "s", .epoch = 9, .bases = {1, 0, 0, 0}, .ends = {5, 0, 7, 0}},
      Welcome{.applied = {applied, {}, {}, {}}},
      Proof{.fingerprints = {std::vector<std::uint64_t>{1, 99}, {}, {}, {}}},
      Ready{},
      BatchFrame{Lane::backlog, Class::medium, 77, 3, 12345, block},
      GapFrame{Lane::live, Class::low, 5, 6, Reason::ttl, 88},
      Ack{.classes = 1, .applied = {applied, {}, {}, {}}},
      Credit{300},
      Ping{1},
      Pong{2},
      Refuse{Refusal::fenced, 60, "why"}};
  for (const auto& frame : all) {
    const auto bytes = encode(frame);
    const auto back = decode(bytes);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->index(), frame.index());
    EXPECT_EQ(encode(*back), bytes);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      if (std::holds_alternative<BatchFrame>(frame) && cut > bytes.size() - block.size()) continue;
      EXPECT_FALSE(decode(Bytes(bytes).first(cut))) << frame.index() << " cut at " << cut;
    }
  }
}

// docs/protocol.md shows these bytes.
TEST(Frames, bytes_of_the_specification) {
  const auto hex = [](const Buffer& bytes) {
    std::string text;
    for (const auto b : bytes) {
      constexpr std::string_view digits = "0123456789abcdef";
      text += digits[std::to_integer<unsigned>(b) >> 4];
      text += digits[std::to_integer<unsigned>(b) & 15];
    }
    return text;
  };
  Intervals applied;
  applied.add({0, 300, 0});
  applied.add({500, 510, 0});
  EXPECT_EQ(hex(encode(Ack{.classes = 4, .applied = {Intervals{}, Intervals{}, applied, Intervals{}}})),
            "0704000200ac02c8010a");
  EXPECT_EQ(hex(encode(GapFrame{Lane::backlog, Class::low, 300, 5, Reason::budget, 2})),
            "060103ac0205000200000000000000");
}

}  // namespace
}  // namespace skerry::sync
