// Readings as CoAP has them: checks what a device posts, and writes what it is given.
#include "api/coap_readings.hpp"

#include <simdjson.h>

#include <array>

#include "api/print.hpp"
#include "api/readings_in.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

constexpr std::array<const char*, 3> numbers{"temperature", "humidity", "battery_level"};

std::string first_line(std::string_view field, std::string_view detail) {
  return field.empty() ? std::string(detail) : std::string(field) + " " + std::string(detail);
}

}  // namespace

std::expected<CoapReading, std::string> parse_coap_reading(const coap::Request& request) {
  if (request.format != coap::Format::json && request.format != coap::Format::none)
    return std::unexpected("Content-Format must be application/json (50)");
  const auto readings = parse_readings(as_text(request.body), BodyFormat::json);
  if (!readings) return std::unexpected(first_line(readings.error().field, readings.error().detail));
  if (readings->size() != 1) return std::unexpected("one reading at a time, as a JSON object");
  const auto& reading = readings->front();
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(reading.object)).get(object) != simdjson::SUCCESS)
    return std::unexpected("is no JSON object");
  for (const char* const name : numbers) {
    simdjson::dom::element value;
    if (object.at_key(name).get(value) != simdjson::SUCCESS) continue;
    if (!value.is_null() && !value.is_number()) return std::unexpected(std::string(name) + " must be a number");
  }
  return CoapReading{reading.device, reading.object};
}

void append_coap_reading(std::string& to, const history::Reading& reading) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const bool is_object =
      reading.is_object && parser.parse(simdjson::padded_string(reading.payload)).get(object) == simdjson::SUCCESS;
  const auto has = [&](const char* key) {
    simdjson::dom::element value;
    return is_object && object.at_key(key).get(value) == simdjson::SUCCESS;
  };
  ObjectText out(to);
  if (!has("device_id")) out.text("device_id", reading.device);
  if (!has("timestamp")) out.text("timestamp", format_rfc3339(reading.timestamp));
  if (!is_object) out.text("payload_base64", base64(reading.payload));
  out.end();
  if (!is_object) return;
  const auto open = reading.payload.find('{') + 1;
  const auto close = reading.payload.rfind('}');
  const auto members = std::string_view(reading.payload).substr(open, close - open);
  if (members.find('"') == std::string_view::npos) return;  // {}
  to.pop_back();
  if (to.back() != '{') to += ',';
  to += members;
  to += '}';
}

}  // namespace skerry::api
