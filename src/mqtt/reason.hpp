// Reason: what we tell a peer and what it tells us (MQTT 5.0 section 2.4). Not an Error: that is between our rooms.
#pragma once

#include <cstdint>

namespace skerry::mqtt {

enum class Reason : std::uint8_t {
  success = 0x00,
  granted_qos1 = 0x01,
  granted_qos2 = 0x02,
  disconnect_with_will = 0x04,
  no_matching_subscribers = 0x10,
  no_subscription_existed = 0x11,
  unspecified = 0x80,
  malformed_packet = 0x81,
  protocol_error = 0x82,
  implementation_specific = 0x83,
  unsupported_protocol_version = 0x84,
  client_id_not_valid = 0x85,
  bad_user_name_or_password = 0x86,
  not_authorized = 0x87,
  server_unavailable = 0x88,
  server_busy = 0x89,
  bad_authentication_method = 0x8c,
  server_shutting_down = 0x8b,
  keep_alive_timeout = 0x8d,
  session_taken_over = 0x8e,
  topic_filter_invalid = 0x8f,
  topic_name_invalid = 0x90,
  packet_id_in_use = 0x91,
  packet_id_not_found = 0x92,
  receive_maximum_exceeded = 0x93,
  topic_alias_invalid = 0x94,
  packet_too_large = 0x95,
  quota_exceeded = 0x97,
  payload_format_invalid = 0x99,
  shared_subscriptions_not_supported = 0x9e,
};

inline constexpr bool is_error(Reason reason) { return static_cast<std::uint8_t>(reason) >= 0x80; }

// Why a packet is refused: the answer for the peer, and a short name for the counter. Texts are literals.
struct Refusal {
  Reason reason = Reason::malformed_packet;
  const char* label = "malformed";  // value of the label `reason` of skerry_mqtt_malformed_total
  const char* what = "";
};

}  // namespace skerry::mqtt
