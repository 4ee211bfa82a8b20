// Telling the board as JSON.
#include <nlohmann/json.hpp>

#include "demo/board.hpp"
#include "demo/limits.hpp"

namespace skerry::demo {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(std::int64_t stamp_ms) { return format_rfc3339(EventTime{std::chrono::milliseconds{stamp_ms}}); }
std::string text_of(Wall at) { return format_rfc3339(to_event(at)); }
double seconds_between(Wall from, Wall to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

struct Board::Telling {
  const Board& board;

  Json timeline() const;
  Json link_timeline() const;
  Json outages() const;
  Json faults() const;
};

Json Board::Telling::timeline() const {
  Json sent = Json::array();
  Json acknowledged = Json::array();
  Json stored = Json::array();
  for (const auto& each : board.seconds_) {
    sent.push_back(each.sent);
    acknowledged.push_back(each.acknowledged);
    stored.push_back(each.stored);
  }
  const auto count = static_cast<std::int64_t>(board.seconds_.size());
  return {{"from", text_of(board.began_wall_ + std::chrono::seconds{board.last_second_ + 1 - count})},
          {"step_s", 1},
          {"sent", std::move(sent)},
          {"acknowledged", std::move(acknowledged)},
          {"stored", std::move(stored)}};
}

// A number for each second, as in the timeline; null where nothing is known.
Json Board::Telling::link_timeline() const {
  Json live = Json::array();
  Json backlog = Json::array();
  Json delay = Json::array();
  for (const auto& each : board.seconds_) {
    live.push_back(each.link ? Json(each.link->live) : Json());
    backlog.push_back(each.link ? Json(each.link->backlog) : Json());
    delay.push_back(each.link && each.link->live_delay_s ? Json(*each.link->live_delay_s) : Json());
  }
  return {{"live", std::move(live)}, {"backlog", std::move(backlog)}, {"live_delay_s", std::move(delay)}};
}

Json Board::Telling::outages() const {
  Json all = Json::array();
  for (const auto& each : board.outages_) {
    const auto acknowledged = each.to ? each.acknowledged_at_end : board.acknowledged_;
    const auto sent = each.to ? each.sent_at_end : board.sent_;
    Json outage{{"kind", each.kind},
                {"from", text_of(each.from)},
                {"to", each.to ? Json(text_of(*each.to)) : Json()},
                {"seconds", seconds_between(each.from, each.to.value_or(board.clock_.wall()))},
                {"acknowledged_before", each.acknowledged_before},
                {"acknowledged_meanwhile", acknowledged - each.acknowledged_before},
                {"sent_meanwhile", sent - each.sent_before}};
    if (each.found) {
      outage["checked"] = each.found->asked;
      outage["found"] = each.found->found;
      outage["lost"] = each.found->asked - each.found->found;
      outage["twice"] = each.found->twice;
    }
    if (each.drain) {
      const auto known = [](const std::optional<double>& s) { return s ? Json(*s) : Json(); };
      outage["drain"] = {{"records", each.drain->most},
                         {"up_after_s", known(each.drain->up_s)},
                         {"all_after_s", known(each.drain->all_s)},
                         {"live_delay_s_max", each.drain->live_delay_s_max}};
    }
    all.push_back(std::move(outage));
  }
  return all;
}

Json Board::Telling::faults() const {
  Json all = Json::array();
  const auto& known = board.source_.faults();
  const auto skipped = known.size() > limits::faults_told ? known.size() - limits::faults_told : 0;
  for (auto each = known.begin() + static_cast<std::ptrdiff_t>(skipped); each != known.end(); ++each) {
    Json fault{{"device_id", board.source_.devices()[each->device]},
               {"kind", each->kind},
               {"from", text_of(board.stamp_of_(each->from_ms))},
               {"to", text_of(board.stamp_of_(each->to_ms))},
               {"found", nullptr},
               {"command", nullptr}};
    const auto found = board.detections_.find({each->from_ms, each->device});
    if (found != board.detections_.end()) {
      const auto& d = found->second;
      if (d.alerts > 0)
        fault["found"] = {{"alert_type", d.alert_type},
                          {"alert_id", d.alert_id},
                          {"at", text_of(d.stamp_ms)},
                          {"after_s", static_cast<double>(d.stamp_ms - board.stamp_of_(each->from_ms)) / 1'000},
                          {"alerts", d.alerts}};
      if (!d.command.empty()) fault["command"] = d.command;
    }
    all.push_back(std::move(fault));
  }
  return all;
}

std::string Board::json() const {
  const Telling telling{*this};
  Json all;
  all["demo"] = source_.name();
  all["seed"] = seed_;
  all["speed"] = speed_;
  all["devices"] = source_.devices().size();
  all["began"] = text_of(began_wall_);
  all["sent"] = sent_;
  all["acknowledged"] = acknowledged_;
  all["waiting"] = sent_ - acknowledged_;
  all["stored"] = stored_here_;
  all["commands"] = commands_;
  all["gateway"] = {{"up", up_}, {"pid", gateway_.pid}, {"starts", starts_}, {"disk_full", disk_full_}};
  all["link"] =
      link_ ? Json{{"cut", link_->cut}, {"up", link_->up}, {"live", link_->live}, {"backlog", link_->backlog}} : Json();
  all["timeline"] = telling.timeline();
  if (link_) all["timeline"].update(telling.link_timeline());
  all["outages"] = telling.outages();
  all["faults"] = telling.faults();
  all["alerts_without_fault"] = other_alerts_;
  return all.dump();
}

}  // namespace skerry::demo
