// Writes the API's objects.
#include "cloud/print.hpp"

#include "act/messages.hpp"
#include "api/print.hpp"
#include "codec/json.hpp"

namespace skerry::cloud {
namespace {

std::string rfc3339(Wall time) { return format_rfc3339(to_event(time)); }

}  // namespace

std::string payload_members(Bytes payload, EventTime timestamp, Wall received_at) {
  const auto text = as_text(payload);
  const auto first = text.find_first_not_of(" \t\r\n");
  std::string members;
  if (first != std::string_view::npos && text[first] == '{' && codec::is_json(payload)) {
    members = "\"data\":" + std::string(text);
  } else {
    members = "\"data\":null,\"payload_base64\":\"" + api::base64(text) + "\"";
  }
  if (codec::is_ahead(timestamp, received_at)) members += ",\"ahead\":true";
  return members;
}

void append_reading(std::string& to, std::string_view gateway, const ReadingView& reading) {
  api::ObjectText(to)
      .text("gateway_id", gateway)
      .text("device_id", reading.device)
      .text("timestamp", format_rfc3339(reading.timestamp))
      .text("received_at", rfc3339(reading.received_at))
      .count("offset", reading.offset);
  to += ',' + payload_members(reading.payload, reading.timestamp, reading.received_at) + '}';
}

std::string alert_text(std::string_view gateway, Wall received_at, std::uint64_t offset, std::string_view payload) {
  std::string more = "\"gateway_id\":";
  codec::append_json_string(more, gateway);
  more += ",\"received_at\":\"" + rfc3339(received_at) + "\",\"offset\":" + std::to_string(offset);
  return act::with_members(payload, more);
}

std::string command_text(std::string_view gateway, std::string_view payload, const std::vector<Reached>& reached,
                         std::string_view members) {
  std::string states;
  std::string_view last = "issued";
  for (const auto& r : reached) {
    if (!states.empty()) states += ',';
    states += R"({"state":")" + r.state + R"(","at":")" + rfc3339(r.at) + R"(","detail":)";
    codec::append_json_string(states, r.detail);
    states += '}';
    last = r.state;
  }
  std::string more = "\"gateway_id\":";
  codec::append_json_string(more, gateway);
  more += ",\"state\":\"" + std::string(last) + "\",\"states\":[" + states + "]" + std::string(members);
  return act::with_members(payload, more);
}

void append_fate_news(std::string& to, std::string_view gateway, std::string_view command, std::string_view device,
                      std::string_view state, Wall at) {
  api::ObjectText(to)
      .text("gateway_id", gateway)
      .text("command_id", command)
      .text("device_id", device)
      .text("state", state)
      .text("at", rfc3339(at))
      .end();
}

}  // namespace skerry::cloud
