// The broker: reading the log and handing messages to clients.
#include <algorithm>

#include "base/logger.hpp"
#include "mqtt/broker_impl.hpp"

namespace skerry::mqtt {

using record::RecordView;

// ---- the live cursor ----

void BrokerImpl::dispatch_live() {
  if (std::exchange(dispatching_, true)) return;  // assign() appends, and comes back here
  while (live_ < log_.end()) {
    auto read = log_.read(live_, {.rows = row_readers_ > 0 ? log::Rows::as_json : log::Rows::left_out});
    if (!read) {
      if (log_.stats().failed) log_failed(read.error());  // else it is tried again at the next commit
      break;
    }
    const auto chunk = std::make_shared<const log::Chunk>(std::move(*read));
    if (chunk->empty()) {  // nothing but what nobody subscribes to
      live_ = std::max(live_, chunk->next());
      break;
    }
    for (const auto& record : chunk->records()) {
      live_ = record.position;  // a session that cannot take it reads on from here
      on_record(record, chunk);
    }
    live_ = chunk->next();
  }
  dispatching_ = false;
}

void BrokerImpl::on_record(const RecordView& record, const std::shared_ptr<const log::Chunk>& chunk) {
  if (const auto device = record::Forgotten::device_of(record); !device.empty()) retained_.forget(device);
  if (record.kind != record::Kind::message) return;
  if (record.retain) note_retained(record);
  gather(record);
  for (std::size_t i = 0; i < targets_used_; ++i) {
    auto& target = targets_[i];
    auto& entry = *target.entry;
    if (!entry.live) continue;
    if (deliver(entry, record, target, chunk, false) != Took::no_room) continue;
    entry.live = false;
    entry.next = record.position;
    want_pump(entry);
  }
}

// Fills targets_: each session once, however many of its subscriptions match (MQTT 5.0 section 3.3.4).
void BrokerImpl::gather(const RecordView& record) {
  targets_used_ = 0;
  matches_.clear();
  tree_.match(record.topic, matches_);
  ++stamp_;
  for (const auto* const match : matches_) {
    auto& entry = *match->session;
    if (match->no_local && record.origin == entry.client_id) continue;
    if (entry.stamp != stamp_) {
      entry.stamp = stamp_;
      entry.target = targets_used_++;
      if (targets_.size() < targets_used_) targets_.emplace_back();
      auto& target = targets_[entry.target];
      target.entry = &entry;
      target.qos = 0;
      target.retain_as_published = false;
      target.ids.clear();
    }
    auto& target = targets_[entry.target];
    target.qos = std::max(target.qos, match->qos);
    target.retain_as_published |= match->retain_as_published;
    if (match->id != 0) target.ids.push_back(match->id);
  }
}

// The same for one session. `since`: only subscriptions that were there when the message came.
bool BrokerImpl::match_one(const Entry& entry, const RecordView& record, bool since, Target& target) const {
  bool any = false;
  target.qos = 0;
  target.retain_as_published = false;
  target.ids.clear();
  for (const auto& s : entry.subscriptions) {
    if ((since && record.position < s.since) || (s.no_local && record.origin == entry.client_id)) continue;
    if (!record::matches(s.filter, record.topic)) continue;
    any = true;
    target.qos = std::max(target.qos, s.qos);
    target.retain_as_published |= s.retain_as_published;
    if (s.id != 0) target.ids.push_back(s.id);
  }
  return any;
}

BrokerImpl::Took BrokerImpl::deliver(Entry& entry, const RecordView& record, const Target& target,
                                     const std::shared_ptr<const log::Chunk>& chunk, bool retained) {
  auto& peer = *entry.peer;
  const auto qos = std::min(target.qos, record.qos);
  if (qos == 2 && !retained && record.position < entry.qos2_from) return Took::skipped;
  const auto wall = record.expires_at ? wall_.now() : Wall{};
  if (record.expires_at && *record.expires_at <= wall) {
    counters_.expired.add();
    return Took::skipped;
  }
  if (peer.connection->unsent() > options_.unsent_bytes_max || (qos != 0 && !peer.session.room())) return Took::no_room;
  Delivery delivery;
  delivery.qos = qos;
  delivery.retain = retained || (target.retain_as_published && record.retain);
  delivery.ids = target.ids;
  if (qos != 0) delivery.packet_id = entry.window.next_packet_id();
  delivery_out_.clear();
  if (!peer.session.publish(record, delivery, wall, delivery_out_)) {
    counters_.dropped_too_large.add();
    return Took::skipped;
  }
  std::optional<Position> barrier;
  if ((record.cls == record::Class::critical || record.qos == 2) && record.position >= committed_)
    barrier = record.position;
  if (qos != 0) {
    InFlight flight{record.position, delivery.packet_id, qos,
                    Phase::sent,     delivery.retain,    qos == 2 && is_told(record.topic)};
    if (qos == 2 && !assign(entry, record, flight, barrier)) return Took::no_room;
    if (qos == 2 && !retained) entry.qos2_from = record.position + 1;
    if (barrier) flight.phase = Phase::held;
    entry.window.put(flight);
  }
  if (barrier) {
    if (!held_.empty()) barrier = std::max(*barrier, held_.back().barrier);
    held_.push_back({*barrier, peer.id, chunk, &record, delivery, target.ids});
    return Took::yes;
  }
  counters_.sent[qos]->add();
  send(peer, delivery_out_);
  return Took::yes;
}

// QoS 2: which packet id stands for which message is durable before PUBLISH leaves, so that after a crash it is the
// same message again and not a second one.
bool BrokerImpl::assign(Entry& entry, const RecordView&, const InFlight& flight, std::optional<Position>& barrier) {
  std::vector<OwnRecord> events;
  if (entry.outlives()) events.push_back(session_record(entry, event_assigned(flight)));
  if (flight.told) events.push_back(delivery_record(entry, flight, "sent"));
  if (events.empty()) return true;
  if (failed_ || !deferred_.empty()) return false;
  barrier = append_own(std::move(events));
  return true;
}

void BrokerImpl::release_held() {
  while (!held_.empty() && held_.front().barrier < committed_) {
    auto held = std::move(held_.front());
    held_.pop_front();
    const auto found = peers_.find(held.peer);
    if (found == peers_.end() || found->second->entry == nullptr) continue;
    auto& peer = *found->second;
    auto& entry = *peer.entry;
    auto* const flight = held.delivery.qos != 0 ? entry.window.find(held.delivery.packet_id) : nullptr;
    if (held.delivery.qos != 0 && (flight == nullptr || flight->phase != Phase::held)) continue;
    const auto wall = wall_.now();
    if (held.record->expires_at && *held.record->expires_at <= wall) {
      counters_.expired.add();
      std::vector<OwnRecord> events;
      if (flight != nullptr) give_up(entry, *flight, events);
      if (!events.empty()) append_own(std::move(events));
      continue;
    }
    held.delivery.ids = held.ids;
    delivery_out_.clear();
    peer.session.publish(*held.record, held.delivery, wall, delivery_out_);
    if (flight != nullptr) flight->phase = Phase::sent;
    counters_.sent[held.delivery.qos]->add();
    send(peer, delivery_out_);
  }
}

// A QoS > 0 delivery that will not be finished any more.
void BrokerImpl::give_up(Entry& entry, InFlight& flight, std::vector<OwnRecord>& events) {
  if (flight.told) events.push_back(delivery_record(entry, flight, "lost"));
  if (flight.qos == 2 && entry.outlives())
    events.push_back(session_record(entry, event_packet(Event::completed, flight.packet_id)));
  entry.window.finish(flight);
}

// ---- a client that comes (back) ----

// CONNACK has left: what is in flight is sent again, then the log from where the session stands.
void BrokerImpl::start(Peer& peer) {
  peer.ready = true;
  peer.ready_after.reset();
  resend(*peer.entry);
  want_pump(*peer.entry);
}

void BrokerImpl::resend(Entry& entry) {
  std::vector<std::uint16_t> ids;
  entry.window.each([&](const InFlight& flight) { ids.push_back(flight.packet_id); });
  std::vector<OwnRecord> events;
  for (const auto id : ids) {
    if (auto* const flight = entry.window.find(id)) resend_one(entry, *flight, events);
  }
  if (!events.empty()) append_own(std::move(events));
}

void BrokerImpl::resend_one(Entry& entry, InFlight& flight, std::vector<OwnRecord>& events) {
  auto& peer = *entry.peer;
  delivery_out_.clear();
  if (flight.phase == Phase::received) {
    peer.session.resend_release(flight.packet_id, delivery_out_);
    return send(peer, delivery_out_);
  }
  const auto chunk = read_at(flight.position);
  if (!chunk) {  // trimmed since
    counters_.session_gaps.add();
    return give_up(entry, flight, events);
  }
  const auto& record = chunk->records().front();
  const auto wall = wall_.now();
  if (flight.told && record.expires_at && *record.expires_at <= wall) {
    counters_.expired.add();
    return give_up(entry, flight, events);
  }
  Target target;
  match_one(entry, record, false, target);
  Delivery delivery{flight.qos, flight.packet_id, flight.phase == Phase::sent, flight.retain, target.ids};
  if (!peer.session.publish(record, delivery, wall, delivery_out_)) {
    counters_.dropped_too_large.add();
    return give_up(entry, flight, events);
  }
  flight.phase = Phase::sent;
  counters_.sent[flight.qos]->add();
  send(peer, delivery_out_);
}

std::shared_ptr<const log::Chunk> BrokerImpl::read_at(Position position) const {
  log::ReadOptions options;
  options.bytes_max = 1;
  auto read = log_.read(position, options);
  if (!read || read->empty() || read->records().front().position != position) return {};
  return std::make_shared<const log::Chunk>(std::move(*read));
}

// ---- a session that reads by itself ----

void BrokerImpl::want_pump(Entry& entry) {
  if (!std::exchange(entry.in_pump, true)) pumps_.push_back(&entry);
  want_turn_end();
}

// True when no retained message is left to be handed over.
bool BrokerImpl::pump_retained(Entry& entry) {
  while (!entry.retained.empty()) {
    const auto chunk = read_at(entry.retained.back());
    if (chunk) {
      const auto& record = chunk->records().front();
      Target target;
      if (match_one(entry, record, false, target) && deliver(entry, record, target, chunk, true) == Took::no_room)
        return false;
    }
    entry.retained.pop_back();
  }
  entry.retained.shrink_to_fit();
  return true;
}

void BrokerImpl::pump(Entry& entry) {
  if (!entry.peer->ready || entry.live) return;
  if (entry.pump_after && *entry.pump_after >= committed_) {
    pumps_after_commit_.push_back(entry.peer->id);
    return;
  }
  entry.pump_after.reset();
  release_held();           // they come before what is read here
  const auto again = [&] {  // in a later turn: what was sent leaves at the end of this one
    loop_.post([wakes = wakes_, this, id = entry.peer->id] {
      if (!alive(*wakes)) return;
      const auto found = peers_.find(id);
      if (found != peers_.end() && found->second->entry != nullptr) want_pump(*found->second->entry);
    });
  };
  const auto blocked = [&] {
    // A full window opens with an acknowledgement. A full socket says when it has drained; bytes of this turn do not.
    if (!deferred_.empty())
      pumps_after_commit_.push_back(entry.peer->id);
    else if (entry.peer->session.room())
      again();
  };
  if (!pump_retained(entry)) return blocked();
  const auto gone_to = log_.gone_to(entry.classes);
  if (const auto from = std::max(entry.next, entry.gaps_told); from < gone_to) {
    const auto records = log_.missed(from, entry.classes);
    entry.gaps_told = gone_to;
    counters_.session_gaps.add();
    counters_.session_gap_records.add(records);
    logger::warn("mqtt", "a session has fallen behind what is kept: records that it may have wanted are gone",
                 {{"client", entry.client_id}, {"records_at_most", records}});
  }
  Target target;
  for (int reads = 0; reads < limits::reads_per_turn; ++reads) {
    if (entry.next >= live_) {
      entry.live = true;
      return;
    }
    log::ReadOptions options;
    options.classes = entry.classes;
    options.bytes_max = limits::read_bytes;
    options.committed_only = entry.next < committed_;
    const auto limit = options.committed_only ? std::min(committed_, live_) : live_;
    auto read = log_.read(entry.next, options);
    if (!read && !log_.stats().failed) {  // this place cannot be read: others can, and it may be again
      pumps_later_.push_back(entry.peer->id);
      return;
    }
    if (!read) return log_failed(read.error());
    const auto chunk = std::make_shared<const log::Chunk>(std::move(*read));
    for (const auto& record : chunk->records()) {
      if (record.position >= live_) break;  // the cursor hands it on
      if (record.kind != record::Kind::message || !match_one(entry, record, true, target)) continue;
      if (deliver(entry, record, target, chunk, false) != Took::no_room) continue;
      entry.next = record.position;
      return blocked();
    }
    entry.next = chunk->empty() ? limit : std::min(chunk->next(), live_);
  }
  again();
}

}  // namespace skerry::mqtt
