// Readings as CoAP has them: what a device posts, and what it is given.
#pragma once

#include <expected>
#include <string>

#include "coap/coap.hpp"
#include "history/history.hpp"

namespace skerry::api {

struct CoapReading {
  std::string device;
  std::string_view object;  // its bytes in the body
};

// One JSON object with device_id; temperature, humidity and battery_level are numbers or null where they are there.
// Else the reason for a 4.00.
std::expected<CoapReading, std::string> parse_coap_reading(const coap::Request& request);

// The reading as it was sent, with device_id and timestamp put in front where the payload has none.
void append_coap_reading(std::string& to, const history::Reading& reading);

}  // namespace skerry::api
