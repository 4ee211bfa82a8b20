// Follows the log: commands, what became of them, alerts. What is appended here is the fate of commands.
#include "act/tracker.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "log/checkpoint.hpp"

namespace skerry::act {
namespace {

constexpr std::uint32_t checkpoint_version = 2;  // 1: alerts without what people did about them
constexpr std::string_view fate_topic = "$skerry/fate/";
constexpr std::string_view origin_name = "act";

std::string_view event_name(Event event) {
  static constexpr std::array<std::string_view, event_count> names{"sent", "delivered", "lost",      "accepted",
                                                                   "done", "failed",    "not_after", "overdue"};
  return names[static_cast<std::size_t>(event)];
}

std::string detail_of(Event event) {
  switch (event) {
    case Event::lost: return "the device's session was lost before it confirmed";
    case Event::not_after: return "not-after passed";
    case Event::overdue: return "no answer in time, and no not-after was given: it may still be sent";
    default: return {};
  }
}

}  // namespace

Result<std::unique_ptr<Tracker>> Tracker::open(log::Log& log, Files& files, const Options& options,
                                               metrics::Registry& metrics) {
  auto tracker = std::make_unique<LogTracker>(log, files, options, metrics);
  TRY(tracker->load());
  return tracker;
}

LogTracker::LogTracker(log::Log& log, Files& files, const Options& options, metrics::Registry& metrics)
    : log_(log),
      files_(files),
      options_(options),
      metrics_(metrics),
      open_gauge_(metrics.gauge("skerry_commands_open", "commands issued, sent or accepted and not finished")),
      index_(options) {}

Result<> LogTracker::load() {
  const std::scoped_lock lock(mutex_);
  replay_end_ = log_.committed_end();
  move_to(log_.begin());
  if (!options_.checkpoint_path.empty()) {
    auto version = checkpoint_version;
    auto found = TRY(log::load(files_, options_.checkpoint_path, version, log_));
    if (!found) found = TRY(log::load(files_, options_.checkpoint_path, --version, log_));
    if (found) {
      auto index = Index::decode(found->state, options_, version);
      if (index) {
        index_ = std::move(*index);
        move_to(found->position);
      } else {
        logger::warn("act", "the checkpoint is damaged: starting from the log", {{"why", index.error().text()}});
      }
    }
  }
  saved_ = position();
  pin();
  return catch_up();
}

// The records of commands that are not finished outlive trimming.
void LogTracker::pin() const {
  std::vector<Position> positions;
  for (const auto& [position, command] : index_.commands()) {
    if (is_open(command.state)) positions.push_back(position);
  }
  log_.pin("act", saved_, std::move(positions));
}

Result<bool> LogTracker::step() {
  // Committed only: what is read may be shown, and the checkpoint is never ahead of the disk.
  const auto chunk = TRY(log_.read(position(), {.classes = options_.classes, .committed_only = true}));
  const std::scoped_lock lock(mutex_);
  for (const auto& record : chunk.records()) {
    move_to(record.position);
    TRY(catch_up());
    TRY(take(record));
    move_to(record.position + 1);
  }
  if (chunk.next() > position()) move_to(chunk.next());  // damage leaves holes
  TRY(catch_up());
  open_gauge_.set(static_cast<double>(index_.open()));
  return !chunk.empty();
}

Result<> LogTracker::catch_up() {
  if (!pending_judged_) {
    // Records from replay_end_ on were written in this run: whoever is there first has seen all earlier fates.
    if (replaying()) return {};
    TRY(judge_pending());
    pending_judged_ = true;
  }
  if (tick_ && position() >= tick_->second) {
    TRY(expire(tick_->first));
    tick_.reset();
  }
  return {};
}

Result<> LogTracker::on_tick(Wall now) {
  const std::scoped_lock lock(mutex_);
  // Everything appended before `now` lies before the end read here; a tick that waits is not moved on by a newer one,
  // or it would never come to its turn under steady load.
  if (!tick_) tick_.emplace(now, log_.end());
  return catch_up();
}

Result<> LogTracker::take(const log::RecordView& record) {
  switch (record.kind) {
    case record::Kind::delivery: return take_delivery(record);
    case record::Kind::fate:
      if (record.topic.starts_with(care_topic))
        take_care(record);
      else
        take_fate(record);
      return {};
    case record::Kind::config:
      if (const auto device = record::Forgotten::device_of(record); !device.empty()) {
        index_.forget(device, record.position, record.appended_at);
        ++changed_;
      }
      return {};
    case record::Kind::message: break;
    default: return {};
  }
  if (is_alert_topic(record.topic))
    take_alert(record);
  else if (is_command_topic(record.topic))
    take_command(record);
  else if (const auto device = acknowledging_device(record.topic); !device.empty())
    return take_ack(record, device);
  return {};
}

void LogTracker::take_alert(const log::RecordView& record) {
  AlertFields fields;
  auto alert = alert_entry(record, &fields);
  if (!alert) return count_reject("alerts", alert.error());
  if (!index_.add(std::move(*alert))) return count_reject("alerts", Reject::duplicate_id);
  ++index_.alerts_ever;
  ++changed_;
  if (!replaying()) count_alert(fields);
}

bool LogTracker::take_command(const log::RecordView& record) {
  if (index_.command_at(record.position) != nullptr) return true;  // issue() was here
  auto command = command_entry(record, options_);
  if (!command) return count_reject("commands", command.error()), false;
  if (!index_.add(std::move(*command))) return count_reject("commands", Reject::duplicate_id), false;
  ++index_.commands_ever;
  ++changed_;
  if (!replaying()) count_state(State::issued);
  return true;
}

Result<> LogTracker::take_ack(const log::RecordView& record, std::string_view device) {
  const auto ack = read_ack(record.payload);
  if (!ack) return count_reject("acks", ack.error()), Result<>{};
  auto* command = index_.command_named(ack->command_id);
  if (command == nullptr) return count_reject("acks", Reject::unknown_command), Result<>{};
  if (command->device != device) return count_reject("acks", Reject::wrong_device), Result<>{};
  return happen(*command, ack->event, record.appended_at, ack->detail);
}

Result<> LogTracker::take_delivery(const log::RecordView& record) {
  auto* command = record.cause ? index_.command_at(*record.cause) : nullptr;
  if (command == nullptr) return {};  // another QoS 2 message, or a command long gone
  const auto delivery = read_delivery(record.payload);
  if (!delivery) return count_reject("deliveries", delivery.error()), Result<>{};
  // Others may listen on the topic too; only the device's own session says what reached the device.
  if (delivery->client != command->device || !delivery->event) return {};
  return happen(*command, *delivery->event, record.appended_at, detail_of(*delivery->event));
}

void LogTracker::take_fate(const log::RecordView& record) {
  auto* command = record.cause ? index_.command_at(*record.cause) : nullptr;
  if (command == nullptr) return;
  auto fate = read_fate(record.payload);
  if (!fate) return count_reject("fates", fate.error());
  const Wall at = fate->at ? Wall(*fate->at) : record.appended_at;
  if (index_.reach(*command, {fate->state, at, std::move(fate->detail), record.position})) ++changed_;
}

void LogTracker::take_care(const log::RecordView& record) {
  if (!record.cause) return;
  auto care = read_care(record.payload);
  if (!care) return count_reject("fates", care.error());
  const Wall at = care->at ? Wall(*care->at) : record.appended_at;
  AlertChange change{care->action, at, std::move(care->by), std::move(care->comment), record.position};
  if (index_.change(*record.cause, std::move(change))) ++changed_;  // work() was here, or the alert left memory
}

Result<> LogTracker::happen(CommandEntry& command, Event event, Wall at, std::string_view detail) {
  if (!pending_judged_) {
    if (pending_.size() >= prune_at_) prune_pending();
    pending_.push_back({command.position, event, at, std::string(detail)});
    return {};
  }
  return judge(command, event, at, detail, /*counted=*/true);
}

Result<> LogTracker::judge(CommandEntry& command, Event event, Wall at, std::string_view detail, bool counted) {
  const auto found = next(command.state, event);
  if (found.outcome != Outcome::moved) {
    if (found.outcome == Outcome::ignored && counted) {
      metrics_
          .counter("skerry_act_events_ignored_total", "events that came too late for a command, or cannot be",
                   {{"event", std::string(event_name(event))}})
          .add();
    }
    return {};
  }
  if (found.to == State::sent) {
    index_.set_sent(command);
    ++changed_;
    return {};
  }
  const auto payload = write_fate(command.id, command.device, found.to, detail, to_event(at));
  const auto topic = std::string(fate_topic) + command.id;
  std::vector<log::Record> out(1);
  out[0] = {.cls = record::Class::critical,
            .kind = record::Kind::fate,
            .topic = topic,
            .payload = as_bytes(payload),
            .origin = origin_name,
            .cause = command.position};
  // In one append, so that the failure and what makes up for it are on disk together or not at all.
  std::string make_up;
  const auto make_up_topic = "commands/" + command.device;
  if (found.to == State::failed && !command.compensation.empty()) {
    const Wall not_after(to_event(at + options_.ttl_default));
    make_up = write_compensation({.compensation = command.compensation,
                                  .id = record::stable_id("act.compensation", "1", command.position, 0),
                                  .device = command.device,
                                  .failed_id = command.id,
                                  .alert_id = command.alert_id,
                                  .at = to_event(at),
                                  .not_after = to_event(not_after)});
    out.push_back({.cls = record::Class::critical,
                   .qos = 2,
                   .topic = make_up_topic,
                   .payload = as_bytes(make_up),
                   .origin = origin_name,
                   .expires_at = not_after,
                   .cause = command.position});
  }
  const auto position = TRY(log_.append(out));
  own_end_ = position + out.size();
  index_.reach(command, {found.to, Wall(to_event(at)), std::string(detail), position});
  ++changed_;
  count_state(found.to);
  return {};
}

// All fates of earlier runs are read: what still moves a command now was not written before the crash.
Result<> LogTracker::judge_pending() {
  std::size_t done = 0;
  Result<> result;
  for (; done < pending_.size(); ++done) {
    const auto& p = pending_[done];
    auto* command = index_.command_at(p.command);
    if (command == nullptr) continue;
    result = judge(*command, p.event, p.at, p.detail, /*counted=*/false);
    if (!result) break;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
  if (result) pending_.shrink_to_fit();
  return result;
}

// Drops what the fates read so far have settled, so that a start from a long log holds few.
void LogTracker::prune_pending() {
  std::erase_if(pending_, [this](const Pending& p) {
    const auto* command = index_.command_at(p.command);
    return command == nullptr || is_final(command->state) || next(command->state, p.event).outcome == Outcome::repeated;
  });
  prune_at_ = std::max(pending_max, pending_.size() * 2);
}

Result<> LogTracker::expire(Wall now) {
  for (const auto position : index_.overdue(now - options_.grace)) {
    auto* command = index_.command_at(position);
    INVARIANT(command != nullptr);
    const auto event = command->expires ? Event::not_after : Event::overdue;
    auto detail = detail_of(event);
    if (command->expires && command->state == State::sent) detail = "not-after passed before the device confirmed";
    TRY(judge(*command, event, now, detail, /*counted=*/true));
  }
  return {};
}

Result<LogTracker::Issued> LogTracker::issue(const Command& command, std::string_view origin) {
  const std::scoped_lock lock(mutex_);
  const auto position = TRY(enter(command, origin));
  return Issued{command.id, position, index_.command_at(position)->item(position + 1)};
}

Result<Position> LogTracker::enter(const Command& command, std::string_view origin) {
  if (index_.waiting() >= options_.commands_open_max) {
    return fail(Code::full, std::to_string(index_.waiting()) + " commands wait for their devices; try again later",
                "commands");
  }
  const auto position = TRY(log_.append(command.record(origin), log::Urgency::now));
  own_end_ = position + 1;
  // Read back for its time, and entered here, so that who asks after the commit finds it. It is still in memory.
  const auto chunk = TRY(log_.read(position, {.bytes_max = 1}));
  if (chunk.empty() || chunk.records().front().position != position) {
    return fail(Code::io, "the command cannot be read back", command.topic);
  }
  if (!take_command(chunk.records().front())) return fail(Code::exists, "a command has that id already", command.id);
  return position;
}

Result<Tracker::Adopted> LogTracker::adopt(std::string_view payload, Wall now) {
  using How = Adopted::Outcome;
  const auto refused = [](std::string why) { return Adopted{How::refused, std::move(why), {}}; };
  auto fields = read_command(as_bytes(payload));
  if (!fields) return refused("it cannot be read: " + std::string(act::name(fields.error())));
  if (fields->id.empty() || !fields->not_after) return refused("it has no command_id or no not_after");
  if (const auto device = record::check_device_id(fields->device); !device) return refused(device.error().what);
  const std::scoped_lock lock(mutex_);
  // Ids that were taken before the start stand in what is still to be read.
  if (replaying()) return fail(Code::busy, "the commands of before are still being read");
  if (const auto* known = index_.command_named(fields->id)) return Adopted{How::taken, "", known->position + 1};
  const Wall not_after(*fields->not_after);
  if (not_after <= std::max(now, index_.time())) {
    const bool all_known = index_.commands_floor() == Position{} && index_.forgotten().empty();
    return Adopted{all_known ? How::passed : How::unknown, "its not-after has passed at the gateway", {}};
  }
  const Command command{fields->id, "commands/" + fields->device, std::string(payload), not_after};
  return Adopted{How::taken, "", TRY(enter(command, adopted_origin)) + 1};
}

// What people do about alerts. The alerts that left memory are looked up without the lock: a step that somebody else
// takes meanwhile is then judged twice, and the second one is a repetition to whoever reads it.
Result<LogTracker::Worked> LogTracker::work(const AlertWork& work, Wall now, std::string_view origin) {
  auto alerts = TRY(find_alerts(work.alert_ids));
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> topics;
  std::vector<std::string> payloads;
  std::vector<AlertEntry*> moved;
  for (auto& alert : alerts) {
    if (const auto* known = index_.alert_named(alert.id)) alert = *known;
    const auto found = next(alert.state, work.action);
    if (found.outcome == Outcome::ignored)
      return fail(Code::exists, "is " + std::string(act::name(alert.state)) + " already", alert.id);
    if (found.outcome == Outcome::repeated) continue;
    if (alert.changes.size() >= alert_changes_max)
      return fail(Code::exists, "has " + std::to_string(alert_changes_max) + " changes already", alert.id);
    topics.push_back(std::string(care_topic) + alert.id);
    payloads.push_back(write_care(alert.id, alert.device, work, to_event(now)));
    moved.push_back(&alert);
  }
  std::vector<log::Record> out;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    out.push_back({.cls = record::Class::critical,
                   .kind = record::Kind::fate,
                   .topic = topics[i],
                   .payload = as_bytes(payloads[i]),
                   .origin = origin,
                   .cause = moved[i]->position});
  }
  Worked worked{log_.committed_end(), {}};
  for (const auto& alert : alerts) {
    if (!alert.changes.empty()) worked.end = std::max(worked.end, alert.changes.back().position + 1);
  }
  if (!out.empty()) {
    auto at = TRY(log_.append(out, log::Urgency::now));
    worked.end = own_end_ = at + out.size();
    for (auto* alert : moved) {
      AlertChange change{work.action, Wall(to_event(now)), work.by, work.comment, at};
      index_.change(alert->position, change);
      alert->change(std::move(change));
      at = at + 1;
    }
    ++changed_;
  }
  for (const auto& alert : alerts) worked.items.push_back(alert.item(worked.end));
  return worked;
}

Result<> LogTracker::checkpoint() {
  if (options_.checkpoint_path.empty()) return {};
  Buffer state;
  Position at;
  {
    const std::scoped_lock lock(mutex_);
    at = position();
    // What we wrote ourselves must have come back: the state then says nothing that a crash could still take away.
    if (!pending_judged_ || own_end_ > at) return {};
    if (changed_ < options_.checkpoint_changes && at - saved_ < options_.checkpoint_records) return {};
    index_.encode(state);
  }
  TRY(log::save(files_, options_.saver, options_.checkpoint_path, checkpoint_version, at, std::move(state), log_));
  const std::scoped_lock lock(mutex_);
  changed_ = 0;
  saved_ = at;
  pin();
  return {};
}

Counts LogTracker::counts() const {
  const std::scoped_lock lock(mutex_);
  return {index_.alerts_ever, index_.commands_ever, index_.open()};
}

void LogTracker::count_reject(std::string_view what, Reject reason) {
  metrics_
      .counter("skerry_act_" + std::string(what) + "_rejected_total", "not taken, with the reason",
               {{"reason", std::string(act::name(reason))}})
      .add();
}

void LogTracker::count_alert(const AlertFields& fields) {
  static constexpr std::array<std::string_view, 6> severities{"info", "low", "warning", "medium", "high", "critical"};
  auto known = std::ranges::find(alert_types_, fields.type);
  if (known == alert_types_.end() && alert_types_.size() < label_values_max) {
    known = alert_types_.insert(alert_types_.end(), fields.type);
  }
  const bool severity_known = std::ranges::find(severities, fields.severity) != severities.end();
  metrics_
      .counter("skerry_alerts_total", "alerts raised since the start",
               {{"alert_type", known == alert_types_.end() ? "other" : fields.type},
                {"severity", severity_known ? fields.severity : "other"}})
      .add();
}

void LogTracker::count_state(State state) {
  metrics_
      .counter("skerry_commands_total", "commands that reached a state since the start",
               {{"state", std::string(act::name(state))}})
      .add();
}

}  // namespace skerry::act
