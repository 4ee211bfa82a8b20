// What a cloud has for a gateway: sent when it may be, taken in order, answered when it is on disk.
#include <gtest/gtest.h>

#include "tests/sync/rig.hpp"

namespace skerry::sync {
namespace {

using namespace rig;

class Pocket final : public Inbox {
 public:
  Result<Taking> take(const Item& item) override {
    if (busy) return fail(Code::busy, "not now");
    taken.push_back(item.id);
    return Taking{Took::taken, "", {taken.size()}};
  }
  record::Position committed_end() override { return {committed}; }

  std::vector<std::string> taken;
  std::uint64_t committed = 0;
  bool busy = false;
};

struct Edge {
  explicit Edge(Inbox* inbox) {
    auto o = options();
    o.inbox = inbox;
    sender = std::make_unique<Sender>(source, o);
  }
  MemorySource source;
  std::unique_ptr<Sender> sender;
};

Item item(const std::string& id) { return {ItemKind::command, id, R"({"command":"stop"})"}; }

void look(Wire& wire) {
  ReceiverOut out;
  wire.receiver().look(out);
  wire.give(out);
}

TEST(Items, are_answered_only_when_they_are_on_disk) {
  Pocket pocket;
  Edge edge(&pocket);
  MemoryStore cloud;
  cloud.items = {item("a"), item("b")};
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(pocket.taken, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(cloud.answers.empty());
  pocket.committed = 1;
  wire.run();
  ASSERT_EQ(cloud.answers.size(), 1U);
  EXPECT_EQ(cloud.answers[0].id, "a");
  pocket.committed = 2;
  wire.run();
  EXPECT_EQ(cloud.answers.size(), 2U);
  EXPECT_EQ(edge.sender->counts().items, 2U);
}

TEST(Items, at_most_sixteen_wait_for_an_answer_and_all_come_in_order) {
  Pocket pocket;
  Edge edge(&pocket);
  MemoryStore cloud;
  for (int i = 0; i < 100; ++i) cloud.items.push_back(item(std::to_string(i)));
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_EQ(pocket.taken.size(), items_out_max);
  pocket.committed = 1'000;
  wire.run(200);
  ASSERT_EQ(cloud.answers.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(cloud.answers[static_cast<std::size_t>(i)].id, std::to_string(i));
  cloud.items.push_back(item("later"));
  wire.run();
  EXPECT_EQ(cloud.items.size(), 1U) << "nobody has said that there is more";
  look(wire);
  wire.run();
  EXPECT_EQ(cloud.answers.back().id, "later");
}

TEST(Items, a_gateway_that_is_busy_is_not_asked_twice) {
  Pocket pocket;
  pocket.busy = true;
  Edge edge(&pocket);
  MemoryStore cloud;
  cloud.items = {item("a")};
  Wire wire(*edge.sender, cloud);
  wire.run();
  EXPECT_TRUE(cloud.answers.empty());
  pocket.busy = false;
  pocket.committed = 9;
  wire.run();
  ASSERT_EQ(cloud.answers.size(), 1U);
  EXPECT_EQ(pocket.taken.size(), 1U);
}

TEST(Items, a_gateway_of_version_1_is_sent_none) {
  Edge edge(nullptr);
  MemoryStore cloud;
  cloud.items = {item("a")};
  Wire wire(*edge.sender, cloud);
  edge.source.append(Class::medium, 3);
  wire.run();
  look(wire);
  wire.run();
  EXPECT_TRUE(wire.open);
  EXPECT_EQ(cloud.items.size(), 1U);
  EXPECT_EQ(cloud.of(epoch, Class::medium).offsets.size(), 3U);
}

TEST(Items, an_answer_to_nothing_is_malformed) {
  Pocket pocket;
  Edge edge(&pocket);
  MemoryStore cloud;
  Wire wire(*edge.sender, cloud);
  wire.run();
  ReceiverOut out;
  wire.receiver().on_frame(encode(ItemAnswer{.id = "x"}), Wire::now, out);
  EXPECT_TRUE(out.close);
  EXPECT_EQ(wire.receiver().malformed(), 1U);
}

TEST(Items, frames_come_back_as_they_were_and_cut_ones_do_not) {
  const std::vector<Frame> all{Item{ItemKind::command, "id", R"({"ä":1})"},
                               ItemAnswer{ItemKind::command, "id", Took::refused, "why"}};
  for (const auto& frame : all) {
    const auto bytes = encode(frame);
    const auto back = decode(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(encode(*back), bytes);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(decode(Bytes(bytes).first(n))) << n;
  }
  const auto long_why = encode(ItemAnswer{ItemKind::command, "id", Took::refused, std::string(511, 'x') + "ä"});
  ASSERT_TRUE(decode(long_why)) << "cut between characters";
  EXPECT_FALSE(decode(encode(Item{ItemKind::command, "", ""}))) << "no id";
}

}  // namespace
}  // namespace skerry::sync
