// Rounds, ages, the account of each cycle.
#include "sync/queues.hpp"

#include <algorithm>

namespace skerry::sync {
namespace {

constexpr std::size_t classes = record::class_count;
constexpr double frames_a_round = 10;
constexpr double waiting_rounds = 8;  // of its quantum, a class keeps that the other lane kept from its turn
constexpr double idle_rounds = 2;     // of its quantum, critical keeps for when it comes
constexpr auto seen_apart = std::chrono::milliseconds{10};
constexpr std::size_t seen_max = 6'000;
constexpr auto shares_over = std::chrono::seconds{10};
constexpr std::uint64_t segment_bytes = 1'448;      // of a TCP segment with timestamps
constexpr std::uint64_t segment_header_bytes = 66;  // Ethernet 14, IP 20, TCP 32
constexpr std::uint64_t frame_header_bytes = 36;    // WebSocket 14, TLS 22

constexpr std::size_t critical = static_cast<std::size_t>(Class::critical);

}  // namespace

std::string_view name(Congestion congestion) {
  switch (congestion) {
    case Congestion::none: return "none";
    case Congestion::mild: return "mild";
    case Congestion::severe: return "severe";
  }
  return "unknown";
}

std::uint64_t wire_bytes(std::uint64_t frame_bytes) {
  const auto bytes = frame_bytes + frame_header_bytes;
  return bytes + bytes * segment_header_bytes / segment_bytes;
}

Queues::Queues(const QueuesOptions& options) : options_(options) {
  shares_ = 0;
  for (const auto& each : options_.classes) shares_ += each.share;
  INVARIANT(shares_ > 0);
}

// ---- how old things are ----

void Queues::see(const PerClass<std::uint64_t>& ends, Mono now) {
  for (std::size_t c = 0; c < classes; ++c) {
    auto& seen = seen_[c];
    if (!seen.empty() && ends[c] <= seen.back().end) continue;
    // Those that come close together have the time of the first: nothing counts as younger than it is.
    if (!seen.empty() && now - seen.back().at < seen_apart) {
      seen.back().end = ends[c];
    } else {
      seen.push_back({ends[c], now});
    }
    if (seen.size() > seen_max) seen.pop_front();
  }
}

std::chrono::nanoseconds Queues::age(Class cls, std::uint64_t offset, Mono now) const {
  const auto& seen = seen_[static_cast<std::size_t>(cls)];
  const auto found = std::ranges::upper_bound(seen, offset, {}, &Seen::end);
  return found == seen.end() ? std::chrono::nanoseconds{0} : now - found->at;
}

// ---- what goes next ----

void Queues::enter(std::size_t c, bool waiting, double quantum) {
  const auto own = std::max(quantum * options_.classes[c].share / shares_, 1.0);
  auto& deficit = round_.deficit[c];
  if (waiting) {
    deficit = std::min(deficit + own, own * waiting_rounds);
  } else if (c == critical) {
    deficit = std::min(deficit + own, own * idle_rounds);
  } else {
    deficit = std::min(deficit, 0.0);
  }
}

// Of those that are due in a lane; `waiting` are those that are due in either.
Class Queues::next(const PerClass<bool>& due, const PerClass<bool>& waiting, double quantum) {
  if (std::exchange(round_.fresh, false))
    round_.deficit[critical] = idle_rounds * quantum * options_.classes[critical].share / shares_;
  for (;;) {
    if (due[critical] && round_.deficit[critical] > 0) return Class::critical;
    if (due[round_.at] && round_.deficit[round_.at] > 0) return static_cast<Class>(round_.at);
    round_.at = (round_.at + 1) % classes;
    enter(round_.at, waiting[round_.at], quantum);
  }
}

std::optional<Choice> Queues::next(const Due& due, std::uint64_t frame_bytes) {
  const bool live = std::ranges::any_of(due.live, [](bool b) { return b; });
  const bool backlog = std::ranges::any_of(due.backlog, [](bool b) { return b; });
  if (!backlog) backlog_credit_ = 0;
  if (!live && !backlog) return {};
  const auto quantum = frames_a_round * static_cast<double>(std::max<std::uint64_t>(frame_bytes, 256));
  PerClass<bool> waiting{};
  for (std::size_t c = 0; c < classes; ++c) waiting[c] = due.live[c] || due.backlog[c];
  const bool late = backlog && (!live || backlog_credit_ > 0);
  return Choice{late ? Lane::backlog : Lane::live, next(late ? due.backlog : due.live, waiting, quantum)};
}

void Queues::sent(const Choice& choice, std::uint64_t records, std::uint64_t frame_bytes, Mono now) {
  const auto c = static_cast<std::size_t>(choice.cls);
  const auto bytes = static_cast<double>(frame_bytes);
  round_.deficit[c] = std::max(round_.deficit[c] - bytes, -static_cast<double>(MiB));
  if (choice.lane == Lane::live) {
    backlog_credit_ += bytes / static_cast<double>(backlog_share - 1);
  } else if (backlog_credit_ > 0) {  // else nothing live was due, and it cost nobody anything
    backlog_credit_ -= bytes;
  }
  counts_[c].sent += records;
  counts_[c].sent_bytes += frame_bytes;
  sent_this_cycle_[c] += frame_bytes;
  if (options_.bandwidth == 0) return;
  (void)may_send_at(now);
  tokens_ -= static_cast<double>(wire_bytes(frame_bytes));
}

std::uint64_t Queues::budget() const {
  const auto factor = congestion() == Congestion::severe ? options_.severe_bandwidth
                      : congestion() == Congestion::mild ? options_.mild_bandwidth
                                                         : 1.0;
  return static_cast<std::uint64_t>(static_cast<double>(options_.bandwidth) * factor);
}

Mono Queues::may_send_at(Mono now) {
  if (options_.bandwidth == 0) return now;
  const auto rate = static_cast<double>(budget());
  const auto cycle = std::chrono::duration<double>(options_.cycle).count();
  tokens_ = std::min(tokens_ + rate * std::chrono::duration<double>(now - tokens_at_).count(), rate * cycle / 4);
  tokens_at_ = now;
  if (tokens_ >= 0) return now;
  const std::chrono::duration<double> wait(-tokens_ / rate);
  return now + std::chrono::ceil<std::chrono::microseconds>(wait);
}

void Queues::link_gone() {
  round_ = {};
  backlog_credit_ = 0;
  over_ = {};
}

// ---- the account ----

Congestion Queues::congestion() const {
  const auto mean = fill();
  if (mean > options_.severe_above) return Congestion::severe;
  return mean > options_.mild_above ? Congestion::mild : Congestion::none;
}

double Queues::fill() const {
  return fills_.empty() ? 0 : std::max(fill_sum_, 0.0) / static_cast<double>(fills_.size());
}

// How many each may hold now: what is too much of critical takes places of the lowest that uses its own.
PerClass<std::uint64_t> Queues::room(const PerClass<Window>& windows) const {
  PerClass<std::uint64_t> room{};
  for (std::size_t c = 0; c < classes; ++c) room[c] = options_.classes[c].size;
  const auto waiting = windows[critical].end - windows[critical].from;
  auto wanted = waiting > room[critical] ? waiting - room[critical] : 0;
  for (std::size_t c = classes - 1; c > critical && wanted > 0; --c) {
    const auto taken = std::min(wanted, room[c]);
    room[c] -= taken;
    room[critical] += taken;
    wanted -= taken;
  }
  return room;
}

std::optional<Queues::Leave> Queues::leaves(std::size_t c, const Window& window, std::uint64_t size, Mono now) {
  const auto& own = options_.classes[c];
  const auto cls = static_cast<Class>(c);
  const auto patience =
      own.drop_late ? 1U : 1U << std::min<std::size_t>(window.stretches > 0 ? window.stretches - 1 : 0, 8);
  const auto waiting = window.end - window.from;
  const bool over = waiting > size * patience;
  const bool still_over = std::exchange(over_[c], over) && over;
  if (waiting == 0 || !window.can_leave) return {};
  if (age(cls, window.from, now) > own.ttl * patience) {
    const auto& seen = seen_[c];
    auto to = window.from;
    // A half of its time is left to what stays, where leaving costs a stretch.
    const auto keep = own.drop_late ? own.ttl : own.ttl / 2;
    for (const auto& each : seen) {
      if (now - each.at <= keep) break;
      to = std::max(to, std::min(each.end, window.end));
    }
    if (to > window.from) return Leave{to, true};
  }
  if (!still_over) return {};  // a moment's burst is no queue
  over_[c] = false;
  const auto keep = own.drop_late ? size : size / 2;
  return Leave{window.end - std::min(keep, waiting), false};
}

PerClass<std::optional<Queues::Leave>> Queues::account(const PerClass<Window>& windows, Mono now) {
  cycle_at_ = now + options_.cycle;
  std::uint64_t waiting = 0;
  std::uint64_t places = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    INVARIANT(windows[c].end >= windows[c].from);
    waiting += std::min(windows[c].end - windows[c].from, options_.classes[c].size);
    places += options_.classes[c].size;
    auto& seen = seen_[c];  // what is before the window has no age that matters
    while (seen.size() > 1 && seen.front().end <= windows[c].from) seen.pop_front();
  }
  fills_.push_back(places == 0 ? 0 : static_cast<double>(waiting) / static_cast<double>(places));
  fill_sum_ += fills_.back();
  while (fills_.size() > options_.samples) {
    fill_sum_ -= fills_.front();
    fills_.pop_front();
  }
  sent_in_cycles_.push_back(std::exchange(sent_this_cycle_, {}));
  const auto cycles = static_cast<std::size_t>(std::max<std::int64_t>(shares_over / options_.cycle, 1));
  while (sent_in_cycles_.size() > cycles) sent_in_cycles_.pop_front();
  const auto sizes = room(windows);
  PerClass<std::optional<Leave>> all;
  for (std::size_t c = 0; c < classes; ++c) all[c] = leaves(c, windows[c], sizes[c], now);
  return all;
}

void Queues::left(Class cls, std::uint64_t records, bool expired, bool dropped) {
  auto& counts = counts_[static_cast<std::size_t>(cls)];
  (expired ? counts.expired : counts.displaced) += records;
  if (dropped) counts.dropped += records;
}

QueueStatus Queues::status(Class cls, std::uint64_t from, Mono now) const {
  const auto c = static_cast<std::size_t>(cls);
  auto status = counts_[c];
  status.oldest = std::chrono::floor<std::chrono::milliseconds>(age(cls, from, now));
  std::uint64_t own = 0;
  std::uint64_t all = 0;
  for (const auto& cycle : sent_in_cycles_) {
    own += cycle[c];
    for (const auto bytes : cycle) all += bytes;
  }
  status.share = all == 0 ? 0 : static_cast<double>(own) / static_cast<double>(all);
  return status;
}

}  // namespace skerry::sync
