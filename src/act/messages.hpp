// The JSON of alerts, commands, acknowledgements, deliveries and fates: read without trust, written exactly.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "act/care.hpp"
#include "act/lifecycle.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"

namespace skerry::act {

// Why a message was not taken: a label of a metric, so few and fixed.
enum class Reject : std::uint8_t {
  not_json,
  too_long,
  field,
  status,
  unknown_command,
  wrong_device,
  duplicate_id,
  topic
};
inline constexpr std::size_t reject_count = 8;
std::string_view name(Reject reason);

template <typename T>
using Read = std::expected<T, Reject>;

struct AlertFields {  // empty where the payload has none
  std::string id;
  std::string device;
  std::string type;
  std::string severity;
};
Read<AlertFields> read_alert(Bytes payload);

struct CommandFields {  // empty where the payload has none
  std::string id;
  std::string device;
  std::string command;
  std::string alert_id;
  std::optional<EventTime> not_after;
  std::string compensation;  // JSON text of a valid {"command":…,"params":…}
};
Read<CommandFields> read_command(Bytes payload);

struct AckFields {
  std::string command_id;
  Event event = Event::accepted;
  std::string detail;
};
Read<AckFields> read_ack(Bytes payload);

struct DeliveryFields {
  std::optional<Event> event;  // nothing: a step that changes no fate (PUBREC)
  std::string client;
};
Read<DeliveryFields> read_delivery(Bytes payload);

struct FateFields {
  State state = State::issued;
  std::string detail;
  std::optional<EventTime> at;
};
Read<FateFields> read_fate(Bytes payload);

struct CareFields {
  AlertAction action = AlertAction::comment;
  std::string by;
  std::string comment;
  std::optional<EventTime> at;
};
Read<CareFields> read_care(Bytes payload);
std::string write_care(std::string_view alert_id, std::string_view device, const AlertWork& work, EventTime at);

std::string write_fate(std::string_view command_id, std::string_view device, State state, std::string_view detail,
                       EventTime at);

// The command that a failed one's `compensation` asks for.
struct CompensationFields {
  std::string_view compensation;  // CommandFields::compensation
  std::string_view id;
  std::string_view device;
  std::string_view failed_id;
  std::string_view alert_id;
  EventTime at;
  EventTime not_after;
};
std::string write_compensation(const CompensationFields& fields);

// `payload` (a JSON object) with the members of `more` (the inside of a JSON object, with commas between) behind its
// own. Its bytes stay as they are, but a member that stands in both is `more`'s.
std::string with_members(std::string_view payload, std::string_view more);

// Deeper than nesting_max levels of { and [? Counted before a parser sees it.
bool too_deep(std::string_view json);

}  // namespace skerry::act
