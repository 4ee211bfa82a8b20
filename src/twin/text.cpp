// States as JSON: what is stored and sent, and what people and devices read.
#include <nlohmann/json.hpp>

#include "codec/json.hpp"
#include "record/record.hpp"
#include "twin/limits.hpp"
#include "twin/state.hpp"

namespace skerry::twin {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

Json value_of(const Write& write) { return Json::parse(write.value, nullptr, false); }

Json json_of(const Write& write) {
  Json json{{"at", write.at.value}};
  if (!write.value.empty()) json["v"] = value_of(write);
  if (write.seen.value != 0) json["seen"] = write.seen.value;
  if (write.order != 0) json["n"] = write.order;
  if (write.rule != Rule::timestamp_based) json["rule"] = name(write.rule);
  if (!write.by.empty()) json["by"] = write.by;
  return json;
}

Json json_of(const Field& field) {
  Json json = Json::object();
  if (field.edge.exists()) json["e"] = json_of(field.edge);
  if (field.cloud.exists()) json["c"] = json_of(field.cloud);
  return json;
}

Result<std::uint64_t> number(const Json& json, const char* key) {
  if (!json.contains(key)) return 0;
  if (!json[key].is_number_unsigned()) return fail(Code::damaged, "is no number", key);
  return json[key].get<std::uint64_t>();
}

Result<Write> write_of(const Json& json) {
  if (!json.is_object()) return fail(Code::damaged, "is no object", "write");
  Write write{.at = {TRY(number(json, "at"))}, .seen = {TRY(number(json, "seen"))}, .order = TRY(number(json, "n"))};
  if (write.at.value == 0) return fail(Code::damaged, "is missing", "at");
  if (json.contains("v")) write.value = json["v"].dump();
  if (write.value.size() > value_bytes_max) return fail(Code::damaged, "is too long", "v");
  if (json.contains("rule")) {
    const auto rule = json["rule"].is_string() ? rule_named(json["rule"].get_ref<const std::string&>()) : std::nullopt;
    if (!rule) return fail(Code::damaged, "is no rule", "rule");
    write.rule = *rule;
  }
  if (json.contains("by")) {
    if (!json["by"].is_string()) return fail(Code::damaged, "is no text", "by");
    write.by = json["by"].get<std::string>().substr(0, by_bytes_max);
  }
  return write;
}

Result<Field> field_of(const Json& json) {
  if (!json.is_object()) return fail(Code::damaged, "is no object", "field");
  Field field;
  if (json.contains("e")) field.edge = TRY(write_of(json["e"]));
  if (json.contains("c")) field.cloud = TRY(write_of(json["c"]));
  return field;
}

const Json& member(const Json& json, const char* key) {
  static const Json none = Json::object();
  return json.contains(key) ? json[key] : none;
}

Result<> check_field(std::string_view field) {
  if (const auto ok = record::check_device_id(field); !ok)
    return fail(Code::invalid, "is no name of a field: " + ok.error().what, std::string(field.substr(0, 64)));
  return {};
}

Ordered shown(const Write& write) { return write.value.empty() ? Ordered() : Ordered::parse(write.value); }

Ordered about(const Write& write) {
  Ordered json{{"timestamp", format_rfc3339(write.at.wall())}, {"version", std::to_string(write.at.value)}};
  if (write.value.empty()) json["deleted"] = true;
  if (!write.by.empty()) json["by"] = write.by;
  return json;
}

Ordered side_of(const Write& write) {
  Ordered json{{"value", shown(write)}};
  json.update(about(write));
  return json;
}

Ordered conflicts_of(const State& state) {
  std::vector<const Conflict*> newest;
  for (const auto& [id, conflict] : state.conflicts) newest.push_back(&conflict);
  std::ranges::sort(newest, std::greater{}, [](const Conflict* each) { return each->at(); });
  Ordered all = Ordered::array();
  for (const auto* each : newest) {
    Ordered json{{"conflict_id", each->id()},
                 {"field", each->field},
                 {"edge", side_of(each->writes.edge)},
                 {"cloud", side_of(each->writes.cloud)},
                 {"rule", name(each->writes.edge.rule)},
                 {"winner", name(each->writes.winner())},
                 {"state", each->reversed.value == 0 ? "resolved" : "reversed"}};
    if (each->reversed.value != 0) json["reversed_at"] = format_rfc3339(each->reversed.wall());
    all.push_back(std::move(json));
  }
  return all;
}

Ordered desired_of(const State& state) {
  Ordered all = Ordered::object();
  for (const auto& [field, writes] : state.desired) {
    if (!writes.write().value.empty()) all[field] = shown(writes.write());
  }
  return all;
}

}  // namespace

Result<Patch> parse_patch(Bytes json) {
  if (!codec::is_json(json)) return fail(Code::invalid, "is no JSON", "body");
  const auto parsed = Json::parse(as_text(json), nullptr, false);
  if (!parsed.is_object()) return fail(Code::invalid, "must be an object of fields and their values", "body");
  Patch patch;
  std::uint64_t bytes = 0;
  for (const auto& [field, value] : parsed.items()) {
    TRY(check_field(field));
    auto text = value.is_null() ? std::string() : value.dump();
    if (text.size() > value_bytes_max)
      return fail(Code::invalid, "is longer than " + std::to_string(value_bytes_max) + " bytes", field);
    bytes += field.size() + text.size();
    patch.emplace(field, std::move(text));
  }
  if (patch.size() > fields_max || bytes > reported_bytes_max)
    return fail(Code::invalid,
                "is too much: at most " + std::to_string(fields_max) + " fields of " +
                    std::to_string(reported_bytes_max) + " bytes together",
                "body");
  return patch;
}

std::string encode(const State& state) {
  Json json = Json::object();
  for (const auto& [field, writes] : state.desired) json["desired"][field] = json_of(writes);
  for (const auto& [field, write] : state.reported) json["reported"][field] = json_of(write);
  for (const auto& [id, conflict] : state.conflicts) {
    auto one = json_of(conflict.writes);
    if (conflict.reversed.value != 0) one["reversed"] = conflict.reversed.value;
    json["conflicts"][conflict.field][id] = std::move(one);
  }
  return json.dump();
}

Result<State> decode(Bytes bytes) {
  if (bytes.size() > state_bytes_max || !codec::is_json(bytes)) return fail(Code::damaged, "is no state of a twin");
  const auto json = Json::parse(as_text(bytes), nullptr, false);
  if (!json.is_object()) return fail(Code::damaged, "is no state of a twin");
  State state;
  for (const auto* key : {"desired", "reported", "conflicts"}) {
    if (!member(json, key).is_object()) return fail(Code::damaged, "is no object", key);
    for (const auto& [field, value] : member(json, key).items()) TRY(check_field(field));
  }
  for (const auto& [field, value] : member(json, "desired").items()) state.desired[field] = TRY(field_of(value));
  for (const auto& [field, value] : member(json, "reported").items()) state.reported[field] = TRY(write_of(value));
  for (const auto& [field, all] : member(json, "conflicts").items()) {
    if (!all.is_object()) return fail(Code::damaged, "is no object", field);
    for (const auto& [id, value] : all.items()) {
      Conflict conflict{field, TRY(field_of(value)), {TRY(number(value, "reversed"))}};
      if (!conflict.writes.edge.exists() || !conflict.writes.cloud.exists() || conflict.id() != id)
        return fail(Code::damaged, "is no conflict", id);
      state.conflicts.emplace(id, std::move(conflict));
    }
  }
  if (state.desired.size() > 2 * fields_max || state.conflicts.size() > conflicts_max)
    return fail(Code::damaged, "has too many fields or conflicts");
  return state;
}

std::string desired_json(const State& state) { return desired_of(state).dump(); }

std::string document(const State& state) {
  Ordered reported = Ordered::object();
  Ordered metadata{{"desired", Ordered::object()}, {"reported", Ordered::object()}};
  for (const auto& [field, write] : state.reported) {
    if (!write.value.empty()) reported[field] = shown(write);
    metadata["reported"][field] = about(write);
  }
  const auto desired = desired_of(state);
  auto delta = Ordered::object();
  for (const auto& [field, value] : desired.items()) {
    if (!reported.contains(field) || reported[field] != value) delta[field] = value;
  }
  for (const auto& [field, writes] : state.desired) {
    auto one = about(writes.write());
    one["side"] = name(writes.winner());
    one["rule"] = name(writes.edge.rule);
    metadata["desired"][field] = std::move(one);
  }
  return Ordered{{"version", std::to_string(version(state))}, {"desired", desired},
                 {"reported", std::move(reported)},           {"delta", std::move(delta)},
                 {"conflicts", conflicts_of(state)},          {"metadata", std::move(metadata)}}
      .dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

}  // namespace skerry::twin
