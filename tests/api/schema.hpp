// Checks an answer against the API's own description: types, required members, nothing undescribed.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace skerry::test {

class Schema {
 public:
  explicit Schema(const nlohmann::json& document) : document_(document) {}

  // Empty when `value` is as described; else where and what is not.
  std::string check(const nlohmann::json& schema, const nlohmann::json& value, const std::string& where = "$") const {
    if (schema.contains("$ref")) return check(resolve(schema["$ref"]), value, where);
    if (schema.contains("type") && !has_type(schema["type"], value))
      return where + " is of another type: " + value.dump();
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
      return where + " is not in the enum: " + value.dump();
    }
    if (value.is_array() && schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (auto wrong = check(schema["items"], value[i], where + "[" + std::to_string(i) + "]"); !wrong.empty())
          return wrong;
      }
    }
    if (!value.is_object()) return {};
    for (const auto& name : schema.value("required", nlohmann::json::array())) {
      if (!value.contains(name.get<std::string>())) return where + " has no " + name.get<std::string>();
    }
    if (!schema.contains("properties")) return {};
    for (const auto& [name, member] : value.items()) {
      if (schema["properties"].contains(name)) {
        if (auto wrong = check(schema["properties"][name], member, where + "." + name); !wrong.empty()) return wrong;
      } else if (schema.value("additionalProperties", nlohmann::json(true)) == false) {
        return where + " has an undescribed member " + name;
      }
    }
    return {};
  }

  const nlohmann::json& resolve(const std::string& reference) const {
    return document_.at(nlohmann::json::json_pointer(reference.substr(1)));
  }

 private:
  static bool is(const std::string& type, const nlohmann::json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    return type == "null" && value.is_null();
  }
  static bool has_type(const nlohmann::json& types, const nlohmann::json& value) {
    if (types.is_string()) return is(types, value);
    for (const auto& type : types) {
      if (is(type, value)) return true;
    }
    return false;
  }
  const nlohmann::json& document_;
};

}  // namespace skerry::test
