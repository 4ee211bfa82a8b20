// Bytes to packets, with the checks of MQTT 3.1.1 and 5.0.
#include <algorithm>

#include "mqtt/packet.hpp"
#include "mqtt/wire.hpp"

namespace skerry::mqtt {
namespace {

std::unexpected<Refusal> malformed(const char* label, const char* what) {
  return std::unexpected(Refusal{Reason::malformed_packet, label, what});
}
std::unexpected<Refusal> protocol(const char* label, const char* what) {
  return std::unexpected(Refusal{Reason::protocol_error, label, what});
}

// A property block: its length, then that many bytes, which are checked.
Decoded<Bytes> take_properties(Reader& in, In where) {
  std::uint32_t length = 0;
  if (!take_length(in, length)) return malformed("property", "a property length that is cut off or too long");
  const auto raw = in.take(length);
  if (!in.ok()) return malformed("property", "the properties are cut off");
  if (!raw.empty()) {
    const auto checked = Properties::read(raw, where);
    if (!checked) return std::unexpected(checked.error());
  }
  return raw;
}

bool has_wildcard(std::string_view topic) { return topic.find_first_of("+#") != std::string_view::npos; }

Decoded<Will> take_will(Reader& in, Version version, std::uint8_t flags) {
  Will will;
  will.qos = (flags >> 3) & 3;
  will.retain = (flags & 0x20) != 0;
  if (version == Version::v5) {
    const auto properties = take_properties(in, In::will);
    if (!properties) return std::unexpected(properties.error());
    will.properties = *properties;
  }
  const auto topic = take_name(in);
  if (!topic) return malformed("utf8", "the will's topic is cut off, not UTF-8 or has control characters");
  if (topic->empty() || has_wildcard(*topic)) {
    return std::unexpected(Refusal{Reason::topic_name_invalid, "topic", "the will's topic is empty or has a wildcard"});
  }
  will.topic = *topic;
  will.payload = take_binary(in);
  if (!in.ok()) return malformed("length", "the will is cut off");
  return will;
}

}  // namespace

Decoded<std::optional<Frame>> next_frame(Bytes in, std::uint32_t packet_bytes_max, std::size_t& needed) {
  needed = 0;
  if (in.empty()) return std::nullopt;
  const auto head = std::to_integer<std::uint8_t>(in[0]);
  const auto type = static_cast<Type>(head >> 4);
  if (head >> 4 == 0) return malformed("type", "packet type 0");
  // Flags are fixed but for PUBLISH (section 2.1.3): known from the first byte, so refused at once.
  const bool two = type == Type::pubrel || type == Type::subscribe || type == Type::unsubscribe;
  if (type != Type::publish && (head & 15) != (two ? 2 : 0)) return malformed("flags", "wrong flags in the first byte");
  std::size_t length = 0;
  std::size_t at = 1;
  for (unsigned shift = 0;; shift += 7, ++at) {
    if (shift == 28) return malformed("length", "a packet length of more than four bytes");
    if (at == in.size()) return std::nullopt;
    const auto b = std::to_integer<std::uint8_t>(in[at]);
    length |= static_cast<std::size_t>(b & 0x7f) << shift;
    if (b < 0x80) break;
  }
  ++at;
  needed = at + length;
  if (needed > packet_bytes_max) {
    return std::unexpected(Refusal{Reason::packet_too_large, "too_large", "the packet is larger than is allowed"});
  }
  if (in.size() < needed) return std::nullopt;
  return Frame{type, static_cast<std::uint8_t>(head & 15), in.subspan(at, length), needed};
}

Decoded<Connect> decode_connect(const Frame& frame) {
  Reader in(frame.body);
  const auto name = take_text(in);
  const auto level = in.byte();
  if (!name || !in.ok()) return malformed("connect", "CONNECT is cut off");
  if (*name != "MQTT" || (level != 4 && level != 5)) {
    return std::unexpected(
        Refusal{Reason::unsupported_protocol_version, "version", "only MQTT 3.1.1 and 5.0 are spoken here"});
  }
  Connect packet;
  packet.version = static_cast<Version>(level);
  const auto flags = in.byte();
  packet.keep_alive_s = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("connect", "CONNECT is cut off");
  const bool has_will = (flags & 4) != 0;
  if ((flags & 1) != 0) return malformed("connect", "the reserved connect flag is set");
  if (((flags >> 3) & 3) == 3 || (!has_will && (flags & 0x38) != 0)) return malformed("connect", "wrong will flags");
  if (level == 4 && (flags & 0x40) != 0 && (flags & 0x80) == 0)
    return malformed("connect", "a password without a user name");
  packet.clean_start = (flags & 2) != 0;
  if (packet.version == Version::v5) {
    const auto properties = take_properties(in, In::connect);
    if (!properties) return std::unexpected(properties.error());
    packet.properties = *properties;
  }
  const auto id = take_name(in);
  if (!id) return malformed("utf8", "the client id is cut off, not UTF-8 or has control characters");
  packet.client_id = *id;
  if (has_will) {
    auto will = take_will(in, packet.version, flags);
    if (!will) return std::unexpected(will.error());
    packet.will = *will;
  }
  if ((flags & 0x80) != 0) {
    packet.user = take_name(in);
    if (!packet.user) return malformed("utf8", "the user name is cut off, not UTF-8 or has control characters");
  }
  if ((flags & 0x40) != 0) packet.password = take_binary(in);
  if (!in.ok() || !in.rest().empty()) return malformed("length", "CONNECT is not as long as it says");
  return packet;
}

Decoded<Connack> decode_connack(const Frame& frame, Version version) {
  Reader in(frame.body);
  Connack packet;
  const auto flags = in.byte();
  packet.code = in.byte();
  if (!in.ok() || flags > 1) return malformed("connack", "CONNACK is cut off or has wrong flags");
  packet.session_present = flags == 1;
  if (version == Version::v5) {
    const auto properties = take_properties(in, In::connack);
    if (!properties) return std::unexpected(properties.error());
    packet.properties = *properties;
  }
  if (!in.rest().empty()) return malformed("length", "CONNACK is not as long as it says");
  return packet;
}

Decoded<Publish> decode_publish(const Frame& frame, Version version) {
  Reader in(frame.body);
  Publish packet;
  packet.qos = (frame.flags >> 1) & 3;
  packet.retain = (frame.flags & 1) != 0;
  packet.dup = (frame.flags & 8) != 0;
  if (packet.qos == 3) return malformed("qos", "QoS 3");
  if (packet.qos == 0 && packet.dup) return malformed("flags", "a QoS 0 message marked as a repetition");
  packet.topic = as_text(take_binary(in));
  if (packet.qos != 0) packet.packet_id = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("length", "PUBLISH is cut off");
  if (packet.qos != 0 && packet.packet_id == 0) return protocol("packet_id", "packet identifier 0");
  if (version == Version::v5) {
    std::uint32_t length = 0;
    if (!take_length(in, length)) return malformed("property", "a property length that is cut off or too long");
    packet.properties = in.take(length);
    if (!in.ok()) return malformed("property", "the properties are cut off");
  }
  packet.payload = in.rest();
  return packet;
}

namespace {

// Which reason codes each of them may carry (MQTT 5.0 table 2-6).
bool may_carry(Type type, Reason reason) {
  if (reason == Reason::success) return true;
  if (type == Type::pubrel || type == Type::pubcomp) return reason == Reason::packet_id_not_found;
  switch (reason) {
    case Reason::no_matching_subscribers:
    case Reason::unspecified:
    case Reason::implementation_specific:
    case Reason::not_authorized:
    case Reason::topic_name_invalid:
    case Reason::packet_id_in_use:
    case Reason::quota_exceeded:
    case Reason::payload_format_invalid: return true;
    default: return false;
  }
}

}  // namespace

Decoded<Ack> decode_ack(const Frame& frame, Version version) {
  Reader in(frame.body);
  Ack packet;
  packet.packet_id = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("length", "an acknowledgement is cut off");
  if (packet.packet_id == 0) return protocol("packet_id", "packet identifier 0");
  if (version == Version::v5 && !in.rest().empty()) {
    packet.reason = static_cast<Reason>(in.byte());
    if (!may_carry(frame.type, packet.reason))
      return protocol("reason_code", "a reason code that this acknowledgement cannot have");
    if (!in.rest().empty()) {
      const auto properties = take_properties(in, In::ack);
      if (!properties) return std::unexpected(properties.error());
    }
  }
  if (!in.rest().empty()) return malformed("length", "an acknowledgement is not as long as it says");
  return packet;
}

Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version) {
  Reader in(frame.body);
  Subscribe packet;
  packet.packet_id = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("length", "SUBSCRIBE is cut off");
  if (packet.packet_id == 0) return protocol("packet_id", "packet identifier 0");
  if (version == Version::v5) {
    const auto raw = take_properties(in, In::subscribe);
    if (!raw) return std::unexpected(raw.error());
    packet.id = Properties::read(*raw, In::subscribe)->number(Property::subscription_id);
  }
  if (in.rest().empty()) return protocol("subscribe", "SUBSCRIBE without a topic filter");
  while (!in.rest().empty()) {
    const auto filter = take_name(in);
    if (!filter) return malformed("utf8", "a topic filter is cut off, not UTF-8 or has control characters");
    if (filter->empty()) return malformed("topic", "an empty topic filter");
    const auto options = in.byte();
    if (!in.ok()) return malformed("length", "SUBSCRIBE is cut off");
    const auto reserved = version == Version::v5 ? 0xc0 : 0xfc;
    if ((options & reserved) != 0 || (options & 3) == 3) return malformed("subscribe", "wrong subscription options");
    Filter f{*filter, static_cast<std::uint8_t>(options & 3), (options & 4) != 0, (options & 8) != 0,
             static_cast<std::uint8_t>((options >> 4) & 3)};
    if (f.retain_handling == 3) return protocol("subscribe", "retain handling 3");
    if (f.no_local && filter->starts_with("$share/")) return protocol("subscribe", "no-local on a shared subscription");
    packet.filters.push_back(f);
  }
  return packet;
}

Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version) {
  Reader in(frame.body);
  Unsubscribe packet;
  packet.packet_id = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("length", "UNSUBSCRIBE is cut off");
  if (packet.packet_id == 0) return protocol("packet_id", "packet identifier 0");
  if (version == Version::v5) {
    const auto raw = take_properties(in, In::unsubscribe);
    if (!raw) return std::unexpected(raw.error());
  }
  if (in.rest().empty()) return protocol("unsubscribe", "UNSUBSCRIBE without a topic filter");
  while (!in.rest().empty()) {
    const auto filter = take_name(in);
    if (!filter) return malformed("utf8", "a topic filter is cut off, not UTF-8 or has control characters");
    if (filter->empty()) return malformed("topic", "an empty topic filter");
    packet.filters.push_back(*filter);
  }
  return packet;
}

Decoded<Codes> decode_codes(const Frame& frame, Version version) {
  Reader in(frame.body);
  Codes packet;
  packet.packet_id = in.be<std::uint16_t>();
  if (!in.ok()) return malformed("length", "an acknowledgement is cut off");
  if (version == Version::v5) {
    const auto properties = take_properties(in, In::suback);
    if (!properties) return std::unexpected(properties.error());
  }
  for (const auto code : in.rest()) packet.codes.push_back(std::to_integer<std::uint8_t>(code));
  return packet;
}

Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version) {
  Disconnect packet;
  if (frame.body.empty()) return packet;
  if (version == Version::v311) return malformed("length", "DISCONNECT with a body");
  Reader in(frame.body);
  packet.reason = static_cast<Reason>(in.byte());
  if (!in.rest().empty()) {
    const auto raw = take_properties(in, In::disconnect);
    if (!raw) return std::unexpected(raw.error());
    const auto properties = Properties::read(*raw, In::disconnect);
    if (properties->has(Property::session_expiry))
      packet.session_expiry_s = properties->number(Property::session_expiry);
  }
  if (!in.rest().empty()) return malformed("length", "DISCONNECT is not as long as it says");
  return packet;
}

}  // namespace skerry::mqtt
