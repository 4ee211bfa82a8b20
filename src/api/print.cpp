// Writes the API's objects as text.
#include "api/print.hpp"

#include <array>

#include "codec/json.hpp"

namespace skerry::api {

void ObjectText::key(std::string_view key) {
  if (!first_) to_ += ',';
  first_ = false;
  to_ += '"';
  to_ += key;  // ours: never needs escapes
  to_ += "\":";
}

ObjectText& ObjectText::text(std::string_view k, std::string_view value) {
  key(k);
  codec::append_json_string(to_, value);
  return *this;
}

ObjectText& ObjectText::raw(std::string_view k, std::string_view json) {
  key(k);
  to_ += json;
  return *this;
}

ObjectText& ObjectText::number(std::string_view k, double value) {
  key(k);
  codec::append_json_number(to_, value);
  return *this;
}

ObjectText& ObjectText::count(std::string_view k, std::uint64_t value) {
  key(k);
  to_ += std::to_string(value);
  return *this;
}

ObjectText& ObjectText::flag(std::string_view k, bool value) { return raw(k, value ? "true" : "false"); }

ObjectText& ObjectText::time(std::string_view k, Wall value) { return text(k, format_rfc3339(to_event(value))); }

// RFC 4648 section 4.
std::string base64(std::string_view bytes) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto piece = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = (bits << 8) | (j < piece.size() ? static_cast<unsigned char>(piece[j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j) out += j <= piece.size() ? digits[(bits >> (18 - 6 * j)) & 63U] : '=';
  }
  return out;
}

namespace {

void append_payload(ObjectText& object, const history::Reading& reading) {
  if (reading.is_object) {
    object.raw("data", reading.payload);
  } else {
    object.raw("data", "null").text("payload_base64", base64(reading.payload));
  }
  if (reading.ahead) object.flag("ahead", true);
}

}  // namespace

void append_reading(std::string& to, const history::Reading& reading) {
  ObjectText object(to);
  object.text("device_id", reading.device)
      .text("timestamp", format_rfc3339(reading.timestamp))
      .time("received_at", reading.received_at)
      .count("offset", reading.offset.value);
  append_payload(object, reading);
  object.end();
}

void append_device(std::string& to, const history::Device& device) {
  ObjectText object(to);
  object.text("device_id", device.id).time("first_seen", device.first_seen).time("last_seen", device.last_seen);
  object.count("readings", device.readings);
  if (device.last) {
    object.text("timestamp", format_rfc3339(device.last->timestamp));
    append_payload(object, *device.last);
  } else {
    object.raw("timestamp", "null").raw("data", "null");
  }
  object.raw("status", device.status ? std::string_view(*device.status) : "null");
  object.raw("meta", device.meta ? std::string_view(*device.meta) : "null");
  object.end();
}

void append_series(std::string& to, std::string_view device, std::string_view field, const history::Series& series) {
  ObjectText object(to);
  object.text("device_id", device).text("field", field);
  object.count("step_ms", static_cast<std::uint64_t>(series.step.count()));
  std::string items = "[";
  for (const auto& step : series.steps) {
    if (items.size() > 1) items += ',';
    items += '[' + std::to_string(step.at.time_since_epoch().count()) + ',' + std::to_string(step.count);
    for (const auto value : {step.min, step.max, step.mean}) {
      items += ',';
      codec::append_json_number(items, value);
    }
    items += ']';
  }
  object.raw("items", items + ']').end();
}

void append_next(std::string& to, const std::optional<std::string>& next) {
  to += "],\"next\":";
  if (next) {
    codec::append_json_string(to, *next);
  } else {
    to += "null";
  }
  to += '}';
}

http::Response list_of(const std::vector<std::string>& items, const std::optional<std::string>& next) {
  std::string text = R"({"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) text += ',';
    text += items[i];
  }
  append_next(text, next);
  return http::json(std::move(text));
}

}  // namespace skerry::api
