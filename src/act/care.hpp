// What people do about an alert: they acknowledge it, clear it, comment it. A table, and the texts of it. No I/O.
//
//   active ─▶ acknowledged ─▶ cleared
//      └────────────────────────▲
//
// A comment may come at any time and changes no state. The same again is a repetition; a cleared alert is not
// acknowledged any more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/lifecycle.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace skerry::act {

enum class AlertState : std::uint8_t { active, acknowledged, cleared };
enum class AlertAction : std::uint8_t { acknowledge, clear, comment };
inline constexpr std::size_t alert_action_count = 3;

std::string_view name(AlertState state);
std::string_view name(AlertAction action);
std::optional<AlertState> alert_state_named(std::string_view name);
std::optional<AlertAction> alert_action_named(std::string_view name);

struct AlertTransition {
  Outcome outcome = Outcome::ignored;
  AlertState to = AlertState::active;  // the state afterwards, moved or not
};
AlertTransition next(AlertState from, AlertAction action);

// The same for some alerts.
struct AlertWork {
  AlertAction action = AlertAction::acknowledge;
  std::vector<std::string> alert_ids;
  std::string by;       // who, as they call themselves; empty: unknown
  std::string comment;  // needed by AlertAction::comment, welcome otherwise
};

// Reads {action?, alert_ids?, by?, comment?}: `action` and `alert_ids` where they are not given already, and only then.
// Code::invalid with the field's name as `where`; a field it does not know is an error too.
Result<AlertWork> parse_work(Bytes json, std::optional<AlertAction> action = {}, std::string_view alert_id = {});

}  // namespace skerry::act
