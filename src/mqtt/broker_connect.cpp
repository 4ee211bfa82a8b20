// The broker: CONNECT, SUBSCRIBE, UNSUBSCRIBE, and how connections and sessions end.
#include <algorithm>

#include "base/logger.hpp"
#include "mqtt/broker_impl.hpp"

namespace skerry::mqtt {
namespace {

// MQTT 3.1.1 section 3.2.2.3
std::uint8_t return_code(Reason reason) {
  switch (reason) {
    case Reason::unsupported_protocol_version: return 1;
    case Reason::client_id_not_valid: return 2;
    case Reason::bad_user_name_or_password: return 4;
    case Reason::not_authorized: return 5;
    default: return 3;  // server unavailable
  }
}

constexpr std::uint32_t never = 0xffffffff;

}  // namespace

void BrokerImpl::refuse_connect(Peer& peer, Version version, const Refusal& refusal) {
  counters_.connect_refused(refusal.label);
  Connack packet;
  packet.code = version == Version::v5 ? static_cast<std::uint8_t>(refusal.reason) : return_code(refusal.reason);
  Buffer raw;
  if (version == Version::v5) put_text(raw, Property::reason_string, refusal.what);
  packet.properties = raw;
  Buffer bytes;
  encode(bytes, version, packet);
  send(peer, bytes);
  close_peer(peer, Reason::success, {}, false);
}

std::optional<Refusal> BrokerImpl::check_connect(Peer& peer, const Connect& packet, std::string& client_id) {
  if (failed_)
    return Refusal{Reason::server_unavailable, "log_failed",
                   "the gateway's log has failed: nothing can be acknowledged"};
  if (client_id.empty()) {
    if (packet.version == Version::v311 && !packet.clean_start) {
      return Refusal{Reason::client_id_not_valid, "client_id", "a session that is to be kept needs a client id"};
    }
    constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";
    client_id = "auto-";
    for (auto bits = chance_.next(), i = std::uint64_t{0}; i < 12; ++i, bits >>= 5) client_id += digits[bits & 31];
  }
  if (client_id.size() > options_.client_id_bytes_max) {
    counters_.limit("client_id_bytes");
    return Refusal{Reason::client_id_not_valid, "client_id", "the client id is too long"};
  }
  if (packet.version == Version::v5) {
    const auto properties = Properties::read(packet.properties, In::connect);
    if (properties->has(Property::authentication_data) && !properties->has(Property::authentication_method)) {
      return Refusal{Reason::protocol_error, "auth", "authentication data without a method"};
    }
    if (properties->has(Property::authentication_method)) {
      return Refusal{Reason::bad_authentication_method, "auth", "no enhanced authentication here"};
    }
  }
  const auto& connection = *peer.connection;
  auto grant = access_.connect({client_id, packet.user, packet.password, connection.peer(),
                                connection.peer_certificate(), connection.is_secure()});
  if (!grant) {
    return Refusal{packet.user ? Reason::bad_user_name_or_password : Reason::not_authorized, "not_authorized",
                   "not allowed to connect"};
  }
  const auto* const held = find(client_id);
  if (held != nullptr && held->peer != nullptr && !grant->may_take_over(held->peer->session.grant()))
    return Refusal{Reason::client_id_not_valid, "client_id", "another identity is connected with this client id"};
  if (packet.will) {
    const auto& will = *packet.will;
    if (will.topic.size() + will.payload.size() + will.properties.size() > options_.will_bytes_max) {
      counters_.limit("will_bytes");
      return Refusal{Reason::packet_too_large, "will", "the will is too large"};
    }
    if (!record::check_topic(will.topic))
      return Refusal{Reason::topic_name_invalid, "will", "the will's topic is too long or has too many levels"};
    if (is_internal(will.topic) || !grant->may_publish(will.topic)) {
      return Refusal{Reason::not_authorized, "will", "this client may not publish to the will's topic"};
    }
  }
  if (sessions_.size() >= options_.sessions_max && find(client_id) == nullptr) {
    counters_.limit("sessions");
    return Refusal{Reason::quota_exceeded, "sessions", "no room for another session"};
  }
  peer.session.grant(std::move(grant));
  return {};
}

Buffer BrokerImpl::connack_properties(const Connect& packet, const Entry& entry, std::string_view assigned,
                                      std::uint16_t keep_alive_s) const {
  Buffer raw;
  if (packet.version != Version::v5) return raw;
  const auto asked = Properties::read(packet.properties, In::connect)->number(Property::session_expiry);
  if (asked != entry.expiry_s) put_number(raw, Property::session_expiry, entry.expiry_s);
  if (options_.receive_maximum != 0xffff) put_number(raw, Property::receive_maximum, options_.receive_maximum);
  put_number(raw, Property::maximum_packet_size, options_.packet_bytes_max);
  if (!assigned.empty()) put_text(raw, Property::assigned_client_id, assigned);
  if (options_.topic_alias_max != 0) put_number(raw, Property::topic_alias_maximum, options_.topic_alias_max);
  put_number(raw, Property::shared_available, 0);
  if (keep_alive_s != packet.keep_alive_s) put_number(raw, Property::server_keep_alive, keep_alive_s);
  return raw;
}

namespace {

std::unique_ptr<StoredWill> keep_will(const Connect& packet) {
  if (!packet.will) return {};
  const auto& from = *packet.will;
  auto will = std::make_unique<StoredWill>();
  will->topic = from.topic;
  append_bytes(will->payload, from.payload);
  will->qos = from.qos;
  will->retain = from.retain;
  if (packet.version == Version::v5) {
    const auto properties = Properties::read(from.properties, In::will);
    will->delay_s = properties->number(Property::will_delay);
    if (properties->has(Property::message_expiry))
      will->message_expiry_s = properties->number(Property::message_expiry);
    append_forwarded(will->properties, from.properties);
  }
  return will;
}

}  // namespace

void BrokerImpl::on_connect(Peer& peer, const Connect& packet) {
  std::string client_id(packet.client_id);
  if (const auto refusal = check_connect(peer, packet, client_id))
    return refuse_connect(peer, packet.version, *refusal);
  std::vector<OwnRecord> events;
  auto* entry = find(client_id);
  if (entry != nullptr && entry->peer != nullptr) {
    counters_.taken_over.add();
    entry->peer->session.grant().was_taken_over();
    close_peer(*entry->peer, Reason::session_taken_over, "another connection has the same client id", true);
    entry = find(client_id);  // a session that was to end with its connection has ended
  }
  if (entry != nullptr && packet.clean_start) {
    if (entry->will) publish_will(*entry, events);  // its session ends now (MQTT 5.0 section 3.1.3.2.2)
    end_session(*entry, events);
    forget(*entry);
    entry = nullptr;
  }
  const bool present = entry != nullptr;
  if (!present) {
    entry = &entry_of(client_id);
    entry->next = log_.end();
    entry->qos2_from = {};
  }
  ++entry->generation;
  const auto asked = packet.version == Version::v5
                         ? Properties::read(packet.properties, In::connect)->number(Property::session_expiry)
                         : (packet.clean_start ? 0 : never);
  entry->expiry_s = std::min(asked, options_.session_expiry_s_max);
  entry->connected = true;
  const bool had_will = entry->will != nullptr;  // it came back in time: the old will is not published
  entry->will = keep_will(packet);
  if (entry->outlives() || entry->will || entry->logged) {
    events.push_back(session_record(*entry, event_connected(entry->expiry_s)));
    if (entry->will)
      events.push_back(session_record(*entry, event_will(*entry->will)));
    else if (had_will)
      events.push_back(session_record(*entry, event_bare(Event::will_cleared)));
    entry->logged = true;
  }
  entry->peer = &peer;
  entry->live = false;
  peer.entry = entry;
  std::optional<Position> position;
  if (!events.empty()) position = append_own(std::move(events));
  auto keep_alive = packet.keep_alive_s;
  if (options_.keep_alive_s_max != 0 && (keep_alive == 0 || keep_alive > options_.keep_alive_s_max)) {
    keep_alive = options_.keep_alive_s_max;
  }
  const auto raw = connack_properties(
      packet, *entry, packet.client_id.empty() ? std::string_view(client_id) : std::string_view{}, keep_alive);
  peer.session.connected(packet, *entry, Connack{present, 0, raw}, keep_alive, position, out_);
  counters_.connects.add();
  if (const auto due = peer.session.deadline()) {
    dues_.push({*due, peer.id, {}, 0});
    arm(*due);
  }
  if (position) {
    peer.ready_after = position;
  } else {
    send(peer, out_);
    out_.clear();
    start(peer);
  }
}

// ---- subscriptions ----

Reason BrokerImpl::subscribe(Entry& entry, const Filter& filter, std::uint32_t id, std::vector<OwnRecord>& events,
                             std::vector<Position>& retained) {
  if (filter.filter == "$share" || filter.filter.starts_with("$share/")) {
    counters_.malformed("shared_subscription");
    return Reason::shared_subscriptions_not_supported;
  }
  if (!record::check_filter(filter.filter)) {
    counters_.malformed("topic_filter");
    return Reason::topic_filter_invalid;
  }
  if (filter.filter.starts_with("$skerry/") || !entry.peer->session.grant().may_subscribe(filter.filter))
    return Reason::not_authorized;
  auto* same = entry.find(filter.filter);
  if (same == nullptr && entry.subscriptions.size() >= options_.subscriptions_per_session_max) {
    counters_.limit("subscriptions_per_session");
    return Reason::quota_exceeded;
  }
  const bool fresh = same == nullptr;
  if (fresh) {
    same = &entry.subscriptions.emplace_back();
    same->filter = filter.filter;
    same->since = live_;
    ++subscriptions_;
  }
  same->id = id;
  same->qos = filter.qos;
  same->no_local = filter.no_local;
  same->retain_as_published = filter.retain_as_published;
  tree_.put(filter.filter, {&entry, id, filter.qos, filter.no_local, filter.retain_as_published});
  if (entry.outlives()) events.push_back(session_record(entry, event_subscribed(*same)));
  if (filter.retain_handling == 0 || (filter.retain_handling == 1 && fresh)) retained_.match(filter.filter, retained);
  return static_cast<Reason>(filter.qos);
}

void BrokerImpl::on_subscribe(Peer& peer, const Subscribe& packet) {
  auto& entry = *peer.entry;
  dispatch_live();  // what is retained is known up to here, and what comes later is live
  std::vector<OwnRecord> events;
  std::vector<Position> retained;
  std::vector<Reason> codes;
  for (const auto& filter : packet.filters) {
    auto code = subscribe(entry, filter, packet.id, events, retained);
    if (peer.session.version() == Version::v311 && is_error(code)) code = Reason::unspecified;  // 3.1.1 knows 0x80 only
    codes.push_back(code);
  }
  note_classes(entry);
  std::optional<Position> position;
  if (!events.empty()) position = append_own(std::move(events));
  Buffer suback;
  encode_suback(suback, peer.session.version(), packet.packet_id, codes);
  peer.session.answer_whole(std::move(suback), position, out_);
  if (retained.empty()) return;
  if (entry.live) {  // the retained ones first, then what came after them
    entry.live = false;
    entry.next = live_;
  }
  std::ranges::sort(retained);
  const auto unique = std::ranges::unique(retained);
  retained.erase(unique.begin(), unique.end());
  entry.retained.insert(entry.retained.begin(), retained.rbegin(), retained.rend());
  if (position) entry.pump_after = position;
  want_pump(entry);
}

void BrokerImpl::on_unsubscribe(Peer& peer, const Unsubscribe& packet) {
  auto& entry = *peer.entry;
  std::vector<OwnRecord> events;
  std::vector<Reason> codes;
  for (const auto filter : packet.filters) {
    const auto removed = std::erase_if(entry.subscriptions, [&](const auto& s) { return s.filter == filter; });
    if (removed != 0) {
      tree_.remove(filter, &entry);
      --subscriptions_;
      if (entry.outlives()) events.push_back(session_record(entry, event_unsubscribed(filter)));
    }
    codes.push_back(removed != 0 ? Reason::success : Reason::no_subscription_existed);
  }
  note_classes(entry);
  std::optional<Position> position;
  if (!events.empty()) position = append_own(std::move(events));
  Buffer unsuback;
  encode_unsuback(unsuback, peer.session.version(), packet.packet_id, codes);
  peer.session.answer_whole(std::move(unsuback), position, out_);
}

// ---- the end of connections and sessions ----

void BrokerImpl::on_leaving(Peer& peer, const Disconnect& packet) {
  auto& entry = *peer.entry;
  if (packet.session_expiry_s) {
    if (entry.expiry_s == 0 && *packet.session_expiry_s != 0) {
      counters_.malformed("session_expiry");
      return close_peer(peer, Reason::protocol_error, "a session that was to end with its connection cannot be kept",
                        true);
    }
    entry.expiry_s = std::min(*packet.session_expiry_s, options_.session_expiry_s_max);
  }
  send(peer, out_);
  out_.clear();
  close_peer(peer, Reason::success, {}, packet.reason != Reason::success);
}

void BrokerImpl::close_peer(Peer& peer, Reason reason, std::string_view text, bool publish_will) {
  if (peer.gone) return;
  if (peer.session.is_connected() && reason != Reason::success) {
    Buffer bytes;
    peer.session.disconnect(reason, text, bytes);
    send(peer, bytes);
  }
  peer.connection->close();
  if (!publish_will && peer.entry != nullptr && peer.entry->will) {  // a normal end: the will is void
    if (peer.entry->outlives()) append_own({session_record(*peer.entry, event_bare(Event::will_cleared))});
    peer.entry->will.reset();
  }
  detach(peer, publish_will);
  drop_peer(peer);
}

// Ends what the session has to do with this connection. Its will is published now, later, or (shut down) stays.
void BrokerImpl::detach(Peer& peer, bool publish_will_too) {
  if (peer.stall && peer.stall->has_effects && peer.entry != nullptr) {
    // Never appended, so never taken.
    for (const auto& effect : peer.stall->effects.list) {
      const auto* const append = std::get_if<Append>(&effect);
      if (append != nullptr && append->record.packet_id != 0) peer.entry->inbound.erase(append->record.packet_id);
    }
  }
  auto* const entry = std::exchange(peer.entry, nullptr);
  if (entry == nullptr) return;
  INVARIANT(entry->peer == &peer);
  if (entry->live) entry->next = live_;
  entry->peer = nullptr;
  entry->live = false;
  entry->connected = false;
  entry->pump_after.reset();
  ++entry->generation;
  std::vector<OwnRecord> events;
  if (entry->outlives()) {
    entry->left_at = wall_.now();
    events.push_back(session_record(*entry, event_parked(*entry)));
    if (entry->will && publish_will_too && entry->will->delay_s == 0) publish_will(*entry, events);
    append_own(std::move(events));
    schedule_absent(*entry);
    return;
  }
  if (!publish_will_too && entry->will)
    return;  // shut down: the will is in the log, and is published at the next start
  if (entry->will) publish_will(*entry, events);
  end_session(*entry, events);
  if (!events.empty()) append_own(std::move(events));
  forget(*entry);
}

// When a session that is not connected has to be looked at: its will, its end.
void BrokerImpl::schedule_absent(Entry& entry) {
  const auto away = std::chrono::duration_cast<std::chrono::nanoseconds>(wall_.now() - entry.left_at);
  const auto left = std::chrono::nanoseconds(std::chrono::seconds{entry.expiry_s}) - away;
  entry.expires = clock_.mono() + std::max(left, std::chrono::nanoseconds{0});
  auto due = entry.expires;
  if (entry.will) {
    entry.will_due = std::min(entry.expires, clock_.mono() + std::chrono::seconds{entry.will->delay_s});
    if (entry.will_due < due) {
      dues_.push({entry.will_due, 0, entry.client_id, entry.generation});
      arm(entry.will_due);
    }
  }
  dues_.push({due, 0, entry.client_id, entry.generation});
  arm(due);
}

void BrokerImpl::publish_will(Entry& entry, std::vector<OwnRecord>& events) {
  auto& will = *entry.will;
  OwnRecord message;
  message.cls = rules_.of(will.topic);
  message.kind = record::Kind::message;
  message.topic = will.topic;
  message.payload = std::move(will.payload);
  message.properties = std::move(will.properties);
  message.origin = entry.client_id;
  message.qos = will.qos;
  message.retain = will.retain;
  if (will.message_expiry_s) message.expires_at = wall_.now() + std::chrono::seconds{*will.message_expiry_s};
  events.push_back(std::move(message));
  events.push_back(session_record(entry, event_bare(Event::will_cleared)));
  entry.will.reset();
}

void BrokerImpl::end_session(Entry& entry, std::vector<OwnRecord>& events) {
  entry.window.each([&](const InFlight& flight) {
    if (flight.told) events.push_back(delivery_record(entry, flight, "lost"));
  });
  if (entry.logged) events.push_back(session_record(entry, event_bare(Event::removed)));
}

void BrokerImpl::forget(Entry& entry) {
  for (const auto& subscription : entry.subscriptions) tree_.remove(subscription.filter, &entry);
  subscriptions_ -= entry.subscriptions.size();
  if (entry.wants_rows) --row_readers_;
  std::ranges::replace(pumps_, &entry, nullptr);
  sessions_.erase(sessions_.find(entry.client_id));
}

}  // namespace skerry::mqtt
