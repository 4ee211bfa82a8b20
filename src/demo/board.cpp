// Keeping the board.
#include "demo/board.hpp"

#include <algorithm>

#include "demo/limits.hpp"

namespace skerry::demo {
Board::Board(const Source& source, StampOf stamp_of, Clock& clock, std::uint64_t seed, double speed)
    : source_(source),
      stamp_of_(std::move(stamp_of)),
      clock_(clock),
      seed_(seed),
      speed_(speed),
      began_(clock.mono()),
      began_wall_(clock.wall()),
      seconds_(1) {
  for (std::uint32_t i = 0; i < source.devices().size(); ++i) device_numbers_[source.devices()[i]] = i;
}

Board::Second& Board::second() {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.mono() - began_).count();
  for (; last_second_ < now; ++last_second_) {
    seconds_.emplace_back();
    if (seconds_.size() > limits::seconds_kept) seconds_.pop_front();
  }
  return seconds_.back();
}

void Board::sent() {
  ++sent_;
  ++second().sent;
}

void Board::acknowledged(const Acknowledged& reading) {
  ++acknowledged_;
  ++second().acknowledged;
  newest_.push_back(reading);
  if (newest_.size() > limits::readings_kept) newest_.pop_front();
}

void Board::gateway_up(const Gateway& gateway) {
  gateway_ = gateway;
  ++starts_;
  up_ = true;
  disk_full_ = false;
  link_.reset();
  end_outage("killed");
}

void Board::gateway_down() {
  end_outage("disk_full");  // the next process finds an empty disk
  end_outage("link_cut");   // and a link that is whole
  begin_outage("killed");
  up_ = false;
}

void Board::gateway_says(const Report& report) {
  if (stored_ && report.stored > *stored_) {
    const auto more = report.stored - *stored_;
    second().stored += more;
    stored_here_ += more;
  }
  stored_ = report.stored;
  link_says(report.link);
  if (report.disk_full == disk_full_) return;
  disk_full_ = report.disk_full;
  if (disk_full_) {
    begin_outage("disk_full");
  } else {
    end_outage("disk_full");
  }
}

void Board::link_says(const std::optional<Report::Link>& link) {
  const bool was_cut = link_ && link_->cut;
  const auto waited = link_ ? link_->live + link_->backlog : 0;
  link_ = link;
  if (!link) return;
  auto& kept = second().link;
  const auto worst = kept ? kept->live_delay_s : std::nullopt;
  kept = link;
  if (worst) kept->live_delay_s = std::max(*worst, link->live_delay_s.value_or(0));
  if (link->cut && !was_cut) begin_outage("link_cut");
  if (!link->cut && was_cut) {
    end_outage("link_cut");
    for (auto& each : outages_) {
      if (each.kind == "link_cut" && each.to && !each.drain)
        each.drain = Drain{.most = std::max(waited, link->live + link->backlog)};
    }
  }
  if (!link->cut) drains(*link);
}

// What waited is in the cloud when the backlog's lane is empty and the live one holds no more than it does at any time.
void Board::drains(const Report::Link& link) {
  for (auto& each : outages_) {
    if (!each.drain || each.drain->all_s) continue;
    auto& drain = *each.drain;
    // It may have been so since right after the last report: at the most.
    const auto after = std::chrono::duration<double>(clock_.wall() - *each.to + report_every).count();
    if (!link.up) continue;
    if (!drain.up_s) drain.up_s = after;
    drain.live_delay_s_max = std::max(drain.live_delay_s_max, link.live_delay_s.value_or(0));
    if (link.backlog == 0 && link.live <= std::max<std::uint64_t>(100, drain.most / 20)) drain.all_s = after;
  }
}

void Board::begin_outage(std::string_view kind) {
  Outage outage;
  outage.kind = kind;
  outage.from = clock_.wall();
  outage.acknowledged_before = acknowledged_;
  outage.sent_before = sent_;
  outages_.push_back(std::move(outage));
  if (outages_.size() > limits::outages_kept) outages_.pop_front();
}

void Board::end_outage(std::string_view kind) {
  const auto found = std::find_if(outages_.rbegin(), outages_.rend(),
                                  [kind](const Outage& each) { return !each.to && each.kind == kind; });
  if (found == outages_.rend()) return;
  found->to = clock_.wall();
  found->acknowledged_at_end = acknowledged_;
  found->sent_at_end = sent_;
}

namespace {

// While the link was cut the gateway itself was never away.
bool unchecked(const auto& outage) { return outage.to && !outage.found && outage.kind != "link_cut"; }

}  // namespace

bool Board::wants_check() const {
  return up_ && std::ranges::any_of(outages_, [](const Outage& each) { return unchecked(each); });
}

// What was there after the newest outage was there after those before it, too.
void Board::checked(const Found& found) {
  for (auto& each : outages_) {
    if (unchecked(each)) each.found = found;
  }
}

const Fault* Board::fault_at(std::uint32_t device, std::int64_t stamp_ms) const {
  const auto& faults = source_.faults();
  const auto of_it = std::find_if(faults.rbegin(), faults.rend(), [&](const Fault& f) {
    return f.device == device && stamp_of_(f.from_ms) <= stamp_ms && stamp_ms <= stamp_of_(f.fades_ms) + 1'000;
  });
  return of_it == faults.rend() ? nullptr : &*of_it;
}

Board::Detection& Board::detection_of(const Fault& fault) {
  while (!detections_.empty() && detections_.begin()->first.first < source_.faults().front().from_ms)
    detections_.erase(detections_.begin());
  return detections_[{fault.from_ms, fault.device}];
}

void Board::command(std::uint32_t device, std::string_view command, std::int64_t stamp_ms) {
  ++commands_;
  if (const auto* fault = fault_at(device, stamp_ms)) {
    auto& detection = detection_of(*fault);
    if (detection.command.empty()) detection.command = command;
  }
}

void Board::alert(std::string_view device, std::string_view type, std::string_view id, std::int64_t stamp_ms) {
  const auto number = device_numbers_.find(device);
  if (number == device_numbers_.end()) return;  // a device of the user's
  const auto* fault = fault_at(number->second, stamp_ms);
  if (fault == nullptr) {
    ++other_alerts_;
    return;
  }
  if (std::ranges::find(fault->found_by, type) == fault->found_by.end()) return;  // of the commotion around it
  auto& detection = detection_of(*fault);
  if (detection.alerts++ > 0) return;
  detection.alert_type = type;
  detection.alert_id = id;
  detection.stamp_ms = stamp_ms;
}

}  // namespace skerry::demo
