// Records, items and messages of twins.
#include <nlohmann/json.hpp>

#include "codec/json.hpp"
#include "twin/twin.hpp"

namespace skerry::twin {
namespace {

constexpr std::string_view devices = "devices/";
constexpr std::string_view reported_end = "/twin/reported";

}  // namespace

std::string desired_topic(std::string_view id) { return std::string(devices) + std::string(id) + "/twin/desired"; }
std::string reported_topic(std::string_view id) {
  return std::string(devices) + std::string(id) + std::string(reported_end);
}

std::string_view reporting_device(std::string_view topic) {
  if (!topic.starts_with(devices) || !topic.ends_with(reported_end)) return {};
  topic.remove_prefix(devices.size());
  if (topic.size() <= reported_end.size()) return {};
  topic.remove_suffix(reported_end.size());
  return topic.find('/') == std::string_view::npos ? topic : std::string_view{};
}

std::string_view twin_of(const record::Record& record) {
  if (record.kind == record::Kind::message) return reporting_device(record.topic);
  if (record.kind != record::Kind::config || !record.topic.starts_with(record_topic)) return {};
  return record.topic.substr(record_topic.size());
}

Result<State> said(const record::RecordView& record) {
  if (record.kind == record::Kind::config) return decode(record.payload);
  return report(TRY(parse_patch(record.payload)), time_of(record.appended_at), record.position.value, record.origin);
}

Result<Rules> Rules::of(const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view otherwise) {
  Rules rules;
  const auto named = [](std::string_view name, std::string_view where) -> Result<Rule> {
    if (const auto rule = rule_named(name)) return *rule;
    return fail(Code::invalid,
                "is \"" + std::string(name) + "\"; expected timestamp_based, edge_wins, cloud_wins, max or min",
                std::string(where));
  };
  rules.otherwise = TRY(named(otherwise, {}));
  for (const auto& [filter, rule] : pairs) {
    if (const auto ok = record::check_filter(filter); !ok) return fail(Code::invalid, ok.error().what, filter);
    rules.filters.emplace_back(filter, TRY(named(rule, filter)));
  }
  return rules;
}

Rule Rules::of(std::string_view id, std::string_view field) const {
  const auto path = std::string(id) + "/" + std::string(field);
  for (const auto& [filter, rule] : filters) {
    if (record::matches(filter, path)) return rule;
  }
  return otherwise;
}

std::string item_body(std::string_view id, const State& state) {
  std::string body = "{\"id\":";
  codec::append_json_string(body, id);
  return body + ",\"state\":" + encode(state) + "}";
}

Result<std::pair<std::string, State>> read_item(std::string_view body) {
  if (!codec::is_json(as_bytes(body))) return fail(Code::damaged, "is no JSON", "item");
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string() || !json.contains("state"))
    return fail(Code::damaged, "has no id or no state", "item");
  return std::pair(json["id"].get<std::string>(), TRY(decode(as_bytes(json["state"].dump()))));
}

std::string desired_message(std::string_view id, const State& state) {
  std::string message = "{\"device_id\":";
  codec::append_json_string(message, id);
  message += ",\"version\":\"" + std::to_string(version(state)) + "\",\"desired\":" + desired_json(state) + "}";
  return message;
}

std::string twin_json(std::string_view id, std::string_view gateway, const State& state, std::string_view more) {
  std::string json = "{\"id\":";
  codec::append_json_string(json, id);
  json += ",\"gateway_id\":";
  codec::append_json_string(json, gateway);
  json += std::string(",\"kind\":") + (id == gateway ? "\"gateway\"" : "\"device\"");
  json += more;
  return json + "," + document(state).substr(1);
}

}  // namespace skerry::twin
