// The table of an alert's life, and the request that asks for a step in it.
#include "act/care.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "act/limits.hpp"
#include "act/messages.hpp"
#include "record/record.hpp"

namespace skerry::act {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 3> state_names{"active", "acknowledged", "cleared"};
constexpr std::array<std::string_view, alert_action_count> action_names{"acknowledge", "clear", "comment"};

template <typename T, std::size_t N>
std::optional<T> named(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<T>(found - names.begin());
}

Result<std::string> take_text(const std::string& key, const Json& value, std::size_t bytes_max) {
  if (value.is_null()) return std::string();
  if (!value.is_string()) return fail(Code::invalid, "must be text", key);
  auto text = value.get<std::string>();
  if (text.size() > bytes_max)
    return fail(Code::invalid, "is longer than " + std::to_string(bytes_max) + " bytes", key);
  return text;
}

Result<std::vector<std::string>> take_ids(const Json& value) {
  if (!value.is_array() || value.empty() || value.size() > alerts_per_work_max)
    return fail(Code::invalid, "must be a list of 1 to " + std::to_string(alerts_per_work_max) + " ids", "alert_ids");
  std::vector<std::string> ids;
  for (const auto& each : value) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty())
      return fail(Code::invalid, "must be a list of ids", "alert_ids");
    ids.push_back(each.get<std::string>());
  }
  std::ranges::sort(ids);
  const auto again = std::ranges::unique(ids);
  ids.erase(again.begin(), again.end());
  return ids;
}

}  // namespace

std::string_view name(AlertState state) { return state_names[static_cast<std::size_t>(state)]; }
std::string_view name(AlertAction action) { return action_names[static_cast<std::size_t>(action)]; }
std::optional<AlertState> alert_state_named(std::string_view name) { return named<AlertState>(state_names, name); }
std::optional<AlertAction> alert_action_named(std::string_view name) { return named<AlertAction>(action_names, name); }

AlertTransition next(AlertState from, AlertAction action) {
  switch (action) {
    case AlertAction::comment: return {Outcome::moved, from};
    case AlertAction::acknowledge:
      if (from == AlertState::active) return {Outcome::moved, AlertState::acknowledged};
      return {from == AlertState::acknowledged ? Outcome::repeated : Outcome::ignored, from};
    case AlertAction::clear:
      if (from == AlertState::cleared) return {Outcome::repeated, from};
      return {Outcome::moved, AlertState::cleared};
  }
  return {Outcome::ignored, from};
}

Result<AlertWork> parse_work(Bytes json, std::optional<AlertAction> action, std::string_view alert_id) {
  const auto text = as_text(json);
  if (text.size() > payload_bytes_max)
    return fail(Code::invalid, "is longer than " + std::to_string(payload_bytes_max) + " bytes", "body");
  if (too_deep(text)) return fail(Code::invalid, "has more than " + std::to_string(nesting_max) + " levels", "body");
  const auto parsed = Json::parse(text.empty() ? "{}" : text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return fail(Code::invalid, "must be one JSON object", "body");
  AlertWork work;
  for (const auto& [key, value] : parsed.items()) {
    if (key == "by") {
      work.by = TRY(take_text(key, value, name_bytes_max));
    } else if (key == "comment") {
      work.comment = TRY(take_text(key, value, text_bytes_max));
    } else if (key == "action" && !action) {
      action = alert_action_named(value.is_string() ? value.get<std::string>() : "");
      if (!action) return fail(Code::invalid, "must be acknowledge, clear or comment", key);
    } else if (key == "alert_ids" && alert_id.empty()) {
      work.alert_ids = TRY(take_ids(value));
    } else {
      return fail(Code::invalid, "is no field of this request", key);
    }
  }
  if (!alert_id.empty()) work.alert_ids.emplace_back(alert_id);
  if (!action) return fail(Code::invalid, "is missing", "action");
  if (work.alert_ids.empty()) return fail(Code::invalid, "is missing", "alert_ids");
  if (*action == AlertAction::comment && work.comment.empty()) return fail(Code::invalid, "is missing", "comment");
  work.action = *action;
  return work;
}

}  // namespace skerry::act
