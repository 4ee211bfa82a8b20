// MQTT control packets, 3.1.1 and 5.0: bytes to structs and back. Pure; strict in what it takes.
//
// Decoded structs view the bytes they came from. A refusal says what to tell the peer. Encoders append one whole
// packet.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "mqtt/properties.hpp"
#include "mqtt/reason.hpp"

namespace skerry::mqtt {

enum class Version : std::uint8_t { v311 = 4, v5 = 5 };

enum class Type : std::uint8_t {
  connect = 1,
  connack,
  publish,
  puback,
  pubrec,
  pubrel,
  pubcomp,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  pingreq,
  pingresp,
  disconnect,
  auth,
};

template <typename T>
using Decoded = std::expected<T, Refusal>;

// ---- framing ----
struct Frame {
  Type type{};
  std::uint8_t flags = 0;
  Bytes body;
  std::size_t bytes = 0;  // of the whole packet
};
// The packet at the front of `in`; nothing while it is not whole (`needed` then says how many bytes it will have, 0
// when even that is not known yet). Refused as soon as its length shows that it is too large.
Decoded<std::optional<Frame>> next_frame(Bytes in, std::uint32_t packet_bytes_max, std::size_t& needed);

// ---- what is in them ----
struct Will {
  std::string_view topic;
  Bytes payload;
  std::uint8_t qos = 0;
  bool retain = false;
  Bytes properties;  // raw, checked
};

struct Connect {
  Version version = Version::v311;
  bool clean_start = true;
  std::uint16_t keep_alive_s = 0;
  std::string_view client_id;
  std::optional<Will> will;
  std::optional<std::string_view> user;
  std::optional<Bytes> password;
  Bytes properties;  // raw, checked
};

struct Connack {
  bool session_present = false;
  std::uint8_t code = 0;  // v5: a Reason; 3.1.1: section 3.2.2.3
  Bytes properties;
};

struct Publish {
  std::string_view topic;  // empty: v5, by topic alias
  Bytes payload;
  Bytes properties;  // raw, not yet checked
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
};

struct Ack {  // PUBACK, PUBREC, PUBREL, PUBCOMP
  std::uint16_t packet_id = 0;
  Reason reason = Reason::success;
};

struct Filter {
  std::string_view filter;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint8_t retain_handling = 0;
};

struct Subscribe {
  std::uint16_t packet_id = 0;
  std::uint32_t id = 0;  // subscription identifier; 0: none
  std::vector<Filter> filters;
};

struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<std::string_view> filters;
};

struct Codes {  // SUBACK, UNSUBACK
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> codes;
};

struct Disconnect {
  Reason reason = Reason::success;
  std::optional<std::uint32_t> session_expiry_s;
};

Decoded<Connect> decode_connect(const Frame& frame);
Decoded<Connack> decode_connack(const Frame& frame, Version version);
Decoded<Publish> decode_publish(const Frame& frame, Version version);
Decoded<Ack> decode_ack(const Frame& frame, Version version);
Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version);
Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version);
Decoded<Codes> decode_codes(const Frame& frame, Version version);
Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version);

// ---- and back ----
void encode(Buffer& to, const Connect& packet);
void encode(Buffer& to, Version version, const Connack& packet);
// `prefix` are properties to stand before packet.properties (v5 only).
void encode(Buffer& to, Version version, const Publish& packet, Bytes prefix = {});
std::size_t encoded_bytes(Version version, const Publish& packet, std::size_t prefix_bytes = 0);
// Reason and text are left out for 3.1.1, and where success without a text says it all.
void encode_ack(Buffer& to, Version version, Type type, std::uint16_t packet_id, Reason reason = Reason::success,
                std::string_view text = {});
void encode(Buffer& to, Version version, const Subscribe& packet);
void encode(Buffer& to, Version version, const Unsubscribe& packet);
void encode_suback(Buffer& to, Version version, std::uint16_t packet_id, std::span<const Reason> codes);
void encode_unsuback(Buffer& to, Version version, std::uint16_t packet_id, std::span<const Reason> codes);
void encode_disconnect(Buffer& to, Version version, Reason reason, std::string_view text = {});
void encode_empty(Buffer& to, Type type);  // PINGREQ, PINGRESP

}  // namespace skerry::mqtt
