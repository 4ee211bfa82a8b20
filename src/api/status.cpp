// What /api/v1/status answers.
#include "api/status.hpp"

#include <algorithm>

#include "api/limits.hpp"
#include "api/print.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

void copy(const metrics::Histogram* from, std::uint64_t (&to)[metrics::Histogram::buckets + 1]) {
  if (from == nullptr) return;
  for (int i = 0; i <= metrics::Histogram::buckets; ++i) to[i] = from->in_bucket(i);
}

}  // namespace

Status::Status(Deps& deps) : deps_(deps) { tick(); }

Status::Sample Status::sample() const {
  Sample s{.at = deps_.loop.clock().mono(), .messages = deps_.history.counts().messages};
  copy(deps_.decision_seconds, s.decision);
  copy(deps_.commit_seconds, s.commit);
  return s;
}

void Status::tick() {
  samples_.push_back(sample());
  if (samples_.size() > quantile_seconds + 1U) samples_.pop_front();
  timer_ = deps_.loop.after(std::chrono::seconds{1}, [this] { tick(); });
}

double Status::per_second() const {
  const auto& now = samples_.back();
  const auto& before = samples_[samples_.size() - std::min<std::size_t>(samples_.size(), rate_seconds + 1)];
  const auto span = std::chrono::duration<double>(now.at - before.at).count();
  return span > 0 ? static_cast<double>(now.messages - before.messages) / span : 0;
}

// Of the last minute; of all time where nothing happened in it.
std::string Status::quantiles(const metrics::Histogram* histogram, const Buckets Sample::*buckets,
                              bool with_count) const {
  Buckets window = {};
  std::uint64_t sum = 0;
  if (histogram != nullptr) {
    const auto& before = samples_.front().*buckets;
    for (int i = 0; i <= metrics::Histogram::buckets; ++i) {
      window[i] = histogram->in_bucket(i) - before[i];
      sum += window[i];
    }
  }
  const auto quantile = [&](double q) {
    if (histogram == nullptr) return 0.0;
    return sum == 0 ? histogram->quantile(q) : metrics::Histogram::quantile_of(window, q);
  };
  std::string text;
  ObjectText object(text);
  object.number("p50", quantile(0.5)).number("p99", quantile(0.99));
  if (with_count) object.count("count", histogram == nullptr ? 0 : histogram->count());
  object.end();
  return text;
}

namespace {

// What is gone, by class and reason; and what went last, newest first.
std::pair<std::string, std::string> gaps_text(const log::Log& log, const log::Stats& stats) {
  std::string sums;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    for (std::size_t r = 0; r < log::gap_reason_count; ++r) {
      if (stats.gone[c][r] == 0) continue;
      if (!sums.empty()) sums += ',';
      ObjectText(sums)
          .text("class", record::name(static_cast<record::Class>(c)))
          .text("reason", log::name(static_cast<log::GapReason>(r)))
          .count("records", stats.gone[c][r])
          .end();
    }
  }
  auto all = log.gaps();
  const auto shown = std::min(all.size(), recent_gaps_shown);
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(shown),
                            [](const log::Gap& a, const log::Gap& b) { return a.at > b.at; });
  std::string recent;
  for (std::size_t i = 0; i < shown; ++i) {
    if (!recent.empty()) recent += ',';
    ObjectText(recent)
        .text("class", record::name(all[i].cls))
        .text("reason", log::name(all[i].reason))
        .count("from", all[i].from.value)
        .count("to", all[i].to.value)
        .time("declared_at", all[i].at)
        .end();
  }
  return {"[" + sums + "]", "[" + recent + "]"};
}

std::string log_status(const log::Log& log, const log::Stats& stats) {
  const auto [gaps, recent] = gaps_text(log, stats);
  std::string text;
  ObjectText object(text);
  object.count("begin", log.begin().value).count("committed_end", log.committed_end().value);
  object.count("journal_bytes", stats.journal_bytes).count("block_bytes", stats.block_bytes);
  object.flag("failed", stats.failed).text("state", log::name(stats.state));
  if (stats.trouble.empty()) {
    object.raw("trouble", "null");
  } else {
    object.text("trouble", stats.trouble);
  }
  object.count("read_errors", stats.read_errors).count("epochs", log.epochs().size());
  object.count("used_bytes", stats.used_bytes).count("budget_bytes", stats.budget_bytes);
  object.count("disk_free_bytes", stats.disk_free_bytes);
  if (stats.disk_seconds > 0) {
    object.number("disk_hours_left", stats.disk_seconds / 3600);
  } else {
    object.raw("disk_hours_left", "null");
  }
  object.number("wear_bytes_per_day", stats.wear_bytes_per_day);
  if (stats.oldest > Wall{}) {
    object.time("oldest", stats.oldest);
  } else {
    object.raw("oldest", "null");
  }
  object.raw("gaps", gaps).raw("recent_gaps", recent).end();
  return text;
}

}  // namespace

std::string Status::json() const {
  const auto log = deps_.log.stats();
  const auto counts = deps_.history.counts();
  const auto acts = deps_.act.counts();
  std::string ports;
  ObjectText port_object(ports);
  if (deps_.ports) {
    for (const auto& [name, port] : deps_.ports()) port_object.count(name, port);
  }
  port_object.end();
  const auto log_text = log_status(deps_.log, log);
  std::string text;
  ObjectText object(text);
  object.text("version", deps_.info.version).text("gateway_id", deps_.info.gateway_id);
  object.time("started_at", deps_.info.started_at).time("now", deps_.loop.clock().wall());
  if (deps_.demo.name.empty()) {
    object.raw("demo", "null");
  } else {
    object.text("demo", deps_.demo.name);
  }
  std::string site;
  ObjectText(site).text("time_zone", deps_.info.time_zone).end();
  object.raw("site", site);
  object.raw("ports", ports).count("devices", counts.devices).count("messages_total", counts.messages);
  object.number("messages_per_second", per_second());
  object.count("alerts_total", acts.alerts).count("commands_total", acts.commands);
  object.raw("decision_seconds", quantiles(deps_.decision_seconds, &Sample::decision, true));
  object.raw("commit_seconds", quantiles(deps_.commit_seconds, &Sample::commit, false));
  if (deps_.configuration.status) object.raw("config", deps_.configuration.status());
  object.raw("uplink", deps_.uplink ? deps_.uplink() : "null");
  object.raw("log", log_text).flag("ready", log.state == log::State::ok);
  object.end();
  return text;
}

}  // namespace skerry::api
