// The gateway's side: the handshake, which lane goes next, and what has been acknowledged.
#include "sync/sender.hpp"

#include <algorithm>
#include <functional>

#include "sync/batch.hpp"

namespace skerry::sync {
namespace {

constexpr std::array classes_in_order{Class::critical, Class::high, Class::medium, Class::low};
std::size_t index(Class cls) { return static_cast<std::size_t>(cls); }

}  // namespace

std::string_view name(Phase phase) {
  switch (phase) {
    case Phase::down: return "down";
    case Phase::greeting: return "greeting";
    case Phase::proving: return "proving";
    case Phase::sending: return "sending";
  }
  return "unknown";
}

Sender::Sender(Source& source, SenderOptions options, const std::optional<Memory>& memory, Watcher* watcher)
    : source_(source), options_(std::move(options)), queues_(options_.queues), watcher_(watcher) {
  if (memory) memory_ = *memory;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if (memory_.acked[c].base() == options_.bases[c]) continue;
    memory_.acked[c] = Intervals(options_.bases[c]);
    memory_.sent[c].clear();
  }
}

void Sender::send(Out& out, const Frame& frame) {
  auto bytes = encode(frame);
  if (uses_credit(frame)) credit_ -= std::min<std::uint64_t>(credit_, bytes.size());
  counts_.bytes += bytes.size();
  out.frames.push_back(std::move(bytes));
}

void Sender::end(Out& out, std::string why) {
  out.close = true;
  out.why = std::move(why);
  on_closed();
}

void Sender::malformed(Out& out, std::string why) {
  ++counts_.malformed;
  send(out, Refuse{Refusal::malformed, 0, why});
  end(out, "the cloud sent a malformed frame: " + why);
}

void Sender::on_open(Mono now, Out& out) {
  on_closed();
  phase_ = Phase::greeting;
  opened_at_ = heard_at_ = now;
  Hello hello{.gateway = options_.gateway,
              .software = options_.software,
              .epoch = options_.epoch,
              .classes = options_.classes,
              .bases = options_.bases,
              .ends = source_.ends()};
  hello.version_most = version_most();
  for (std::size_t c = 0; c < record::class_count; ++c) hello.ends[c] = std::max(hello.ends[c], hello.bases[c]);
  send(out, hello);
}

void Sender::on_closed() {
  phase_ = Phase::down;
  outstanding_.clear();
  arrived_.clear();
  for (auto& each : backlog_) each.clear();
  waiting_since_ = {};
  not_before_ = {};
  backlog_out_ = 0;
  backlog_window_ = backlog_window_min;
  queues_.link_gone();
  credit_ = window_ = ack_bytes_ = 0;
  canary_sent_at_.reset();
  canary_next_ = {};
  canary_seen_ = false;
  canary_rtt_.reset();
}

void Sender::on_frame(Bytes bytes, Mono now, Out& out) {
  if (phase_ == Phase::down) return;
  heard_at_ = now;
  const auto frame = decode(bytes);
  if (!frame) return malformed(out, frame.error().text());
  if (const auto* refuse = std::get_if<Refuse>(&*frame)) return on(*refuse, out);
  if (const auto* welcome = std::get_if<Welcome>(&*frame); welcome != nullptr && phase_ == Phase::greeting)
    return on(*welcome, now, out);
  if (const auto* ready = std::get_if<Ready>(&*frame); ready != nullptr && phase_ == Phase::proving)
    return on(*ready, now, out);
  if (phase_ == Phase::sending) {
    if (const auto* ack = std::get_if<Ack>(&*frame)) {
      ack_bytes_ += bytes.size();
      return on(*ack, now, out);
    }
    if (const auto* credit = std::get_if<Credit>(&*frame)) {
      if (credit->bytes > window_ - credit_) return malformed(out, "CREDIT: more than was used");
      credit_ += credit->bytes;
      return;
    }
    if (const auto* pong = std::get_if<Pong>(&*frame)) {
      if (!canary_sent_at_ || pong->nonce != nonce_) return;  // of an earlier canary
      canary_seen_ = true;
      canary_rtt_ = now - *canary_sent_at_;
      canary_sent_at_.reset();
      return;
    }
    if (const auto* ping = std::get_if<Ping>(&*frame)) return send(out, Pong{ping->nonce});
    if (const auto* item = std::get_if<Item>(&*frame); item != nullptr && version_ >= version_items) {
      if (arrived_.size() >= items_out_max) return malformed(out, "ITEM: more than may wait for an answer");
      arrived_.push_back({*item, {}});
      return take_items(out);
    }
  }
  malformed(out, "a frame that may not come now");
}

void Sender::on(const Refuse& frame, Out& out) {
  ++counts_.refusals;
  refused_ = frame;
  end(out, "the cloud refuses: " + std::string(name(frame.reason)) + ": " + frame.why);
}

// The newest record that the cloud has of each stretch must be the one that is here: else this is not the history that
// the cloud knows, and what it has would hide what is new here.
void Sender::on(const Welcome& frame, Mono, Out& out) {
  if (frame.version < version_min || frame.version > version_most())
    return malformed(out, "WELCOME: an unknown version");
  Proof proof;
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if (frame.applied[c].base() != options_.bases[c]) return malformed(out, "WELCOME: another base");
    for (const auto& i : frame.applied[c].all()) {
      const auto fingerprint = proof_of(cls, i.to - 1);
      if (!fingerprint) return end(out, "the log cannot be read: " + fingerprint.error().text());
      proof.fingerprints[c].push_back(*fingerprint);
    }
  }
  welcomed_ = frame.applied;
  window_ = credit_ = frame.window;
  version_ = frame.version;
  phase_ = Phase::proving;
  send(out, proof);
}

Result<std::optional<std::uint64_t>> Source::proof(Class cls, std::uint64_t offset) {
  const auto slice = TRY(read(cls, offset, offset + 1, 1));
  if (slice.records.empty()) return std::optional<std::uint64_t>{};
  return fingerprint(slice.records.front());
}

Result<std::uint64_t> Sender::proof_of(Class cls, std::uint64_t offset) {
  if (offset >= source_.ends()[index(cls)]) return 0;
  // What is remembered goes first: a record may leave otherwise now than it did then (local fields).
  const auto& sent = memory_.sent[index(cls)];
  if (const auto found = sent.find(offset + 1); found != sent.end()) return found->second;
  for (const auto& i : acked(cls).all()) {
    if (i.to == offset + 1 && i.fingerprint > acknowledged_fingerprint) return i.fingerprint;
  }
  if (const auto print = TRY(source_.proof(cls, offset))) return *print;
  return acked(cls).contains(offset) ? acknowledged_fingerprint : unknown_fingerprint;
}

void Sender::acknowledge(Class cls, const Intervals& applied) {
  auto& sent = memory_.sent[index(cls)];
  const auto before = std::exchange(memory_.acked[index(cls)], applied);
  auto& now = memory_.acked[index(cls)];
  for (const auto& i : before.all()) now.set_fingerprint(i.to, i.fingerprint);
  for (const auto& i : now.all()) {
    if (const auto found = sent.find(i.to); found != sent.end()) now.set_fingerprint(i.to, found->second);
  }
  std::erase_if(sent, [&now](const auto& each) { return now.contains(each.first - 1); });
}

// Nobody can compute it again: that a gap was declared is known only to those who remember it.
std::uint64_t Sender::draw_fingerprint() {
  const auto mixed = (options_.salt ^ options_.epoch) * 0x9e3779b97f4a7c15 + ++drawn_;
  return mixed <= acknowledged_fingerprint ? acknowledged_fingerprint + 1 : mixed;
}

void Sender::on(const Ready&, Mono now, Out& out) {
  phase_ = Phase::sending;
  ready_at_ = now;
  ++counts_.sessions;
  refused_.reset();
  for (const auto cls : classes_in_order) acknowledge(cls, welcomed_[index(cls)]);
  for (auto& each : memory_.sent) each.clear();  // what of it had not been applied by now never will be
  plan_lanes(source_.ends());
  canary_next_ = now;
  canary(now, out);
}

// Live goes on where it ended, or from the newest offset when a backlog has come to be that it must not wait for.
void Sender::plan_lanes(const PerClass<std::uint64_t>& ends) {
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if ((options_.classes & record::mask(cls)) == 0) continue;
    const auto& applied = memory_.acked[c];
    projected_[c] = applied;
    late_[c] = 0;
    const auto newest = std::max(applied.end(), ends[c]);
    const bool split =
        newest - applied.end() > options_.split_records && applied.may_open() && !options_.queues.classes[c].drop_late;
    live_[c].next = split ? newest : applied.end();
    for (const auto& hole : applied.holes()) backlog_[c].push_back({hole.from, hole.to});
    if (split) backlog_[c].push_back({applied.end(), newest});
  }
}

void Sender::on(const Ack& frame, Mono now, Out& out) {
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if ((frame.classes & record::mask(cls)) == 0) continue;
    if (frame.applied[c].base() != options_.bases[c] || frame.applied[c].count() < memory_.acked[c].count())
      return malformed(out, "ACK: less than before");
    acknowledge(cls, frame.applied[c]);
  }
  for (auto& sent : outstanding_) {
    if (sent.bytes == 0 || !memory_.acked[index(sent.cls)].contains(sent.to - 1)) continue;
    acknowledged_bytes_ += sent.bytes;
    if (sent.lane == Lane::backlog) {
      backlog_out_ -= sent.bytes;
      on_delay(now - sent.sent_at, sent.bytes);
    } else if (watcher_ != nullptr) {
      watcher_->on_applied(sent.cls, std::min(sent.waited, sent.sent_at - ready_at_) + (now - sent.sent_at));
    }
    sent.bytes = 0;
  }
  while (!outstanding_.empty() && outstanding_.front().bytes == 0) outstanding_.pop_front();
  if (ack_bytes_ >= window_bytes_down / 4) {
    send(out, Credit{ack_bytes_});
    ack_bytes_ = 0;
  }
}

// So much backlog is on the way as is acknowledged within backlog_delay_max: what stands in queues that we do not see
// is bounded by that, and so is what live data wait for.
void Sender::on_delay(std::chrono::nanoseconds delay, std::uint64_t bytes) {
  if (delay <= backlog_delay_max) {
    backlog_window_ = std::min(backlog_window_max, backlog_window_ + bytes);
  } else {
    backlog_window_ = std::max(backlog_window_min, backlog_window_ - backlog_window_ / 4);
  }
}

void Sender::canary(Mono now, Out& out) {
  if (canary_sent_at_) {
    // Since the cloud was last heard before this canary; one that has just left has time to come back.
    const auto silent_at = std::min(*canary_sent_at_, heard_at_) + options_.network_timeout;
    if (now > silent_at && now - *canary_sent_at_ > options_.canary_every) end(out, "no canary came back in time");
    return;
  }
  if (now < canary_next_) return;
  canary_sent_at_ = now;
  canary_next_ = now + options_.canary_every;
  send(out, Ping{++nonce_});
}

// In the order that they came; what they changed here is on disk before the cloud hears of it.
void Sender::take_items(Out& out) {
  for (auto& each : arrived_) {
    if (each.taking) continue;
    auto taking = options_.inbox->take(each.item);
    if (!taking) break;  // asked again at the next pump
    each.taking = std::move(*taking);
  }
  if (arrived_.empty()) return;
  const auto end = options_.inbox->committed_end();
  while (!arrived_.empty() && arrived_.front().taking && arrived_.front().taking->end <= end) {
    auto& front = arrived_.front();
    send(out, ItemAnswer{front.item.kind, front.item.id, front.taking->took, front.taking->why});
    ++counts_.items;
    arrived_.pop_front();
  }
}

// ---- what goes next ----

bool Sender::is_live_due(Class cls, std::uint64_t end, Mono now) {
  const auto c = index(cls);
  if ((options_.classes & record::mask(cls)) == 0 || end <= live_[c].next || now < not_before_[c]) return false;
  if (late_[c] > live_[c].next) return true;
  if (!waiting_since_[c]) waiting_since_[c] = now;
  return end - live_[c].next >= linger_records || now - *waiting_since_[c] >= options_.linger[c];
}

Queues::Due Sender::due(const PerClass<std::uint64_t>& ends, Mono now) {
  Queues::Due due;
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    due.live[c] = is_live_due(cls, ends[c], now);
    due.backlog[c] = backlog_out_ < backlog_window_ && !backlog_[c].empty() && now >= not_before_[c];
  }
  return due;
}

void Sender::pump(const Room& room, Mono now, Out& out) {
  queues_.see(source_.ends(), now);
  if (phase_ == Phase::down) return;
  if (phase_ != Phase::sending) {
    if (now - opened_at_ > handshake_max) end(out, "the cloud did not answer in time");
    return;
  }
  canary(now, out);
  if (phase_ != Phase::sending) return;
  take_items(out);
  if (queues_.cycle_due(now)) account(source_.ends(), now);
  auto unsent = room.unsent;
  for (const auto& frame : out.frames) unsent += frame.size();
  while (phase_ == Phase::sending && unsent < room.turn_bytes && credit_ > 0) {
    const auto ends = source_.ends();
    const auto choice = queues_.next(due(ends, now), room.frame_bytes);
    if (!choice) return;
    if (const auto at = queues_.may_send_at(now); at > now) {
      out.again = at;
      return;
    }
    const auto before = out.frames.size();
    if (!send_some(*choice, ends[index(choice->cls)], room, now, out)) return;
    for (auto i = before; i < out.frames.size(); ++i) unsent += out.frames[i].size();
  }
  if (phase_ != Phase::sending) return;
  const auto left = due(source_.ends(), now);
  out.more = std::ranges::any_of(left.live, std::identity{}) || std::ranges::any_of(left.backlog, std::identity{});
}

// Once a cycle: what the link did not take in time, or is more than a queue holds, leaves its window.
void Sender::account(const PerClass<std::uint64_t>& ends, Mono now) {
  PerClass<Queues::Window> windows;
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if ((options_.classes & record::mask(cls)) == 0) continue;
    const auto from = std::max(live_[c].next, late_[c]);
    windows[c] = {.from = from,
                  .end = std::max(from, ends[c]),
                  .stretches = projected_[c].all().size(),
                  .can_leave = options_.queues.classes[c].drop_late || projected_[c].may_open()};
  }
  const auto leaves = queues_.account(windows, now);
  for (const auto cls : classes_in_order) {
    if (leaves[index(cls)]) leave(cls, *leaves[index(cls)]);
  }
}

void Sender::leave(Class cls, const Queues::Leave& leave) {
  const auto c = index(cls);
  const bool drop = options_.queues.classes[c].drop_late;
  const auto from = std::max(live_[c].next, late_[c]);
  queues_.left(cls, leave.to - from, leave.expired, drop);
  waiting_since_[c].reset();
  if (drop) {
    late_[c] = leave.to;
    return;
  }
  if (!backlog_[c].empty() && backlog_[c].back().end == live_[c].next) {
    backlog_[c].back().end = leave.to;  // nothing live was sent in between
  } else {
    backlog_[c].push_back({live_[c].next, leave.to});
  }
  live_[c].next = leave.to;
}

// ---- sending ----

// One frame of a lane. False when it does not fit the credit: it is read anew when there is more.
bool Sender::send_some(const Choice& choice, std::uint64_t end, const Room& room, Mono now, Out& out) {
  const auto c = index(choice.cls);
  const bool live = choice.lane == Lane::live;
  const auto next = live ? live_[c].next : backlog_[c].front().next;
  if (!live) end = backlog_[c].front().end;
  if (live && late_[c] > next) {
    if (const auto done = send_late(choice.cls, now, out)) return *done;
    end = late_[c];  // the last of them cannot be read: one by one
  }
  const auto raw_max = live ? batch_raw_bytes : backlog_raw_bytes;
  const auto raw = std::clamp(static_cast<std::uint64_t>(static_cast<double>(room.frame_bytes) * packs_[c]),
                              std::min(frame_raw_bytes_min, raw_max), raw_max);
  const auto slice = source_.read(choice.cls, next, std::min(end, next + batch_offsets_max), raw);
  if (!slice) {
    ++counts_.read_errors;
    not_before_[c] = now + read_retry;
    return true;
  }
  return slice->gone > 0 ? send_gap(choice, *slice, now, out) : send_batch(choice, *slice, raw, now, out);
}

bool Sender::send_gap(const Choice& choice, const Slice& slice, Mono now, Out& out) {
  if (gap_bytes_max > credit_ && credit_ < window_) return false;
  const auto c = index(choice.cls);
  const auto next = choice.lane == Lane::live ? live_[c].next : backlog_[c].front().next;
  const auto print = draw_fingerprint();
  const auto before = counts_.bytes;
  send(out, GapFrame{choice.lane, choice.cls, next, slice.gone, slice.reason, print});
  out.save = true;
  counts_.gaps += slice.gone;
  sent(choice, slice.gone, print, counts_.bytes - before, now);
  return true;
}

// What came too late for its class is declared gone though it is here: the last record's own fingerprint proves it.
Result<bool> Sender::send_late(Class cls, Mono now, Out& out) {
  const auto c = index(cls);
  const auto slice = TRY(source_.read(cls, late_[c] - 1, late_[c], 1));
  if (slice.records.empty()) return fail(Code::not_found, "is gone meanwhile");
  if (gap_bytes_max > credit_ && credit_ < window_) return false;
  const auto count = late_[c] - live_[c].next;
  const auto print = fingerprint(slice.records.front());
  const auto before = counts_.bytes;
  send(out, GapFrame{Lane::live, cls, live_[c].next, count, Reason::ttl, print});
  counts_.gaps += count;
  sent({Lane::live, cls}, count, print, counts_.bytes - before, now);
  return true;
}

bool Sender::send_batch(const Choice& choice, const Slice& slice, std::uint64_t raw_bytes, Mono now, Out& out) {
  const auto c = index(choice.cls);
  const auto next = choice.lane == Lane::live ? live_[c].next : backlog_[c].front().next;
  BatchWriter writer;
  for (const auto& record : slice.records) {
    writer.add(record);
    if (writer.raw_bytes() >= raw_bytes || writer.count() == batch_offsets_max) break;
  }
  INVARIANT(!writer.empty() && writer.from() == next);
  const auto count = writer.count();
  const auto print = writer.fingerprint();
  const auto raw = static_cast<double>(writer.raw_bytes());
  const auto block = writer.pack();
  INVARIANT(block);
  const auto bytes = block->size() + gap_bytes_max;  // and a head that is never longer
  if (bytes > credit_ && credit_ < window_) return false;
  packs_[c] += (std::clamp(raw / static_cast<double>(block->size() + 32), 0.5, 100.0) - packs_[c]) / 4;
  if (watcher_ != nullptr && choice.lane == Lane::live)
    watcher_->on_sent(choice.cls, std::span(slice.records).first(count), queues_.age(choice.cls, next, now));
  const auto before = counts_.bytes;
  send(out, BatchFrame{choice.lane, choice.cls, next, count, print, *block});
  counts_.records += count;
  ++counts_.batches;
  sent(choice, count, print, counts_.bytes - before, now);
  return true;
}

void Sender::sent(const Choice& choice, std::uint64_t count, std::uint64_t print, std::uint64_t bytes, Mono now) {
  const auto c = index(choice.cls);
  auto& work = choice.lane == Lane::live ? live_[c] : backlog_[c].front();
  const auto from = work.next;
  work.next += count;
  INVARIANT(projected_[c].accepts(choice.lane, from, work.next));
  projected_[c].add({from, work.next, print});
  const auto waited = choice.lane == Lane::live ? queues_.age(choice.cls, from, now) : std::chrono::nanoseconds{0};
  queues_.sent(choice, count, bytes, now);
  outstanding_.push_back({choice.lane, choice.cls, work.next, bytes, now, waited});
  memory_.sent[c][work.next] = print;
  if (choice.lane == Lane::live) {
    waiting_since_[c].reset();
    // What a frame left behind waits since it came, not anew: else it would stand as a queue of linger_records.
    if (source_.ends()[c] > work.next) waiting_since_[c] = now - queues_.age(choice.cls, work.next, now);
    return;
  }
  backlog_out_ += bytes;
  if (work.next >= work.end) backlog_[c].pop_front();
}

// ---- what is so ----

PerClass<QueueStatus> Sender::queue_status(Mono now) const {
  PerClass<QueueStatus> all;
  const auto ends = source_.ends();
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    const auto applied = memory_.acked[c].end();
    const bool sends = phase_ == Phase::sending;
    const auto from = std::max(sends ? std::max(live_[c].next, late_[c]) : applied, memory_.acked[c].base());
    all[c] = queues_.status(cls, from, now);
    if ((options_.classes & record::mask(cls)) == 0 || ends[c] <= from) {
      all[c].oldest = {};
    } else {
      all[c].waiting = ends[c] - from;
    }
    if (!sends) {
      for (const auto& hole : memory_.acked[c].holes()) all[c].backlog += hole.to - hole.from;
    }
    for (const auto& work : backlog_[c]) all[c].backlog += work.end - work.next;
  }
  return all;
}

std::uint64_t Sender::unacknowledged_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& each : outstanding_) sum += each.bytes;
  return sum;
}

std::uint64_t Sender::backlog() const {
  std::uint64_t sum = 0;
  const auto ends = source_.ends();
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if ((options_.classes & record::mask(cls)) == 0 || ends[c] <= memory_.acked[c].base()) continue;
    for (const auto& part : memory_.acked[c].missing(memory_.acked[c].base(), ends[c])) sum += part.to - part.from;
  }
  return sum;
}

}  // namespace skerry::sync
