// Packets to bytes.
#include "mqtt/packet.hpp"
#include "mqtt/wire.hpp"

namespace skerry::mqtt {
namespace {

void put_head(Buffer& to, Type type, std::uint8_t flags, std::size_t length) {
  append_byte(to, static_cast<std::uint8_t>((static_cast<unsigned>(type) << 4) | flags));
  put_length(to, length);
}

void put_properties(Buffer& to, Bytes raw) {
  put_length(to, raw.size());
  append_bytes(to, raw);
}

std::size_t properties_bytes(std::size_t raw) { return length_bytes(raw) + raw; }

Buffer text_property(std::string_view text) {
  Buffer raw;
  if (!text.empty()) put_text(raw, Property::reason_string, text.substr(0, 512));
  return raw;
}

void put_codes(Buffer& to, Version version, Type type, std::uint16_t packet_id, std::span<const Reason> codes) {
  const bool v5 = version == Version::v5;
  put_head(to, type, 0, 2 + (v5 ? 1 : 0) + codes.size());
  append_be(to, packet_id);
  if (v5) append_byte(to, 0);
  for (const auto code : codes) append_byte(to, static_cast<std::uint8_t>(code));
}

}  // namespace

void encode(Buffer& to, const Connect& p) {
  Buffer body;
  put_string(body, "MQTT");
  append_byte(body, static_cast<std::uint8_t>(p.version));
  unsigned flags = p.clean_start ? 2 : 0;
  if (p.will) flags |= 4U | (static_cast<unsigned>(p.will->qos) << 3) | (p.will->retain ? 0x20U : 0U);
  if (p.user) flags |= 0x80U;
  if (p.password) flags |= 0x40U;
  append_byte(body, static_cast<std::uint8_t>(flags));
  append_be(body, p.keep_alive_s);
  if (p.version == Version::v5) put_properties(body, p.properties);
  put_string(body, p.client_id);
  if (p.will) {
    if (p.version == Version::v5) put_properties(body, p.will->properties);
    put_string(body, p.will->topic);
    put_binary(body, p.will->payload);
  }
  if (p.user) put_string(body, *p.user);
  if (p.password) put_binary(body, *p.password);
  put_head(to, Type::connect, 0, body.size());
  append_bytes(to, body);
}

void encode(Buffer& to, Version version, const Connack& p) {
  const bool v5 = version == Version::v5;
  put_head(to, Type::connack, 0, 2 + (v5 ? properties_bytes(p.properties.size()) : 0));
  append_byte(to, p.session_present ? 1 : 0);
  append_byte(to, p.code);
  if (v5) put_properties(to, p.properties);
}

namespace {
std::size_t publish_length(Version version, const Publish& p, std::size_t prefix_bytes) {
  return 2 + p.topic.size() + (p.qos != 0 ? 2 : 0) + p.payload.size() +
         (version == Version::v5 ? properties_bytes(prefix_bytes + p.properties.size()) : 0);
}
}  // namespace

std::size_t encoded_bytes(Version version, const Publish& p, std::size_t prefix_bytes) {
  const auto length = publish_length(version, p, prefix_bytes);
  return 1 + length_bytes(length) + length;
}

void encode(Buffer& to, Version version, const Publish& p, Bytes prefix) {
  const auto length = publish_length(version, p, prefix.size());
  const auto flags = (p.dup ? 8U : 0U) | (static_cast<unsigned>(p.qos) << 1) | (p.retain ? 1U : 0U);
  put_head(to, Type::publish, static_cast<std::uint8_t>(flags), length);
  put_string(to, p.topic);
  if (p.qos != 0) append_be(to, p.packet_id);
  if (version == Version::v5) {
    put_length(to, prefix.size() + p.properties.size());
    append_bytes(to, prefix);
    append_bytes(to, p.properties);
  }
  append_bytes(to, p.payload);
}

void encode_ack(Buffer& to, Version version, Type type, std::uint16_t packet_id, Reason reason, std::string_view text) {
  const std::uint8_t flags = type == Type::pubrel ? 2 : 0;
  if (version == Version::v311 || (reason == Reason::success && text.empty())) {
    put_head(to, type, flags, 2);
    append_be(to, packet_id);
    return;
  }
  const auto raw = text_property(text);
  put_head(to, type, flags, 3 + (raw.empty() ? 0 : properties_bytes(raw.size())));
  append_be(to, packet_id);
  append_byte(to, static_cast<std::uint8_t>(reason));
  if (!raw.empty()) put_properties(to, raw);
}

void encode(Buffer& to, Version version, const Subscribe& p) {
  Buffer body;
  append_be(body, p.packet_id);
  if (version == Version::v5) {
    Buffer raw;
    if (p.id != 0) put_number(raw, Property::subscription_id, p.id);
    put_properties(body, raw);
  }
  for (const auto& f : p.filters) {
    put_string(body, f.filter);
    unsigned options = f.qos;
    if (version == Version::v5) {
      options |=
          (f.no_local ? 4U : 0U) | (f.retain_as_published ? 8U : 0U) | (static_cast<unsigned>(f.retain_handling) << 4);
    }
    append_byte(body, static_cast<std::uint8_t>(options));
  }
  put_head(to, Type::subscribe, 2, body.size());
  append_bytes(to, body);
}

void encode(Buffer& to, Version version, const Unsubscribe& p) {
  Buffer body;
  append_be(body, p.packet_id);
  if (version == Version::v5) append_byte(body, 0);
  for (const auto& filter : p.filters) put_string(body, filter);
  put_head(to, Type::unsubscribe, 2, body.size());
  append_bytes(to, body);
}

void encode_suback(Buffer& to, Version version, std::uint16_t packet_id, std::span<const Reason> codes) {
  put_codes(to, version, Type::suback, packet_id, codes);
}

void encode_unsuback(Buffer& to, Version version, std::uint16_t packet_id, std::span<const Reason> codes) {
  put_codes(to, version, Type::unsuback, packet_id, version == Version::v5 ? codes : codes.first(0));
}

void encode_disconnect(Buffer& to, Version version, Reason reason, std::string_view text) {
  const auto raw = text_property(text);
  if (version == Version::v311 || (reason == Reason::success && raw.empty()))
    return put_head(to, Type::disconnect, 0, 0);
  put_head(to, Type::disconnect, 0, 1 + (raw.empty() ? 0 : properties_bytes(raw.size())));
  append_byte(to, static_cast<std::uint8_t>(reason));
  if (!raw.empty()) put_properties(to, raw);
}

void encode_empty(Buffer& to, Type type) { put_head(to, type, 0, 0); }

}  // namespace skerry::mqtt
