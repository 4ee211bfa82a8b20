// Commands that a person or a program asks for: what is checked, and what is published.
#include <nlohmann/json.hpp>

#include "act/act.hpp"
#include "act/messages.hpp"
#include "codec/json.hpp"

namespace skerry::act {
namespace {

using Json = nlohmann::ordered_json;

Result<std::string> text_member(const std::string& key, const Json& value) {
  if (!value.is_string()) return fail(Code::invalid, "must be a string", key);
  return value.get<std::string>();
}

Result<> take_ttl(CommandRequest& request, const Json& value) {
  if (!value.is_number()) return fail(Code::invalid, "must be a number of seconds", "ttl_s");
  const auto seconds = value.get<double>();
  // A day at most is allowed anyway; this keeps the conversion within its range.
  if (!(seconds > 0) || seconds > 1e9)
    return fail(Code::invalid, "must be above 0 and at most the allowed maximum", "ttl_s");
  request.ttl = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  return {};
}

Result<> take_not_after(CommandRequest& request, const Json& value) {
  if (value.is_string()) request.not_after = parse_time(value.get_ref<const std::string&>());
  if (value.is_number()) request.not_after = time_of_number(value.get<double>());
  if (!request.not_after) return fail(Code::invalid, "must be a time, as 2026-01-31T23:59:59Z", "not_after");
  return {};
}

Result<> take_member(CommandRequest& request, const std::string& key, const Json& value) {
  if (key == "device_id")
    request.device_id = TRY(text_member(key, value));
  else if (key == "command")
    request.command = TRY(text_member(key, value));
  else if (value.is_null())
    return {};  // the others may be absent, so also null
  else if (key == "reason")
    request.reason = TRY(text_member(key, value));
  else if (key == "alert_id")
    request.alert_id = TRY(text_member(key, value));
  else if (key == "ttl_s")
    TRY(take_ttl(request, value));
  else if (key == "not_after")
    TRY(take_not_after(request, value));
  else if (key == "params")
    request.params = value.dump();
  else if (key == "compensation")
    request.compensation = value.dump();
  else
    return fail(Code::invalid, "is not a field of a command", key);
  return {};
}

Result<> check_text(std::string_view field, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return fail(Code::invalid, "has more than " + std::to_string(bytes_max) + " bytes", std::string(field));
  }
  if (!record::is_utf8(text)) return fail(Code::invalid, "is not UTF-8", std::string(field));
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20)
      return fail(Code::invalid, "contains a control character", std::string(field));
  }
  return {};
}

Result<> check_object(std::string_view field, const std::string& text) {
  if (text.empty()) return {};
  const bool fine = !too_deep(text) && Json::parse(text, nullptr, false).is_object();
  if (!fine)
    return fail(Code::invalid, "must be a JSON object of at most " + std::to_string(nesting_max) + " levels",
                std::string(field));
  return {};
}

Result<> check(const CommandRequest& request) {
  if (auto device = record::check_device_id(request.device_id); !device) {
    return fail(Code::invalid, device.error().what, "device_id");
  }
  if (request.command.empty()) return fail(Code::invalid, "is missing", "command");
  TRY(check_text("command", request.command, name_bytes_max));
  TRY(check_text("reason", request.reason, text_bytes_max));
  TRY(check_text("alert_id", request.alert_id, name_bytes_max));
  TRY(check_object("params", request.params));
  TRY(check_object("compensation", request.compensation));
  return {};
}

Result<Wall> not_after_of(const CommandRequest& request, Wall now, const Options& options) {
  if (request.ttl && request.not_after) return fail(Code::invalid, "give ttl_s or not_after, not both", "ttl_s");
  const auto most = std::to_string(std::chrono::duration_cast<std::chrono::seconds>(options.ttl_max).count()) + " s";
  if (request.not_after) {
    if (*request.not_after <= to_event(now)) return fail(Code::invalid, "has passed already", "not_after");
    if (*request.not_after > to_event(now + options.ttl_max))
      return fail(Code::invalid, "is more than " + most + " ahead", "not_after");
    return Wall(*request.not_after);
  }
  const auto ttl = request.ttl.value_or(options.ttl_default);
  if (ttl <= ttl.zero() || ttl > options.ttl_max)
    return fail(Code::invalid, "must be above 0 and at most " + most, "ttl_s");
  return Wall(to_event(now + ttl));  // whole milliseconds, as the payload says it
}

void add(std::string& to, std::string_view key, std::string_view text) {
  to += to.back() == '{' ? "\"" : ",\"";
  to += key;
  to += "\":";
  codec::append_json_string(to, text);
}

}  // namespace

Result<CommandRequest> parse_request(Bytes json) {
  const auto text = as_text(json);
  if (text.size() > payload_bytes_max)
    return fail(Code::invalid, "is longer than " + std::to_string(payload_bytes_max) + " bytes", "body");
  if (too_deep(text)) return fail(Code::invalid, "has more than " + std::to_string(nesting_max) + " levels", "body");
  const auto parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return fail(Code::invalid, "must be one JSON object", "body");
  CommandRequest request;
  for (const auto& item : parsed.items()) TRY(take_member(request, item.key(), item.value()));
  if (!parsed.contains("device_id")) return fail(Code::invalid, "is missing", "device_id");
  if (!parsed.contains("command")) return fail(Code::invalid, "is missing", "command");
  return request;
}

Result<Command> make_command(const CommandRequest& request, Wall now, Chance& chance, const Options& options) {
  TRY(check(request));
  Command command;
  command.not_after = TRY(not_after_of(request, now, options));
  command.topic = "commands/" + request.device_id;
  command.id = record::stable_id("act.request", std::to_string(chance.next()), {chance.next()}, 0);
  std::string json = "{";
  add(json, "command_id", command.id);
  add(json, "device_id", request.device_id);
  add(json, "command", request.command);
  add(json, "reason", request.reason);
  add(json, "timestamp", format_rfc3339(to_event(now)));
  add(json, "not_after", format_rfc3339(to_event(command.not_after)));
  if (request.alert_id.empty())
    json += ",\"alert_id\":null";
  else
    add(json, "alert_id", request.alert_id);
  if (!request.params.empty()) json += ",\"params\":" + request.params;
  if (!request.compensation.empty()) json += ",\"compensation\":" + request.compensation;
  command.payload = json + "}";
  // What the tracker will read back must be what it understands.
  if (!read_command(as_bytes(command.payload))) {
    return fail(Code::invalid,
                "must be {\"command\": a name, \"params\": an object}, and all of it at most " +
                    std::to_string(payload_bytes_max) + " bytes",
                "compensation");
  }
  return command;
}

record::Record Command::record(std::string_view origin) const {
  record::Record made;
  made.cls = record::Class::critical;
  made.qos = 2;
  made.topic = topic;
  made.payload = as_bytes(payload);
  made.origin = origin;
  made.expires_at = not_after;
  return made;
}

}  // namespace skerry::act
