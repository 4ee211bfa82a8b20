// The tracker's inside: records in, fates out. What it promises stands in act/act.hpp.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "act/index.hpp"
#include "act/messages.hpp"

namespace skerry::act {

class LogTracker final : public Tracker {
 public:
  LogTracker(log::Log& log, Files& files, const Options& options, metrics::Registry& metrics);
  Result<> load();

  std::string_view name() const override { return "act"; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  Position position() const override { return {position_.load(std::memory_order_acquire)}; }

  Result<> on_tick(Wall now) override;
  Result<Worked> work(const AlertWork& work, Wall now, std::string_view origin) override;
  Result<Issued> issue(const Command& command, std::string_view origin) override;
  Result<Adopted> adopt(std::string_view payload, Wall now) override;
  Result<Page> alerts(const Query& query) const override;
  Result<Page> commands(const Query& query) const override;
  Result<std::string> alert(std::string_view id) const override;
  Result<std::string> command(std::string_view id) const override;
  Changes changes(std::optional<Position> from, std::size_t max) const override;
  Counts counts() const override;

 private:
  // Something that happened to a command, waiting until the fates that were written before are read.
  struct Pending {
    Position command;
    Event event;
    Wall at;
    std::string detail;
  };

  // ---- one record; the lock is held ----
  Result<> take(const log::RecordView& record);
  Result<Position> enter(const Command& command, std::string_view origin);
  void take_alert(const log::RecordView& record);
  bool take_command(const log::RecordView& record);
  Result<> take_ack(const log::RecordView& record, std::string_view device);
  Result<> take_delivery(const log::RecordView& record);
  void take_fate(const log::RecordView& record);
  void take_care(const log::RecordView& record);

  // ---- what follows from it ----
  Result<> happen(CommandEntry& command, Event event, Wall at, std::string_view detail);
  Result<> judge(CommandEntry& command, Event event, Wall at, std::string_view detail, bool counted);
  Result<> judge_pending();
  void prune_pending();
  Result<> expire(Wall now);
  void pin() const;
  Result<> catch_up();  // what waited for position_ to get there

  bool replaying() const { return position() < replay_end_; }
  void move_to(Position p) { position_.store(p.value, std::memory_order_release); }

  // The alerts of these ids as they stand, those that left memory too; in the order of `ids`.
  Result<std::vector<AlertEntry>> find_alerts(const std::vector<std::string>& ids) const;
  Result<std::vector<AlertEntry>> find_old_alerts(const std::vector<std::string>& ids) const;

  void count_reject(std::string_view what, Reject reason);
  void count_alert(const AlertFields& fields);
  void count_state(State state);

  log::Log& log_;
  Files& files_;
  const Options options_;
  metrics::Registry& metrics_;
  metrics::Gauge& open_gauge_;

  mutable std::mutex mutex_;  // everything below; append() is called under it, no I/O is
  Index index_;
  std::atomic<std::uint64_t> position_{0};
  Position replay_end_;  // fates written by earlier runs lie before it
  bool pending_judged_ = false;
  std::vector<Pending> pending_;
  std::size_t prune_at_ = pending_max;
  Position own_end_;                               // one past the newest record we appended in this run
  std::optional<std::pair<Wall, Position>> tick_;  // a time, and what must be read before it counts
  std::vector<std::string> alert_types_;           // those that have a label of their own
  std::uint64_t changed_ = 0;                      // since the last checkpoint
  Position saved_;
};

}  // namespace skerry::act
