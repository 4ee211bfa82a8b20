// A gateway's twins over its log and a cloud's, apart and together, with crashes, repeats, losses and clocks that
// differ: in the end both hold the same bytes, and nothing that somebody was told is kept is gone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>

#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"
#include "twin/twin.hpp"

namespace skerry::twin {
namespace {

constexpr std::array ids{"pump", "oven", "gw"};

class Side2 {  // the cloud as it is specified: states in transactions, items until they are answered
 public:
  explicit Side2(Chance& chance, Clock& clock) : chance_(chance), clock_(clock) {}

  void take(std::string_view id, const State& delta) {
    auto& twin = now_[std::string(id)];
    twin.state.join(delta);
    if (twin.state.note_conflicts()) ++twin.changed;
  }
  void write(std::string_view id, const Patch& patch) {
    auto& twin = now_[std::string(id)];
    const auto delta = twin.state.desire(patch, {Side::cloud, clock_.now(), "ann"}, [](auto) { return Rule{}; });
    ASSERT_TRUE(delta);
    twin.state.join(*delta);
    ++twin.changed;
  }
  void reverse_any(std::string_view id) {
    auto& twin = now_[std::string(id)];
    for (const auto& [conflict, each] : twin.state.conflicts) {
      if (each.reversed.value != 0) continue;
      const auto delta = twin.state.reverse(conflict, {Side::cloud, clock_.now(), "ann"}, Rule{});
      ASSERT_TRUE(delta);
      twin.state.join(*delta);
      ++twin.changed;
      return;
    }
  }
  void commit() { kept_ = now_; }
  void crash() { now_ = kept_; }

  struct Item {
    std::string id;
    std::uint64_t changed;
    std::string body;
  };
  std::vector<Item> due() const {  // of what is kept only
    std::vector<Item> all;
    for (const auto& [id, twin] : kept_) {
      if (twin.acked < twin.changed) all.push_back({id, twin.changed, item_body(id, twin.state)});
    }
    return all;
  }
  void answered(const Item& item) {
    auto& twin = now_[item.id];
    twin.acked = std::max(twin.acked, std::min(item.changed, twin.changed));
  }
  const State& state(const std::string& id) { return now_[id].state; }

 private:
  struct Twin {
    State state;
    std::uint64_t changed = 0;
    std::uint64_t acked = 0;
  };
  Chance& chance_;
  HybridClock clock_;
  std::map<std::string, Twin> now_;
  std::map<std::string, Twin> kept_;
};

class Site {
 public:
  explicit Site(std::uint64_t seed)
      : disk_(seed), world_(seed), far_(seed + 1), chance_(seed ^ 0x7e1), cloud_(chance_, far_) {
    far_.jump_wall(std::chrono::seconds(static_cast<int>(chance_.below(240))) - std::chrono::seconds{120});
    open();
  }

  void run(int events) {
    for (int i = 0; i < events && !::testing::Test::HasFatalFailure(); ++i) event();
    settle();
  }

 private:
  void open() {
    metrics_ = std::make_unique<metrics::Registry>();
    auto opened = log::Log::open(disk_, world_, "log", {.segment_bytes = 1 * MiB}, *metrics_);
    ASSERT_TRUE(opened) << opened.error().text();
    log_ = std::move(*opened);
    const auto rules = Rules::of({{"+/lowest", "min"}, {"oven/+", "edge_wins"}}, "timestamp_based");
    auto made = Twins::open(*log_, disk_, world_,
                            {.gateway = "gw",
                             .rules = *rules,
                             .checkpoint_path = "twin.checkpoint",
                             .checkpoint_changes = 5,
                             .checkpoint_records = 20},
                            *metrics_);
    ASSERT_TRUE(made) << made.error().text();
    twins_ = std::move(*made);
    read();
  }
  void read() {
    while (twins_->step().value_or(false)) {
    }
  }
  void commit() {
    ASSERT_TRUE(log_->commit());
    read();
    for (auto& item : waiting_) {
      if (log_->committed_end() >= item.second) answers_.push_back(item.first);
    }
    std::erase_if(waiting_, [this](const auto& each) { return log_->committed_end() >= each.second; });
    if (chance_.below(4) == 0) ASSERT_TRUE(twins_->checkpoint());
  }
  void crash() {
    twins_.reset();
    log_.reset();
    disk_.cut_now();
    disk_.power_on();
    waiting_.clear();
    open();
  }
  std::string any_id() { return ids[chance_.below(ids.size())]; }
  Patch any_patch() {
    static constexpr std::array fields{"mode", "lowest", "speed"};
    Patch patch;
    for (const auto* field : fields) {
      if (chance_.below(2) == 0) patch[field] = chance_.below(5) == 0 ? "" : std::to_string(chance_.below(100));
    }
    return patch;
  }
  // Records that are committed travel in any order, any number of times.
  void carry(std::uint64_t from, std::uint64_t to) {
    log::Position at{from};
    std::vector<std::pair<std::string, State>> all;
    while (at.value < to) {
      const auto chunk = log_->read(at, {.committed_only = true});
      ASSERT_TRUE(chunk);
      for (const auto& record : chunk->records()) {
        if (twin_of(record).empty()) continue;
        const auto delta = said(record);
        ASSERT_TRUE(delta) << delta.error().text();
        all.emplace_back(twin_of(record), *delta);
      }
      if (chunk->next() <= at) break;
      at = chunk->next();
    }
    while (!all.empty()) {
      const auto i = chance_.below(all.size());
      cloud_.take(all[i].first, all[i].second);
      if (chance_.below(3) > 0) all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  void deliver(const Side2::Item& item) {
    auto taken = twins_->adopt(item.body);
    ASSERT_TRUE(taken) << taken.error().text();
    ASSERT_TRUE(taken->usable) << taken->why;
    waiting_.emplace_back(item, taken->end);
  }
  void report() {
    const auto id = any_id();
    const auto topic = reported_topic(id);
    const auto payload = R"({"t":)" + std::to_string(chance_.below(100)) + ",\"u\":null}";
    ASSERT_TRUE(log_->append(record::Record{.cls = record::Class::high, .topic = topic, .payload = as_bytes(payload)}));
  }
  void event() {
    world_.run_for(std::chrono::milliseconds(chance_.below(50)));
    far_.run_for(std::chrono::milliseconds(chance_.below(50)));
    switch (chance_.below(14)) {
      case 0:
      case 1: ASSERT_TRUE(twins_->desire(any_id(), any_patch(), "bo")); break;
      case 2: report(); break;
      case 3: cloud_.write(any_id(), any_patch()); break;
      case 4:
      case 5: commit(); break;
      case 6: cloud_.commit(); break;
      case 7: {  // the link is up: some records, some items, old ones too
        const auto end = log_->committed_end().value;
        carry(chance_.below(end + 1), end);
        for (const auto& item : cloud_.due()) {
          old_.push_back(item);
          if (chance_.below(2) == 0) deliver(item);
        }
        break;
      }
      case 8:
        if (!old_.empty()) deliver(old_[chance_.below(old_.size())]);
        break;
      case 9:
        for (const auto& item : answers_) {
          if (chance_.below(3) > 0) cloud_.answered(item);
        }
        answers_.clear();
        break;
      case 10:
        if (chance_.below(4) == 0) crash();
        break;
      case 11:
        if (chance_.below(4) == 0) cloud_.crash();
        break;
      case 12: cloud_.reverse_any(any_id()); break;
      default:
        if (chance_.below(10) == 0) world_.jump_wall(std::chrono::seconds(chance_.below(30)));
    }
  }
  void settle() {
    for (int round = 0; round < 4; ++round) {
      commit();
      cloud_.commit();
      carry(0, log_->committed_end().value);
      cloud_.commit();
      for (const auto& item : cloud_.due()) deliver(item);
      commit();
      for (const auto& item : answers_) cloud_.answered(item);
      answers_.clear();
    }
    EXPECT_TRUE(cloud_.due().empty()) << "the two go on for ever";
    for (const auto* id : ids) {
      const auto here = twins_->twin(id);
      const auto& there = cloud_.state(id);
      if (!here) {
        EXPECT_TRUE(there.empty()) << id;
        continue;
      }
      EXPECT_EQ(*here, twin_json(id, "gw", there)) << id;
    }
  }

  sim::Disk disk_;
  sim::World world_;
  sim::World far_;
  SeededChance chance_;
  std::unique_ptr<metrics::Registry> metrics_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<Twins> twins_;
  Side2 cloud_;
  std::vector<std::pair<Side2::Item, log::Position>> waiting_;
  std::vector<Side2::Item> answers_;
  std::vector<Side2::Item> old_;
};

TEST(TwinSimulation, BothSidesComeToTheSame) {
  const std::uint64_t many = std::getenv("SKERRY_LONG") != nullptr ? 20'000 : 300;
  for (const auto seed : sim::seeds(many)) {
    SCOPED_TRACE("script/test sim twin.TwinSimulation --seed " + std::to_string(seed));
    Site(seed).run(200);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace skerry::twin
