// Whatever order, repetition, refusal or crash: each fate once, in a legal order, and the same after a restart.
#include <set>

#include "act/index.hpp"
#include "tests/act/rig.hpp"

namespace skerry::act {
namespace {

using namespace std::chrono_literals;
using test::json;
using test::Rig;

// A site where everything happens in an order the seed decides. A command is known by its position in the log: what was
// not committed at a crash is forgotten here too, as its senders would have no acknowledgement.
class Site {
 public:
  Site(Rig& rig, std::uint64_t seed) : rig_(rig), chance_(seed) {}

  void run(int events) {
    for (int i = 0; i < events; ++i) one(i);
    rig_.settle();
    for (int i = 0; i < 3; ++i) {  // far beyond every not-after
      rig_.tick(10min);
      rig_.settle();
    }
  }

 private:
  struct Sent {
    std::string id;
    std::string device;
    record::Position position;
  };

  void one(int i) {
    static constexpr const char* deliveries[] = {"sent", "sent", "received", "delivered", "delivered", "lost"};
    static constexpr const char* answers[] = {"accepted", "accepted", "done", "failed", "nonsense"};
    switch (chance_.below(14)) {
      case 0:
      case 1: command(i); break;
      case 2:
      case 3:
      case 4:
        if (const auto* c = any())
          rig_.delivery(chance_.one_in(5) ? "listener" : c->device, c->position, deliveries[chance_.below(6)]);
        break;
      case 5:
      case 6:
        if (const auto* c = any())
          rig_.ack(chance_.one_in(8) ? "stranger" : c->device, c->id, answers[chance_.below(5)]);
        break;
      case 7: rig_.put("sensors/t1/data", "{}"); break;
      case 8: rig_.tick(std::chrono::milliseconds(chance_.below(8'000))); break;
      case 9: (void)rig_.log.commit(); break;
      case 10: rig_.log.commit_some(1 + chance_.below(4)); break;
      case 11:
        if (chance_.one_in(4)) rig_.log.busy_next = 1;
        (void)rig_.tracker->step();
        rig_.log.busy_next = 0;
        break;
      case 12: ASSERT_TRUE(rig_.tracker->checkpoint()); break;
      case 13:
        if (!chance_.one_in(6)) break;
        rig_.crash();
        std::erase_if(sent_, [&](const Sent& c) { return c.position >= rig_.log.end(); });
        break;
    }
  }

  void command(int i) {
    const auto device = "d" + std::to_string(chance_.below(3));
    const auto id = "c" + std::to_string(i);
    const auto more = chance_.one_in(2) ? R"(,"compensation":{"command":"undo"})" : "";
    sent_.push_back({id, device, rig_.command(device, id, more, std::chrono::milliseconds(1 + chance_.below(20'000)))});
  }
  const Sent* any() {
    if (sent_.empty()) return nullptr;
    const auto newest = std::min<std::size_t>(sent_.size(), 6);  // most events are about recent ones
    return &sent_[sent_.size() - 1 - chance_.below(newest)];
  }

  Rig& rig_;
  sim::SeededChance chance_;
  std::vector<Sent> sent_;
};

// Every fate once, each a step forward from the one before.
void expect_legal(const Rig& rig, const std::string& what) {
  std::map<std::string, State> now;
  for (const auto& fate : rig.fates()) {
    const auto to = state_named(fate.state).value();
    const auto [at, is_new] = now.try_emplace(fate.id, State::issued);
    EXPECT_LT(at->second, to) << what << ": " << fate.id << " at " << fate.position.value;
    EXPECT_FALSE(is_final(at->second)) << what << ": " << fate.id << " at " << fate.position.value;
    at->second = to;
  }
  std::map<std::string, int> made_up;
  std::map<std::string, json> commands;
  const auto page = rig.tracker->commands({.limit = 1000}).value();
  for (const auto& text : page.items) {
    const auto item = json::parse(text);
    const auto id = item["command_id"].get<std::string>();
    commands[id] = item;
    const auto last = now.contains(id) ? now[id] : State::issued;
    EXPECT_EQ(item["state"], name(last)) << what << ": " << id;
    EXPECT_NE(item["state"], "issued") << what << ": its time is over";
    if (item.contains("compensates")) ++made_up[item["compensates"].get<std::string>()];
  }
  for (const auto& [id, item] : commands) {
    const bool wanted = item["state"] == "failed" && item.contains("compensation");
    EXPECT_EQ(made_up[id], wanted ? 1 : 0) << what << ": " << id;
  }
}

void expect_same_after_restart(Rig& rig, const std::string& what) {
  const auto before = rig.tracker->commands({.limit = 1000}).value().items;
  const auto end = rig.log.end();
  const auto path = std::exchange(rig.options.checkpoint_path, "");  // from the log alone
  rig.start();
  rig.settle();
  rig.tick(10min);
  rig.settle();
  EXPECT_EQ(rig.log.end(), end) << what << ": something was written again";
  EXPECT_EQ(rig.tracker->commands({.limit = 1000}).value().items, before) << what;
  rig.options.checkpoint_path = path;
}

TEST(Crash, EachFateOnceWhateverHappens) {
  const test::TempFolder folder;
  for (const auto seed : sim::seeds(400)) {
    const auto what = "SKERRY_SEED=" + std::to_string(seed);
    const bool with_checkpoints = seed % 2 == 0;
    Rig rig({.checkpoint_path = with_checkpoints ? folder.path + "/act-" + std::to_string(seed) : "",
             .checkpoint_changes = 5});
    rig.log.chunk_records = 1 + seed % 20;
    Site(rig, seed).run(400);
    ASSERT_FALSE(rig.fates().empty()) << what;
    expect_legal(rig, what);
    expect_same_after_restart(rig, what);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Checkpoint, StartsWhereItStoodWithTheSameAnswers) {
  const test::TempFolder folder;
  Rig rig({.checkpoint_path = folder.path + "/act", .checkpoint_changes = 10});
  for (int i = 0; i < 30; ++i) {
    const auto id = std::to_string(i);
    rig.alert("t" + id, "a" + id);
    rig.delivery("pump", rig.command("pump", "c" + id), "sent");
    if (i % 2 == 0) rig.ack("pump", "c" + id, "done");
  }
  rig.settle();
  ASSERT_TRUE(rig.tracker->checkpoint());
  const auto alerts = rig.tracker->alerts({}).value().items;
  const auto commands = rig.tracker->commands({}).value().items;
  const auto end = rig.log.end();
  rig.crash();
  EXPECT_EQ(rig.tracker->position(), end) << "nothing is read again";
  EXPECT_EQ(rig.tracker->alerts({}).value().items, alerts);
  EXPECT_EQ(rig.tracker->commands({}).value().items, commands);
  EXPECT_EQ(rig.tracker->counts().alerts, 30U);
  EXPECT_EQ(rig.tracker->counts().open, 15U);
  rig.tick(31s);
  rig.settle();
  EXPECT_EQ(rig.fates_of("c1"), "unknown") << "that it was sent stood in the checkpoint";
}

TEST(Checkpoint, WaitsUntilItsOwnFatesAreOnDisk) {
  const test::TempFolder folder;
  Rig rig({.checkpoint_path = folder.path + "/act", .checkpoint_changes = 1});
  rig.command("pump", "c1");
  rig.ack("pump", "c1", "done");
  (void)rig.log.commit();
  while (rig.tracker->step().value()) {
  }
  ASSERT_TRUE(rig.tracker->checkpoint());
  EXPECT_FALSE(std::filesystem::exists(rig.options.checkpoint_path));
  rig.settle();
  ASSERT_TRUE(rig.tracker->checkpoint());
  EXPECT_TRUE(std::filesystem::exists(rig.options.checkpoint_path));
}

TEST(Checkpoint, EveryCutOrChangedByteIsRefusedOrReadable) {
  Index index{Options{}};
  index.add(AlertEntry{.position = {3}, .id = "a", .device = "d", .type = "t", .payload = "{}"});
  CommandEntry command{.position = {4}, .id = "c", .device = "d", .payload = "{}"};
  command.reached.push_back({State::issued, {}, {}, {4}});
  index.add(command);
  Buffer bytes;
  index.encode(bytes);
  EXPECT_TRUE(Index::decode(bytes, {}, 2));
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_FALSE(Index::decode(Bytes(bytes).first(n), {}, 2)) << n;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[at] ^= std::byte(1U << bit);
      (void)Index::decode(changed, {}, 2);  // its checksum would refuse it; here it must only not crash
    }
  }
}

}  // namespace
}  // namespace skerry::act
