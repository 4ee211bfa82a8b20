// The connection machine: PUBLISH from the client, and the acknowledgements of what was sent to it.
#include <algorithm>

#include "mqtt/session.hpp"
#include "mqtt/wire.hpp"

namespace skerry::mqtt {

bool is_internal(std::string_view topic) {
  return topic.starts_with("$skerry/") || topic.starts_with("$SYS/") || topic.starts_with("$share/");
}

// commands/{device}, and not what devices answer below it.
bool is_command(std::string_view topic) {
  return topic.starts_with("commands/") &&
         topic.find('/', std::string_view("commands/").size()) == std::string_view::npos;
}

bool is_told(std::string_view topic) { return topic.starts_with("commands/"); }

std::string delivery_payload(std::string_view state, std::string_view client_id, std::uint16_t packet_id) {
  std::string text = "{\"state\":\"";
  text += state;
  text += "\",\"client\":\"";
  for (const char c : client_id) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view hex = "0123456789abcdef";
      text += "\\u00";
      text += hex[static_cast<unsigned char>(c) >> 4];
      text += hex[static_cast<unsigned char>(c) & 15];
    } else {
      text += c;
    }
  }
  text += '"';
  if (packet_id != 0) text += ",\"packet_id\":" + std::to_string(packet_id);
  text += '}';
  return text;
}

std::optional<Refusal> Session::check_topic(std::string_view topic) {
  if (std::ranges::any_of(topic, [](char c) { return c == '+' || c == '#'; })) {
    return Refusal{Reason::topic_name_invalid, "wildcard", "a topic to publish to must not contain + or #"};
  }
  if (topic.find('\0') != std::string_view::npos)
    return Refusal{Reason::malformed_packet, "utf8", "the topic contains a NUL"};
  if (!record::is_utf8(topic) || !is_name(topic)) {
    return Refusal{Reason::malformed_packet, "utf8", "the topic is not UTF-8 or has control characters"};
  }
  if (!record::check_topic(topic)) {
    return Refusal{Reason::topic_name_invalid, "topic_limit", "the topic has more than 1024 bytes or 128 levels"};
  }
  if (is_internal(topic)) {
    return Refusal{Reason::not_authorized, "internal_topic",
                   "topics below $skerry/, $SYS/ and $share/ are not for clients to publish to"};
  }
  topic_ = topic;
  class_ = rules_.of(topic);
  return {};
}

std::optional<Refusal> Session::read_properties(Publish& packet, record::Record& record, const Now& now, Effects& out) {
  const auto read = Properties::read(packet.properties, In::publish);
  if (!read) return read.error();
  if (read->has(Property::subscription_id)) {
    return Refusal{Reason::protocol_error, "property", "a client must not send a subscription identifier"};
  }
  if (read->has(Property::topic_alias)) {
    const auto alias = read->number(Property::topic_alias);
    if (alias > options_.topic_alias_max) {
      return Refusal{Reason::topic_alias_invalid, "topic_alias", "the topic alias is above the Topic Alias Maximum"};
    }
    if (aliases_.size() < alias) aliases_.resize(alias);
    if (!packet.topic.empty()) {
      if (const auto bad = check_topic(packet.topic)) return bad;  // before it is kept
      aliases_[alias - 1] = packet.topic;
    } else if (aliases_[alias - 1].empty()) {
      return Refusal{Reason::protocol_error, "topic_alias", "a topic alias that stands for nothing yet"};
    } else {
      packet.topic = out.strings.emplace_back(aliases_[alias - 1]);
    }
  }
  if (read->number(Property::payload_format) == 1 && !record::is_utf8(as_text(packet.payload))) {
    return Refusal{Reason::payload_format_invalid, "utf8", "the payload is said to be UTF-8 and is not"};
  }
  if (read->has(Property::message_expiry)) {
    record.expires_at = now.wall + std::chrono::seconds{read->number(Property::message_expiry)};
  }
  if (read->has(Property::message_expiry) || read->has(Property::topic_alias)) {
    Buffer forwarded;
    append_forwarded(forwarded, packet.properties);
    record.properties = as_bytes(out.strings.emplace_back(as_text(forwarded)));
  } else {
    record.properties = packet.properties;
  }
  return {};
}

std::optional<Refusal> Session::take_publish(const Frame& frame, const Now& now, Effects& out) {
  auto decoded = decode_publish(frame, version_);
  if (!decoded) return decoded.error();
  auto& packet = *decoded;
  auto& append = std::get<Append>(out.list.emplace_back(Append{}));
  auto& record = append.record;
  std::optional<Refusal> bad;
  if (!packet.properties.empty()) bad = read_properties(packet, record, now, out);
  if (!bad && packet.topic.empty()) {
    bad =
        Refusal{version_ == Version::v5 ? Reason::protocol_error : Reason::malformed_packet, "topic", "an empty topic"};
  }
  if (!bad && packet.topic != topic_) bad = check_topic(packet.topic);
  if (!bad && !grant_->may_publish(packet.topic)) {
    bad = Refusal{Reason::not_authorized, "not_authorized", "this client may not publish to that topic"};
  }
  if (!bad && version_ == Version::v5 && packet.qos != 0 &&
      unacked_ + state_->inbound.size() >= options_.receive_maximum &&
      !(packet.qos == 2 && state_->inbound.contains(packet.packet_id))) {
    bad = Refusal{Reason::receive_maximum_exceeded, "receive_maximum",
                  "more unacknowledged messages than the Receive Maximum"};
  }
  if (bad) {
    out.list.pop_back();
    // What concerns this message alone is answered with it, where the protocol has an answer for that.
    const bool alone = bad->reason == Reason::not_authorized || bad->reason == Reason::payload_format_invalid ||
                       (bad->reason == Reason::topic_name_invalid && std::string_view(bad->label) == "topic_limit");
    if (!alone || version_ != Version::v5 || packet.qos == 0) return bad;
    out.list.emplace_back(
        Answer{packet.qos == 1 ? Type::puback : Type::pubrec, packet.packet_id, bad->reason, bad->what});
    if (packet.qos == 1) ++unacked_;
    ++out.refused_publishes;
    return {};
  }
  if (packet.qos == 2 && !state_->inbound.insert(packet.packet_id)) {  // a repetition: it was taken already
    out.list.pop_back();
    out.list.emplace_back(Answer{Type::pubrec, packet.packet_id, Reason::success, ""});
    return {};
  }
  grant_->published(packet.topic, packet.payload.size());
  if (packet.qos == 1) ++unacked_;
  ++out.received[packet.qos];
  record.cls = class_;
  record.qos = packet.qos;
  record.retain = packet.retain;
  record.packet_id = packet.qos == 2 ? packet.packet_id : 0;
  record.topic = packet.topic;
  record.payload = packet.payload;
  record.origin = state_->client_id;
  // A command that comes late is a danger: one whose publisher set no time has the default not-after.
  if (!record.expires_at && is_command(packet.topic)) record.expires_at = now.wall + options_.command_expiry;
  append.then = packet.qos == 1 ? Type::puback : Type::pubrec;
  append.packet_id = packet.packet_id;
  return {};
}

// ---- acknowledgements of what was sent to the client ----

void Session::append_event(Buffer payload, Effects& out, Type then, std::uint16_t packet_id) {
  Append append;
  append.record.cls = record::Class::critical;
  append.record.kind = record::Kind::session;
  append.record.topic = out.strings.emplace_back(std::string(session_topic_prefix) + state_->client_id);
  append.record.payload = as_bytes(out.strings.emplace_back(as_text(payload)));
  append.record.origin = state_->client_id;
  append.then = then;
  append.packet_id = packet_id;
  out.list.emplace_back(append);
}

void Session::append_delivery(const InFlight& entry, std::string_view state, Effects& out) {
  Append append;
  append.record.cls = record::Class::critical;
  append.record.kind = record::Kind::delivery;
  append.record.topic = out.strings.emplace_back(std::string(delivery_topic_prefix) + state_->client_id);
  append.record.payload =
      as_bytes(out.strings.emplace_back(delivery_payload(state, state_->client_id, entry.packet_id)));
  append.record.origin = state_->client_id;
  append.record.cause = entry.position;
  out.list.emplace_back(append);
}

namespace {
Refusal mismatch(const char* what) { return {Reason::protocol_error, "acknowledgement", what}; }
}  // namespace

std::optional<Refusal> Session::on_pubrec(const Ack& ack, Effects& out) {
  auto* const entry = state_->window.find(ack.packet_id);
  if (entry == nullptr) {
    if (is_error(ack.reason)) return {};  // it is done with that message, and so are we
    out.list.emplace_back(Answer{Type::pubrel, ack.packet_id, Reason::packet_id_not_found, ""});
    return {};
  }
  if (entry->qos != 2 || entry->phase == Phase::held) return mismatch("a PUBREC for what was not sent with QoS 2");
  if (is_error(ack.reason)) {  // the client will not have it: no PUBREL (MQTT 5.0 section 4.3.3)
    if (entry->told) append_delivery(*entry, "lost", out);
    if (state_->outlives()) append_event(event_packet(Event::completed, ack.packet_id), out);
    state_->window.finish(*entry);
    return {};
  }
  const bool again = entry->phase == Phase::received;
  entry->phase = Phase::received;
  if (entry->told && !again) append_delivery(*entry, "received", out);
  // Should we forget that PUBREC came, the client would take our repetition for a new message: PUBREL waits.
  if (state_->outlives() && !again) {
    append_event(event_packet(Event::received, ack.packet_id), out, Type::pubrel, ack.packet_id);
  } else {
    out.list.emplace_back(Answer{Type::pubrel, ack.packet_id, Reason::success, ""});
  }
  return {};
}

std::optional<Refusal> Session::on_pubcomp(const Ack& ack, Effects& out) {
  auto* const entry = state_->window.find(ack.packet_id);
  if (entry == nullptr) return {};
  if (entry->qos != 2 || entry->phase != Phase::received) return mismatch("a PUBCOMP before PUBREL was sent");
  if (entry->told) append_delivery(*entry, "delivered", out);
  if (state_->outlives()) append_event(event_packet(Event::completed, ack.packet_id), out);
  state_->window.finish(*entry);
  return {};
}

std::optional<Refusal> Session::take_ack(const Frame& frame, Effects& out) {
  const auto ack = decode_ack(frame, version_);
  if (!ack) return ack.error();
  switch (frame.type) {
    case Type::puback: {
      auto* const entry = state_->window.find(ack->packet_id);
      if (entry == nullptr) break;
      if (entry->qos != 1 || entry->phase != Phase::sent) return mismatch("a PUBACK for what was not sent with QoS 1");
      state_->window.finish(*entry);
      break;
    }
    case Type::pubrec: return on_pubrec(*ack, out);
    case Type::pubcomp: return on_pubcomp(*ack, out);
    default: {  // PUBREL
      const bool known = state_->inbound.erase(ack->packet_id);
      if (known && state_->outlives()) {
        append_event(event_packet(Event::released, ack->packet_id), out, Type::pubcomp, ack->packet_id);
      } else {
        out.list.emplace_back(
            Answer{Type::pubcomp, ack->packet_id, known ? Reason::success : Reason::packet_id_not_found, ""});
      }
    }
  }
  return {};
}

}  // namespace skerry::mqtt
