// Commands across the link: the real ledger, store, sender and tracker, with everything that can go wrong between them.
//
// A command is run by its device when the gateway's log says that it was sent, once for each record of it. At the end,
// when all faults are over: no command has two records, what the cloud says of it is what the gateway says, and one of
// which the gateway never knew has ended as `expired`. Three mutants must be noticed.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "act/act.hpp"
#include "cloud/queries.hpp"
#include "cloud/store.hpp"
#include "sim/world.hpp"
#include "sync/ledger.hpp"
#include "sync/log_source.hpp"
#include "sync/receiver.hpp"
#include "tests/act/fake_log.hpp"
#include "tests/cloud/databases.hpp"

namespace skerry::cloud {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

enum class Mutant : std::uint8_t {
  none,
  taken_each_time,     // the gateway does not look whether it has the command already
  answer_before_disk,  // the gateway answers before its commit
  sent_is_not_kept,    // the cloud sends before it has kept that it did
};

// A clock that may be wrong; at a gateway it never goes behind the newest record, over restarts too.
class SetClock final : public Clock {
 public:
  Wall wall() override { return last = std::max(last, now); }
  Mono mono() override { return mono_now; }
  void move(std::chrono::milliseconds by) {
    now += by;
    mono_now += by;
  }
  Wall now = Wall(std::chrono::sys_days(std::chrono::year(2026) / 5 / 1));
  Wall last{};
  Mono mono_now{1s};
};

struct Link {
  std::unique_ptr<sync::Receiver> receiver;
  std::deque<Buffer> to_cloud;
  std::deque<Buffer> to_edge;
  bool edge_there = true;
};

class Site final : public sync::Inbox {
 public:
  Site(std::uint64_t seed, Mutant mutant) : chance_(seed), mutant_(mutant) {
    edge_clock_.now += std::chrono::milliseconds(chance_.below(6'000)) - 3s;
    open_cloud();
    start_gateway();
  }
  ~Site() override { stop_cloud(); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  std::optional<std::string> play(int events) {
    for (int i = 0; i < events && !wrong_; ++i) one(i);
    heal();
    if (!wrong_) check();
    return wrong_;
  }

  std::map<std::string, int> ends;  // state -> commands that ended so

 private:
  struct Asked {
    std::string id;
    Wall not_after;
    bool seen_expired = false;
  };
  struct Waiting {
    std::shared_ptr<Link> link;
    sync::Job job;
  };

  void wrong(std::string what) {
    if (!wrong_) wrong_ = std::move(what);
  }

  // ---- the cloud ----
  void open_cloud() {
    store_ = std::move(*SqlStore::open(database_.where, cloud_clock_, metrics_));
    queries_ = std::move(*Queries::open(database_.where));
  }
  void stop_cloud() {
    queries_.reset();
    store_.reset();
  }
  void kill_cloud() {
    stop_cloud();
    jobs_.clear();
    if (link_) link_->receiver.reset();
    ghosts_.clear();
    cut();
    open_cloud();
  }
  void order(int i) {
    const auto device = "d" + std::to_string(chance_.below(3));
    auto command = act::make_command({.device_id = device,
                                      .command = "stop",
                                      .ttl = std::chrono::milliseconds(1 + chance_.below(60'000)),
                                      .compensation = chance_.one_in(3) ? R"({"command":"undo"})" : ""},
                                     cloud_clock_.wall(), chance_);
    SqlStore::Order order{.gateway = "gw",
                          .device = device,
                          .id = command->id,
                          .command = "stop",
                          .payload = command->payload,
                          .request = "r" + std::to_string(i),
                          .not_after = command->not_after};
    if (!store_->begin()) return wrong("begin");
    auto put = store_->put_order(order);
    if (!put || chance_.one_in(10)) return store_->rollback();  // unknown gateway, or a crash before it was kept
    if (!store_->commit()) return wrong("commit");
    asked_.push_back({put->id, command->not_after});
    if (!chance_.one_in(5)) return;
    order.id += "x";  // the caller did not hear the answer and asks again
    if (!store_->begin()) return wrong("begin");
    const auto again = store_->put_order(order);
    if (!again || again->id != put->id) wrong("asked twice, issued twice");
    if (!store_->commit()) wrong("commit");
  }
  void run_jobs() {
    if (jobs_.empty()) return;
    const auto many = 1 + chance_.below(jobs_.size());
    std::vector<Waiting> now;
    for (std::size_t i = 0; i < many; ++i) {
      now.push_back(std::move(jobs_.front()));
      jobs_.pop_front();
    }
    std::vector<sync::Outcome> outcomes;
    if (!store_->begin()) return wrong("begin");
    sync::Ledger ledger(*store_);
    for (const auto& each : now) outcomes.push_back(std::move(*ledger.run(each.job)));
    const bool lost =
        mutant_ == Mutant::sent_is_not_kept && now.size() == 1 && std::holds_alternative<sync::ItemsJob>(now[0].job);
    if (lost) {
      store_->rollback();
    } else if (chance_.one_in(25) && !calm_) {
      store_->rollback();
      return kill_cloud();
    } else if (!store_->commit()) {
      return wrong("commit");
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!now[i].link->receiver || std::holds_alternative<sync::RefusedJob>(now[i].job)) continue;
      sync::ReceiverOut out;
      now[i].link->receiver->on_outcome(outcomes[i], out);
      give(now[i].link, out);
    }
  }
  void give(const std::shared_ptr<Link>& link, sync::ReceiverOut& out) {
    for (auto& job : out.jobs) jobs_.push_back({link, std::move(job)});
    if (!link->edge_there) return;
    for (auto& frame : out.frames) link->to_edge.push_back(std::move(frame));
    if (out.close) cut();
  }
  void end_late() {
    if (!store_->begin()) return wrong("begin");
    if (!store_->end_late_orders()) wrong("end_late_orders");
    if (!store_->commit()) wrong("commit");
  }
  json command(const std::string& id) {
    const auto text = queries_->command(id);
    return text ? json::parse(*text) : json{{"state", "missing"}};
  }

  // ---- the link ----
  void connect() {
    if (link_) return;
    link_ = std::make_shared<Link>();
    link_->receiver = std::make_unique<sync::Receiver>(sync::Receiver::Options{}, cloud_clock_.mono());
    sync::Out out;
    sender_->on_open(edge_clock_.mono(), out);
    give(out);
  }
  void cut() {
    if (!link_) return;
    sender_->on_closed();
    link_->edge_there = false;
    link_->to_edge.clear();
    if (chance_.one_in(2)) link_->to_cloud.clear();
    if (link_->receiver) ghosts_.push_back(link_);  // what is on the way may still arrive, much later
    link_.reset();
  }
  void give(sync::Out& out) {
    if (out.save) saved_ = sender_->memory();
    if (link_) {
      for (auto& frame : out.frames) link_->to_cloud.push_back(std::move(frame));
    }
    if (out.close) cut();
  }
  void up(const std::shared_ptr<Link>& link) {
    if (!link || link->to_cloud.empty() || !link->receiver) return;
    const auto frame = std::move(link->to_cloud.front());
    link->to_cloud.pop_front();
    sync::ReceiverOut out;
    link->receiver->on_frame(frame, cloud_clock_.mono(), out);
    give(link, out);
  }
  void down() {
    if (!link_ || link_->to_edge.empty()) return;
    const auto frame = std::move(link_->to_edge.front());
    link_->to_edge.pop_front();
    sync::Out out;
    sender_->on_frame(frame, edge_clock_.mono(), out);
    give(out);
  }
  void pump() {
    if (!link_) return;
    sync::Out out;
    sender_->pump({}, edge_clock_.mono(), out);
    give(out);
  }
  void look() {
    if (!link_ || !link_->receiver) return;
    sync::ReceiverOut out;
    link_->receiver->look(out);
    give(link_, out);
  }

  // ---- the gateway ----
  void start_gateway() {
    source_ = std::make_unique<sync::LogSource>(log_);
    sync::SenderOptions options{.gateway = "gw", .software = "test", .epoch = 7, .salt = chance_.next(), .inbox = this};
    options.network_timeout = 1h;
    sender_ = std::make_unique<sync::Sender>(*source_, options, saved_);
    tracker_ = std::move(*act::Tracker::open(log_, system_files(), {}, metrics_));
  }
  void kill_gateway() {
    cut();
    log_.crash();
    edge_clock_.last = {};
    if (chance_.one_in(4)) edge_clock_.now -= 20s;  // a battery that died
    if (log_.end() > log_.begin())
      edge_clock_.last = log_.read({log_.end().value - 1}, {})->records().front().appended_at;
    std::erase_if(running_, [this](const auto& each) { return each.first >= log_.end(); });
    start_gateway();
  }
  Result<Taking> take(const sync::Item& item) override {
    using Outcome = act::Tracker::Adopted::Outcome;
    if (mutant_ == Mutant::taken_each_time) {
      const auto fields = json::parse(item.body);
      if (Wall(*parse_time(fields["not_after"].get<std::string>())) <= edge_clock_.wall())
        return Taking{sync::Took::passed, "", {}};
      record::Record r;
      r.cls = record::Class::critical;
      const auto topic = "commands/" + fields["device_id"].get<std::string>();
      r.topic = topic;
      r.payload = as_bytes(item.body);
      return Taking{sync::Took::taken, "", TRY(log_.append(r)) + 1};
    }
    if (chance_.one_in(8) && !calm_) log_.busy_next = 1;
    auto adopted = tracker_->adopt(item.body, edge_clock_.wall());
    log_.busy_next = 0;
    if (!adopted) return std::unexpected(adopted.error());
    const auto took = adopted->outcome == Outcome::taken     ? sync::Took::taken
                      : adopted->outcome == Outcome::passed  ? sync::Took::passed
                      : adopted->outcome == Outcome::refused ? sync::Took::refused
                                                             : sync::Took::unknown;
    return Taking{took, adopted->why, adopted->end};
  }
  record::Position committed_end() override {
    return mutant_ == Mutant::answer_before_disk ? log_.end() : log_.committed_end();
  }
  void say(std::string_view topic, const json& payload, record::Kind kind, std::optional<record::Position> cause = {}) {
    const auto text = payload.dump();
    record::Record r;
    r.cls = record::Class::critical;
    r.kind = kind;
    r.topic = topic;
    r.payload = as_bytes(text);
    r.cause = cause;
    (void)log_.append(r);
  }
  // The broker and the devices: each committed command is published once, and run by a device that is there.
  void devices() {
    while (published_ < log_.committed_end()) {
      const auto chunk = *log_.read(published_, {.committed_only = true, .bytes_max = 1});
      for (const auto& r : chunk.records()) {
        if (r.kind == record::Kind::message && r.topic.starts_with("commands/") && !r.topic.ends_with("/ack") &&
            !chance_.one_in(6)) {
          const auto payload = json::parse(as_text(r.payload));
          if (r.appended_at >= Wall(*parse_time(payload["not_after"].get<std::string>()))) wrong("taken too late");
          const auto device = payload["device_id"].get<std::string>();
          const auto id = payload["command_id"].get<std::string>();
          ++runs_[id];
          running_.emplace(r.position, std::pair(device, id));
          say("$skerry/delivery/" + device, {{"state", "sent"}, {"client", device}}, record::Kind::delivery,
              r.position);
        }
      }
      published_ = chunk.next();
    }
    if (running_.empty()) return;
    auto at = running_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(chance_.below(running_.size())));
    const auto [position, who] = *at;
    switch (chance_.below(3)) {
      case 0:
        say("$skerry/delivery/" + who.first, {{"state", "delivered"}, {"client", who.first}}, record::Kind::delivery,
            position);
        break;
      case 1:
        say("commands/" + who.first + "/ack",
            {{"command_id", who.second}, {"status", chance_.one_in(3) ? "failed" : "done"}}, record::Kind::message);
        break;
      default: running_.erase(at); break;  // never heard of again
    }
  }
  void step() {
    if (!tracker_->step()) wrong("step");
  }

  void one(int i) {
    switch (chance_.below(20)) {
      case 0: order(i); break;
      case 1: look(); break;
      case 2:
      case 3:
      case 4: up(link_); break;
      case 5:
      case 6: down(); break;
      case 7:
      case 8: run_jobs(); break;
      case 9: pump(); break;
      case 10: (void)log_.commit(); break;
      case 11: log_.commit_some(1); break;
      case 12: step(); break;
      case 13: devices(); break;
      case 14: connect(); break;
      case 15:
        cloud_clock_.move(std::chrono::milliseconds(chance_.below(1'500)));
        edge_clock_.move(std::chrono::milliseconds(chance_.below(1'500)));
        if (!tracker_->on_tick(edge_clock_.wall())) wrong("tick");
        break;
      case 16: end_late(); break;
      case 17:
        if (!ghosts_.empty()) up(ghosts_[chance_.below(ghosts_.size())]);
        break;
      case 18: observe(); break;
      default: fault(); break;
    }
  }
  void fault() {
    switch (chance_.below(9)) {
      case 0: kill_gateway(); break;
      case 1: kill_cloud(); break;
      case 2: cut(); break;
      default: break;
    }
  }
  // What was said to be over for good stays over.
  void observe() {
    if (asked_.empty()) return;
    auto& asked = asked_[chance_.below(asked_.size())];
    const auto state = command(asked.id)["state"];
    if (asked.seen_expired && state != "expired") wrong(asked.id + " was expired and is " + state.get<std::string>());
    asked.seen_expired = state == "expired";
  }
  void heal() {
    calm_ = true;
    for (int i = 0; i < 3'000 && !wrong_; ++i) {
      if (i % 1'000 == 700) {
        cloud_clock_.move(90s);
        edge_clock_.move(90s);
        (void)tracker_->on_tick(edge_clock_.wall());
      }
      connect();
      up(link_);
      down();
      run_jobs();
      pump();
      look();
      (void)log_.commit();
      step();
      if (i % 100 == 0) end_late();
      if (!ghosts_.empty()) up(ghosts_[chance_.below(ghosts_.size())]);
    }
  }
  void check() {
    std::map<std::string, int> records;
    for (record::Position at = log_.begin(); at < log_.end();) {
      const auto chunk = *log_.read(at, {});
      for (const auto& r : chunk.records()) {
        if (r.kind == record::Kind::message && r.topic.starts_with("commands/") && !r.topic.ends_with("/ack"))
          ++records[json::parse(as_text(r.payload))["command_id"]];
      }
      at = chunk.next();
    }
    for (const auto& [id, times] : records) {
      if (times > 1) wrong(id + " is in the gateway's log " + std::to_string(times) + " times");
    }
    for (const auto& [id, times] : runs_) {
      if (times > 1) wrong(id + " was run twice");
    }
    for (const auto& asked : asked_) {
      const auto state = command(asked.id)["state"].get<std::string>();
      ++ends[state];
      const auto here = tracker_->command(asked.id);
      const auto expected = here ? json::parse(*here)["state"].get<std::string>() : std::string("expired");
      if (state != expected) wrong(asked.id + " is " + state + " in the cloud and " + expected + " at the gateway");
      if (here && asked.seen_expired && expected != "expired") wrong(asked.id + " was called expired and ran");
    }
    const auto problems = queries_->check();
    if (!problems || !problems->empty()) wrong(problems ? problems->front() : problems.error().text());
  }

  SeededChance chance_;
  Mutant mutant_;
  test::TestDatabase database_;
  SetClock cloud_clock_;
  SetClock edge_clock_;
  metrics::Registry metrics_;
  act::test::FakeLog log_{edge_clock_};
  std::unique_ptr<SqlStore> store_;
  std::unique_ptr<Queries> queries_;
  std::deque<Waiting> jobs_;
  std::shared_ptr<Link> link_;
  std::vector<std::shared_ptr<Link>> ghosts_;
  std::unique_ptr<sync::LogSource> source_;
  std::unique_ptr<sync::Sender> sender_;
  std::unique_ptr<act::Tracker> tracker_;
  std::optional<sync::Memory> saved_;
  record::Position published_;
  std::map<record::Position, std::pair<std::string, std::string>> running_;
  std::map<std::string, int> runs_;
  std::vector<Asked> asked_;
  std::optional<std::string> wrong_;
  bool calm_ = false;
};

TEST(Orders, no_command_runs_twice_and_each_has_one_fate) {
  std::map<std::string, int> ends;
  const auto seeds = sim::seeds(std::getenv("SKERRY_LONG") != nullptr ? 10'000 : 150);
  for (const auto seed : seeds) {
    Site site(seed, Mutant::none);
    const auto wrong = site.play(1'500);
    ASSERT_FALSE(wrong) << *wrong << "\nSKERRY_SEED=" << seed;
    for (const auto& [state, count] : site.ends) ends[state] += count;
  }
  std::printf("%zu seeds:", seeds.size());
  for (const auto& [state, count] : ends) std::printf(" %s %d", state.c_str(), count);
  std::printf("\n");
  if (seeds.size() < 100) return;
  for (const auto* state : {"delivered", "done", "failed", "expired", "unknown"}) EXPECT_GT(ends[state], 0) << state;
}

void expect_noticed(Mutant mutant) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    if (const auto wrong = Site(seed, mutant).play(1'500)) {
      std::printf("noticed at seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong->c_str());
      return;
    }
  }
  FAIL() << "not noticed";
}

TEST(Orders, taken_each_time_it_comes_is_noticed) { expect_noticed(Mutant::taken_each_time); }
TEST(Orders, an_answer_before_the_disk_is_noticed) { expect_noticed(Mutant::answer_before_disk); }
TEST(Orders, sending_before_it_is_kept_is_noticed) { expect_noticed(Mutant::sent_is_not_kept); }

}  // namespace
}  // namespace skerry::cloud
