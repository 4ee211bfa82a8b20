// Reads and writes the payloads that act understands; the only file that knows how they are parsed.
#include "act/messages.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "act/limits.hpp"
#include "codec/json.hpp"
#include "record/record.hpp"

namespace skerry::act {
namespace {

using Json = nlohmann::ordered_json;

Read<Json> parse_object(Bytes payload, std::size_t bytes_max = payload_bytes_max) {
  if (payload.size() > bytes_max) return std::unexpected(Reject::too_long);
  const auto text = as_text(payload);
  if (too_deep(text)) return std::unexpected(Reject::too_long);
  auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return std::unexpected(Reject::not_json);
  return json;
}

// The text of a member; empty when it is absent or null, nothing when it is something else or too long.
std::optional<std::string> text_of(const Json& object, const char* key, std::size_t bytes_max) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::string{};
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() > bytes_max) return std::nullopt;
  return text;
}

// An id stands in a topic, and in the answers of devices.
bool is_id(std::string_view id) { return id.empty() || record::check_device_id(id).has_value(); }

std::optional<std::string> id_of(const Json& object, const char* key) {
  auto id = text_of(object, key, name_bytes_max);
  if (id && !is_id(*id)) return std::nullopt;
  return id;
}

// Text as it came, cut to a limit at a whole character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  auto end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

// Compact JSON text. Depth is bounded by parse_object(), and what was parsed is UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::optional<EventTime> time_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_string()) return parse_time(found->get_ref<const std::string&>());
  if (found->is_number()) return time_of_number(found->get<double>());
  return std::nullopt;
}

void add(std::string& to, std::string_view key, std::string_view text) {
  to += to.empty() || to.back() == '{' ? "\"" : ",\"";
  to += key;
  to += "\":";
  codec::append_json_string(to, text);
}

}  // namespace

std::string_view name(Reject reason) {
  static constexpr std::array<std::string_view, reject_count> names{
      "not_json", "too_long", "field", "status", "unknown_command", "wrong_device", "duplicate_id", "topic"};
  return names[static_cast<std::size_t>(reason)];
}

bool too_deep(std::string_view json) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > nesting_max) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Read<AlertFields> read_alert(Bytes payload) {
  const auto json = parse_object(payload, alert_bytes_max);
  if (!json) return std::unexpected(json.error());
  auto id = id_of(*json, "alert_id");
  auto device = text_of(*json, "device_id", name_bytes_max);
  auto type = text_of(*json, "alert_type", name_bytes_max);
  auto severity = text_of(*json, "severity", name_bytes_max);
  if (!id || !device || !type || !severity) return std::unexpected(Reject::field);
  return AlertFields{std::move(*id), std::move(*device), std::move(*type), std::move(*severity)};
}

Read<CommandFields> read_command(Bytes payload) {
  const auto json = parse_object(payload);
  if (!json) return std::unexpected(json.error());
  auto id = id_of(*json, "command_id");
  auto device = text_of(*json, "device_id", name_bytes_max);
  auto command = text_of(*json, "command", name_bytes_max);
  auto alert_id = text_of(*json, "alert_id", name_bytes_max);
  if (!id || !device || !command || !alert_id) return std::unexpected(Reject::field);
  CommandFields fields{std::move(*id), std::move(*device), std::move(*command), std::move(*alert_id), {}, {}};
  fields.not_after = time_of(*json, "not_after");
  const auto compensation = json->find("compensation");
  if (compensation != json->end() && !compensation->is_null()) {
    if (!compensation->is_object()) return std::unexpected(Reject::field);
    const auto what = text_of(*compensation, "command", name_bytes_max);
    const auto params = compensation->find("params");
    const bool params_fine = params == compensation->end() || params->is_object();
    if (!what || what->empty() || !params_fine) return std::unexpected(Reject::field);
    fields.compensation = dump(*compensation);
  }
  return fields;
}

Read<AckFields> read_ack(Bytes payload) {
  const auto json = parse_object(payload);
  if (!json) return std::unexpected(json.error());
  auto id = id_of(*json, "command_id");
  const auto status = text_of(*json, "status", name_bytes_max);
  if (!id || id->empty()) return std::unexpected(Reject::field);
  AckFields ack{std::move(*id), Event::accepted, {}};
  if (!status) return std::unexpected(Reject::status);
  if (*status == "accepted")
    ack.event = Event::accepted;
  else if (*status == "done")
    ack.event = Event::done;
  else if (*status == "failed")
    ack.event = Event::failed;
  else
    return std::unexpected(Reject::status);
  const auto detail = json->find("detail");
  if (detail != json->end() && !detail->is_null()) {
    // A device may say more than a sentence; it is kept as JSON text.
    ack.detail = cut(detail->is_string() ? detail->get<std::string>() : dump(*detail), text_bytes_max);
  }
  return ack;
}

Read<DeliveryFields> read_delivery(Bytes payload) {
  const auto json = parse_object(payload);
  if (!json) return std::unexpected(json.error());
  auto client = text_of(*json, "client", 64 * KiB);
  const auto state = text_of(*json, "state", name_bytes_max);
  if (!client || !state) return std::unexpected(Reject::field);
  DeliveryFields fields{{}, std::move(*client)};
  if (*state == "sent")
    fields.event = Event::sent;
  else if (*state == "delivered")
    fields.event = Event::delivered;
  else if (*state == "lost")
    fields.event = Event::lost;
  else if (*state != "received")
    return std::unexpected(Reject::status);
  return fields;
}

Read<FateFields> read_fate(Bytes payload) {
  const auto json = parse_object(payload);
  if (!json) return std::unexpected(json.error());
  const auto state = text_of(*json, "state", name_bytes_max);
  const auto known = state ? state_named(*state) : std::nullopt;
  if (!known) return std::unexpected(Reject::status);
  auto detail = text_of(*json, "detail", payload_bytes_max);
  return FateFields{*known, detail ? std::move(*detail) : std::string{}, time_of(*json, "at")};
}

Read<CareFields> read_care(Bytes payload) {
  const auto json = parse_object(payload);
  if (!json) return std::unexpected(json.error());
  const auto action = text_of(*json, "action", name_bytes_max);
  const auto known = action ? alert_action_named(*action) : std::nullopt;
  if (!known) return std::unexpected(Reject::status);
  auto by = text_of(*json, "by", name_bytes_max);
  auto comment = text_of(*json, "comment", text_bytes_max);
  if (!by || !comment) return std::unexpected(Reject::field);
  return CareFields{*known, std::move(*by), std::move(*comment), time_of(*json, "at")};
}

std::string write_care(std::string_view alert_id, std::string_view device, const AlertWork& work, EventTime at) {
  std::string json = "{";
  add(json, "alert_id", alert_id);
  add(json, "device_id", device);
  add(json, "action", name(work.action));
  if (!work.by.empty()) add(json, "by", work.by);
  if (!work.comment.empty()) add(json, "comment", work.comment);
  add(json, "at", format_rfc3339(at));
  return json + "}";
}

std::string write_fate(std::string_view command_id, std::string_view device, State state, std::string_view detail,
                       EventTime at) {
  std::string json = "{";
  add(json, "command_id", command_id);
  add(json, "device_id", device);
  add(json, "state", name(state));
  add(json, "detail", detail);
  add(json, "at", format_rfc3339(at));
  return json + "}";
}

std::string write_compensation(const CompensationFields& fields) {
  const auto json = Json::parse(fields.compensation, nullptr, false);
  INVARIANT(json.is_object());  // read_command() wrote it
  std::string text = "{";
  add(text, "command_id", fields.id);
  add(text, "device_id", fields.device);
  add(text, "command", text_of(json, "command", name_bytes_max).value_or(""));
  add(text, "reason", "compensation");
  add(text, "timestamp", format_rfc3339(fields.at));
  add(text, "not_after", format_rfc3339(fields.not_after));
  if (fields.alert_id.empty())
    text += ",\"alert_id\":null";
  else
    add(text, "alert_id", fields.alert_id);
  add(text, "compensates", fields.failed_id);
  if (const auto params = json.find("params"); params != json.end()) text += ",\"params\":" + dump(*params);
  return text + "}";
}

std::string with_members(std::string_view payload, std::string_view more) {
  const auto extra = Json::parse("{" + std::string(more) + "}", nullptr, false);
  auto own = Json::parse(payload, nullptr, false);
  INVARIANT(extra.is_object());
  INVARIANT(own.is_object());
  const bool in_both = std::ranges::any_of(extra.items(), [&](const auto& item) { return own.contains(item.key()); });
  if (in_both) {
    own.update(extra);
    return dump(own);
  }
  const auto last = payload.find_last_of('}');
  std::string text(payload.substr(payload.find('{'), last - payload.find('{')));
  if (!own.empty() && !more.empty()) text += ',';
  text += more;
  return text + "}";
}

}  // namespace skerry::act
