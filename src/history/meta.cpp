// What people say of a device, read without trust and written in one form.
#include <nlohmann/json.hpp>

#include "history/history.hpp"
#include "record/record.hpp"

namespace skerry::history {
namespace {

using Json = nlohmann::ordered_json;

Result<std::string> take_text(const std::string& where, const Json& value, std::size_t bytes_max) {
  if (value.is_null()) return std::string();
  if (!value.is_string()) return fail(Code::invalid, "must be text", where);
  auto text = value.get<std::string>();
  if (text.size() > bytes_max)
    return fail(Code::invalid, "is longer than " + std::to_string(bytes_max) + " bytes", where);
  return text;
}

Result<Json> take_units(const Json& value) {
  if (value.is_null()) return Json::object();
  if (!value.is_object()) return fail(Code::invalid, "must be an object: a unit for each field", "units");
  if (value.size() > meta_units_max)
    return fail(Code::invalid, "names more than " + std::to_string(meta_units_max) + " fields", "units");
  auto units = Json::object();
  for (const auto& [field, unit] : value.items()) {
    if (field.empty() || field.size() > meta_text_bytes_max)
      return fail(Code::invalid, "names a field that is empty or too long", "units");
    units[field] = TRY(take_text("units." + field, unit, meta_unit_bytes_max));
  }
  return units;
}

}  // namespace

Result<std::string> parse_meta(Bytes json) {
  const auto text = as_text(json);
  if (text.size() > meta_bytes_max)
    return fail(Code::invalid, "is longer than " + std::to_string(meta_bytes_max) + " bytes", "body");
  const auto parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return fail(Code::invalid, "must be one JSON object", "body");
  Json meta{{"name", ""}, {"place", ""}, {"units", Json::object()}};
  for (const auto& [key, value] : parsed.items()) {
    if (key == "name" || key == "place")
      meta[key] = TRY(take_text(key, value, meta_text_bytes_max));
    else if (key == "units")
      meta[key] = TRY(take_units(value));
    else
      return fail(Code::invalid, "is no field of this request", key);
  }
  return meta.dump();
}

}  // namespace skerry::history
