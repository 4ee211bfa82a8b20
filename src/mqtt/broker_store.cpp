// The broker: its own records in the log, its checkpoint, and making its state from both.
#include <algorithm>

#include "base/logger.hpp"
#include "log/checkpoint.hpp"
#include "mqtt/broker_impl.hpp"

namespace skerry::mqtt {
namespace {

constexpr std::uint32_t checkpoint_version = 1;

}  // namespace

record::Record OwnRecord::view() const {
  record::Record r;
  r.cls = cls;
  r.kind = kind;
  r.qos = qos;
  r.retain = retain;
  r.topic = topic;
  r.payload = payload;
  r.origin = origin;
  r.cause = cause;
  r.properties = properties;
  r.expires_at = expires_at;
  return r;
}

OwnRecord BrokerImpl::session_record(const Entry& entry, Buffer payload) const {
  OwnRecord r;
  r.topic = std::string(session_topic_prefix) + entry.client_id;
  r.payload = std::move(payload);
  r.origin = entry.client_id;
  return r;
}

OwnRecord BrokerImpl::delivery_record(const Entry& entry, const InFlight& flight, std::string_view state) const {
  OwnRecord r;
  r.kind = record::Kind::delivery;
  r.topic = std::string(delivery_topic_prefix) + entry.client_id;
  append_bytes(r.payload, as_bytes(delivery_payload(state, entry.client_id, flight.packet_id)));
  r.origin = entry.client_id;
  r.cause = flight.position;
  return r;
}

Position BrokerImpl::append_own(std::vector<OwnRecord> records) {
  INVARIANT(!records.empty());
  if (deferred_.empty() && !failed_) {
    std::vector<record::Record> views;
    for (const auto& each : records) views.push_back(each.view());
    const auto position = append(views);
    if (position) return *position + (records.size() - 1);
    if (position.error().code != Code::busy && position.error().code != Code::full) log_failed(position.error());
  }
  if (failed_) return position_unknown;  // never durable: what waits for it never leaves
  for (auto& each : records) deferred_.push_back(std::move(each));
  return position_unknown;
}

void BrokerImpl::flush_deferred() {
  if (deferred_.empty()) return;
  std::vector<record::Record> views;
  for (const auto& each : deferred_) views.push_back(each.view());
  const auto position = append(views);
  if (!position) {
    if (position.error().code != Code::busy && position.error().code != Code::full) log_failed(position.error());
    return;
  }
  const auto last = *position + (deferred_.size() - 1);
  deferred_.clear();
  for (auto& held : held_) {
    if (held.barrier == position_unknown) held.barrier = last;
  }
  for (const auto& [id, peer] : peers_) {
    peer->session.settle(position_unknown, last);
    if (peer->ready_after == position_unknown) peer->ready_after = last;
    if (peer->entry != nullptr && peer->entry->pump_after == position_unknown) peer->entry->pump_after = last;
  }
}

void BrokerImpl::log_failed(const Error& why) {
  if (std::exchange(failed_, true)) return;
  deferred_.clear();
  logger::error("mqtt", "the log has failed: nothing with QoS above 0 is acknowledged any more", {{"why", why.text()}});
}

void BrokerImpl::note_retained(const record::RecordView& record) {
  if (record.payload.empty()) return retained_.clear(record.topic);
  if (retained_.size() >= options_.retained_max && !retained_.has(record.topic)) {
    counters_.limit("retained");
    return;
  }
  retained_.put(record.topic, record.position);
}

// Which classes a session has to read: the log can leave the others out.
void BrokerImpl::note_classes(Entry& entry) {
  record::ClassMask classes = 0;
  for (const auto& s : entry.subscriptions)
    classes = static_cast<record::ClassMask>(classes | rules_.of_filter(s.filter));
  entry.classes = classes == 0 ? record::all_classes : classes;
  const bool before = std::exchange(entry.wants_rows, (classes & record::mask(record::Class::low)) != 0);
  if (entry.wants_rows && !before) ++row_readers_;
  if (!entry.wants_rows && before) --row_readers_;
}

Entry* BrokerImpl::find(std::string_view client_id) {
  const auto found = sessions_.find(client_id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

Entry& BrokerImpl::entry_of(std::string_view client_id) {
  auto& made = sessions_.try_emplace(std::string(client_id)).first->second;
  if (!made) {
    made = std::make_unique<Entry>();
    made->client_id = client_id;
  }
  return *made;
}

// ---- checkpoint ----

std::string BrokerImpl::checkpoint_path() const { return join_path(dir_, "mqtt.state"); }

Buffer BrokerImpl::snapshot() const {
  Buffer to;
  std::vector<const Entry*> kept;
  for (const auto& [id, entry] : sessions_) {
    if (entry->logged) kept.push_back(entry.get());
  }
  append_varint(to, kept.size());
  for (const auto* const entry : kept) {
    const auto next = entry->live ? live_ : entry->next;
    encode(to, *entry, next);
  }
  append_varint(to, retained_.size());
  for (const auto& [topic, position] : retained_.all()) {
    append_counted(to, as_bytes(topic));
    append_varint(to, position.value);
  }
  // Commands on their way to sessions that end with their connection: should we crash, they are lost.
  std::vector<std::pair<const Entry*, InFlight>> unfinished;
  for (const auto& [id, entry] : sessions_) {
    if (entry->logged) continue;
    entry->window.each([&, e = entry.get()](const InFlight& flight) {
      if (flight.told) unfinished.emplace_back(e, flight);
    });
  }
  append_varint(to, unfinished.size());
  for (const auto& [entry, flight] : unfinished) {
    append_counted(to, as_bytes(entry->client_id));
    append_varint(to, flight.position.value);
    append_le(to, flight.packet_id);
  }
  return to;
}

Result<> BrokerImpl::restore(Bytes state) {
  Reader in(state);
  for (auto count = in.varint(); count > 0 && in.ok(); --count) {
    auto decoded = TRY(decode_state(in));
    auto& entry = entry_of(decoded.client_id);
    static_cast<State&>(entry) = std::move(decoded);
    entry.logged = true;
  }
  for (auto count = in.varint(); count > 0 && in.ok(); --count) {
    const auto topic = as_text(in.counted());
    retained_.put(topic, {in.varint()});
  }
  for (auto count = in.varint(); count > 0 && in.ok(); --count) {
    const std::string client(as_text(in.counted()));
    const auto position = in.varint();
    unfinished_[{client, position}] = in.le<std::uint16_t>();
  }
  if (!in.ok()) return fail(Code::damaged, "the MQTT checkpoint is cut off", checkpoint_path());
  return {};
}

Result<> BrokerImpl::checkpoint() {
  // While something was taken from a client that the log has not taken, the state runs ahead of the log.
  if (failed_ || !stalled_.empty() || !deferred_.empty()) return {};
  dispatch_live();
  if (!deferred_.empty() || live_ <= saved_) return {};
  pin();
  auto state = snapshot();
  if (log_.committed_end() >= live_) return save(live_, std::move(state));
  snapshot_.emplace(live_, std::move(state));
  return {};
}

// Retained messages, and what is on its way to somebody, outlive trimming.
void BrokerImpl::pin() const {
  std::vector<Position> positions;
  positions.reserve(retained_.size());
  for (const auto& [topic, position] : retained_.all()) positions.push_back(position);
  const auto before = live_;
  for (const auto& [id, entry] : sessions_) {
    entry->window.each([&](const InFlight& flight) { positions.push_back(flight.position); });
  }
  std::ranges::sort(positions);
  positions.erase(std::ranges::lower_bound(positions, before), positions.end());
  log_.pin("mqtt", before, std::move(positions));
}

Result<> BrokerImpl::save(Position position, Buffer state) {
  TRY(log::save(files_, saver_, checkpoint_path(), checkpoint_version, position, std::move(state), log_));
  saved_ = position;
  return {};
}

// ---- recovery ----

Result<> BrokerImpl::recover() {
  auto from = log_.begin();
  const auto loaded = TRY(log::load(files_, checkpoint_path(), checkpoint_version, log_));
  if (loaded) {
    TRY(restore(loaded->state));
    from = loaded->position;
    saved_ = from;
  }
  while (true) {
    const auto chunk = TRY(log_.read(from, {.rows = log::Rows::left_out}));
    for (const auto& record : chunk.records()) replay(record);
    if (chunk.empty()) break;
    from = chunk.next();
  }
  live_ = std::max(from, log_.end());
  committed_ = log_.committed_end();
  after_replay();
  pin();
  return {};
}

void BrokerImpl::replay(const record::RecordView& record) {
  switch (record.kind) {
    case record::Kind::message:
      if (record.retain) note_retained(record);
      if (record.packet_id != 0) {
        auto* const entry = find(record.origin);
        if (entry != nullptr && entry->outlives()) entry->inbound.insert(record.packet_id);
      }
      break;
    case record::Kind::delivery: replay_delivery(record); break;
    case record::Kind::config:
      if (const auto device = record::Forgotten::device_of(record); !device.empty()) retained_.forget(device);
      break;
    case record::Kind::session: {
      const auto client_id = record.topic.substr(std::min(session_topic_prefix.size(), record.topic.size()));
      auto* entry = find(client_id);
      if (entry == nullptr) {
        entry = &entry_of(client_id);
        entry->next = record.position;
      }
      entry->logged = true;
      if (const auto applied = apply(*entry, record); !applied) {
        logger::warn("mqtt", "a session record was left out", {{"why", applied.error().text()}});
      }
      if (entry->ended) sessions_.erase(sessions_.find(client_id));
      break;
    }
    default: break;
  }
}

// The payload is ours (delivery_payload): it begins with the state.
void BrokerImpl::replay_delivery(const record::RecordView& record) {
  if (!record.cause || !record.topic.starts_with(delivery_topic_prefix)) return;
  const std::pair key{std::string(record.topic.substr(delivery_topic_prefix.size())), record.cause->value};
  const auto payload = as_text(record.payload);
  constexpr std::string_view number = "\"packet_id\":";
  const auto at = payload.rfind(number);
  std::uint16_t packet_id = 0;
  if (at != std::string_view::npos) {
    for (const char c : payload.substr(at + number.size())) {
      if (c < '0' || c > '9') break;
      packet_id = static_cast<std::uint16_t>(packet_id * 10 + (c - '0'));
    }
  }
  if (payload.starts_with("{\"state\":\"sent\"") || payload.starts_with("{\"state\":\"received\""))
    unfinished_[key] = packet_id;
  else
    unfinished_.erase(key);
}

void BrokerImpl::after_replay() {
  std::vector<OwnRecord> events;
  std::vector<Entry*> over;
  const auto wall = wall_.now();
  for (const auto& [id, entry] : sessions_) {
    auto& e = *entry;
    if (!e.outlives()) {  // it ended with its connection, and that with the program
      if (e.will) publish_will(e, events);
      events.push_back(session_record(e, event_bare(Event::removed)));
      over.push_back(&e);
      continue;
    }
    if (e.connected) {
      e.connected = false;
      e.left_at = wall;
      events.push_back(session_record(e, event_parked(e)));
    }
    e.window.each([&](InFlight& flight) {
      if (flight.told) unfinished_.erase({id, flight.position.value});
    });
    for (const auto& s : e.subscriptions) tree_.put(s.filter, {&e, s.id, s.qos, s.no_local, s.retain_as_published});
    subscriptions_ += e.subscriptions.size();
    note_classes(e);
    schedule_absent(e);
  }
  for (auto* const entry : over) sessions_.erase(sessions_.find(entry->client_id));
  for (const auto& [key, packet_id] : unfinished_) {
    Entry entry;
    entry.client_id = key.first;
    events.push_back(delivery_record(entry, InFlight{.position = {key.second}, .packet_id = packet_id}, "lost"));
  }
  unfinished_.clear();
  if (!events.empty()) append_own(std::move(events));
}

}  // namespace skerry::mqtt
