// MQTT 5 properties (MQTT 5.0 section 2.2.2.2): read with all the checks the standard asks for, and written.
#pragma once

#include <array>
#include <expected>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "mqtt/reason.hpp"

namespace skerry::mqtt {

enum class Property : std::uint8_t {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_id = 0x0b,
  session_expiry = 0x11,
  assigned_client_id = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay = 0x18,
  request_response_information = 0x19,
  response_information = 0x1a,
  server_reference = 0x1c,
  reason_string = 0x1f,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_available = 0x28,
  subscription_id_available = 0x29,
  shared_available = 0x2a,
};

// Where a property stands; each packet allows some.
enum class In : std::uint16_t {
  connect = 1,
  connack = 2,
  publish = 4,
  ack = 8,
  subscribe = 16,
  suback = 32,
  unsubscribe = 64,
  disconnect = 128,
  auth = 256,
  will = 512,
};

// The properties of one packet. Views into it.
class Properties {
 public:
  bool has(Property p) const { return (present_ >> static_cast<unsigned>(p) & 1) != 0; }
  std::uint32_t number(Property p, std::uint32_t otherwise = 0) const {
    return has(p) ? numbers_[static_cast<unsigned>(p)] : otherwise;
  }
  Bytes bytes(Property p) const { return has(p) ? bytes_[static_cast<unsigned>(p)] : Bytes{}; }
  std::string_view text(Property p) const { return as_text(bytes(p)); }
  const std::vector<std::uint32_t>& subscription_ids() const { return subscription_ids_; }

  // Reads all of `raw` (without its length).
  static std::expected<Properties, Refusal> read(Bytes raw, In where);

 private:
  std::uint64_t present_ = 0;
  std::array<std::uint32_t, 0x2b> numbers_;  // valid where present
  std::array<Bytes, 0x2b> bytes_;
  std::vector<std::uint32_t> subscription_ids_;
};

// What of a PUBLISH's properties goes on to subscribers, as on the wire: all but topic alias and message expiry, which
// concern this hop. `raw` must have been read without a refusal.
void append_forwarded(Buffer& to, Bytes raw);

void put_number(Buffer& to, Property p, std::uint32_t value);  // width by the property
void put_bytes(Buffer& to, Property p, Bytes value);           // at most 65,535 bytes
inline void put_text(Buffer& to, Property p, std::string_view value) { put_bytes(to, p, as_bytes(value)); }

// Variable byte integer (section 1.5.5): at most 268,435,455.
void put_length(Buffer& to, std::size_t value);
std::size_t length_bytes(std::size_t value);

}  // namespace skerry::mqtt
