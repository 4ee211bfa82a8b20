// The gateway's side: the handshake, which lane goes next, and what has been acknowledged.
#include "sync/sender.hpp"

#include <algorithm>

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

Sender::Sender(Source& source, SenderOptions options, const std::optional<Memory>& memory)
    : source_(source), options_(std::move(options)) {
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
  opened_at_ = now;
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
  live_run_ = 0;
  credit_ = window_ = ack_bytes_ = 0;
  canary_sent_at_.reset();
  canary_next_ = {};
  canary_seen_ = false;
  canary_rtt_.reset();
}

void Sender::on_frame(Bytes bytes, Mono now, Out& out) {
  if (phase_ == Phase::down) return;
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

Result<std::uint64_t> Sender::proof_of(Class cls, std::uint64_t offset) {
  if (offset >= source_.ends()[index(cls)]) return 0;
  const auto slice = TRY(source_.read(cls, offset, offset + 1, 1));
  if (!slice.records.empty()) return fingerprint(slice.records.front());
  const auto& sent = memory_.sent[index(cls)];
  if (const auto found = sent.find(offset + 1); found != sent.end()) return found->second;
  for (const auto& i : acked(cls).all()) {
    if (i.to == offset + 1 && i.fingerprint > acknowledged_fingerprint) return i.fingerprint;
  }
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
    const auto newest = std::max(applied.end(), ends[c]);
    const bool split = newest - applied.end() > options_.split_records && applied.may_open();
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
    if (sent.lane == Lane::backlog) {
      backlog_out_ -= sent.bytes;
      on_delay(now - sent.sent_at, sent.bytes);
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
    if (now - *canary_sent_at_ > options_.network_timeout) end(out, "no canary came back in time");
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

std::optional<Class> Sender::live_due(const PerClass<std::uint64_t>& ends, Mono now) {
  for (const auto cls : classes_in_order) {
    const auto c = index(cls);
    if ((options_.classes & record::mask(cls)) == 0 || ends[c] <= live_[c].next || now < not_before_[c]) continue;
    if (!waiting_since_[c]) waiting_since_[c] = now;
    if (ends[c] - live_[c].next < linger_records && now - *waiting_since_[c] < options_.linger[c]) continue;
    return cls;
  }
  return {};
}

std::optional<Class> Sender::backlog_due(Mono now) {
  if (backlog_out_ >= backlog_window_) return {};
  for (const auto cls : classes_in_order) {
    if (!backlog_[index(cls)].empty() && now >= not_before_[index(cls)]) return cls;
  }
  return {};
}

std::optional<Sender::Choice> Sender::choose(const PerClass<std::uint64_t>& ends, Mono now) {
  const auto live = live_due(ends, now);
  const auto backlog = backlog_due(now);
  const bool share_due = live_run_ >= (backlog_share - 1) * batch_raw_bytes;
  if (backlog && (!live || share_due)) return Choice{Lane::backlog, *backlog};
  if (live) return Choice{Lane::live, *live};
  return {};
}

void Sender::pump(std::uint64_t unsent, Mono now, Out& out) {
  if (phase_ == Phase::down) return;
  if (phase_ != Phase::sending) {
    if (now - opened_at_ > handshake_max) end(out, "the cloud did not answer in time");
    return;
  }
  canary(now, out);
  if (phase_ != Phase::sending) return;
  take_items(out);
  for (const auto& frame : out.frames) unsent += frame.size();
  while (phase_ == Phase::sending && unsent < unsent_bytes_max && credit_ > 0) {
    const auto ends = source_.ends();
    const auto choice = choose(ends, now);
    if (!choice) return;
    const auto before = out.frames.size();
    if (!send_some(*choice, ends[index(choice->cls)], now, out)) return;
    for (auto i = before; i < out.frames.size(); ++i) unsent += out.frames[i].size();
  }
}

// One frame of a lane. False when it does not fit the credit: it is read anew when there is more.
bool Sender::send_some(const Choice& choice, std::uint64_t end, Mono now, Out& out) {
  const auto c = index(choice.cls);
  auto& work = choice.lane == Lane::live ? live_[c] : backlog_[c].front();
  if (choice.lane == Lane::backlog) end = work.end;
  auto slice = source_.read(choice.cls, work.next, std::min(end, work.next + batch_offsets_max), batch_raw_bytes);
  if (!slice) {
    ++counts_.read_errors;
    not_before_[c] = now + read_retry;
    return true;
  }
  Frame frame;
  Buffer block;
  std::uint64_t count = slice->gone;
  std::uint64_t print = 0;
  if (slice->gone > 0) {
    print = draw_fingerprint();
    frame = GapFrame{choice.lane, choice.cls, work.next, slice->gone, slice->reason, print};
    out.save = true;
  } else {
    BatchWriter writer;
    for (const auto& record : slice->records) {
      writer.add(record);
      if (writer.raw_bytes() >= batch_raw_bytes || writer.count() == batch_offsets_max) break;
    }
    INVARIANT(!writer.empty() && writer.from() == work.next);
    count = writer.count();
    print = writer.fingerprint();
    auto packed = writer.pack();
    INVARIANT(packed);
    block = std::move(*packed);
    frame = BatchFrame{choice.lane, choice.cls, work.next, count, print, block};
  }
  const auto bytes = block.size() + 64;  // and a head that is never longer
  if (bytes > credit_ && credit_ < window_) return false;
  const auto sent_before = counts_.bytes;
  send(out, frame);
  const auto size = counts_.bytes - sent_before;
  (slice->gone > 0 ? counts_.gaps : counts_.records) += count;
  counts_.batches += slice->gone > 0 ? 0 : 1;
  outstanding_.push_back({choice.lane, choice.cls, work.next + count, size, now});
  work.next += count;
  memory_.sent[c][work.next] = print;
  if (choice.lane == Lane::live) {
    live_run_ += size;
    waiting_since_[c].reset();
    return true;
  }
  live_run_ = 0;
  backlog_out_ += size;
  if (work.next >= work.end) backlog_[c].pop_front();
  return true;
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
