// From a record in the log to an entry of the index.
#include "act/index.hpp"
#include "codec/json.hpp"

namespace skerry::act {
namespace {

constexpr std::string_view commands_level = "commands/";
constexpr std::string_view alerts_level = "alerts/";
constexpr std::string_view ack_level = "/ack";

bool is_below(std::string_view topic, std::string_view level) {
  return topic.starts_with(level) && topic.find('/', level.size()) == std::string_view::npos;
}

std::string member(std::string_view key, std::string_view text) {
  auto json = "\"" + std::string(key) + "\":";
  codec::append_json_string(json, text);
  return json;
}

}  // namespace

bool is_alert_topic(std::string_view topic) { return is_below(topic, alerts_level); }
bool is_command_topic(std::string_view topic) { return is_below(topic, commands_level); }

std::string_view acknowledging_device(std::string_view topic) {
  if (!topic.starts_with(commands_level) || !topic.ends_with(ack_level)) return {};
  if (topic.size() <= commands_level.size() + ack_level.size()) return {};
  const auto device = topic.substr(commands_level.size(), topic.size() - commands_level.size() - ack_level.size());
  return device.find('/') == std::string_view::npos ? device : std::string_view{};
}

record::ClassMask classes_of(const record::ClassRules& rules) {
  // Deliveries and fates are always critical.
  record::ClassMask classes = record::mask(record::Class::critical);
  for (const auto topic : {"alerts/x", "commands/x", "commands/x/ack"}) classes |= record::mask(rules.of(topic));
  for (const auto& rule : rules.rules()) {  // a rule may name some devices only
    const auto level = rule.filter.substr(0, rule.filter.find('/'));
    if (level == "alerts" || level == "commands" || level == "+" || level == "#") classes |= record::mask(rule.cls);
  }
  return classes;
}

Read<AlertEntry> alert_entry(const log::RecordView& record, AlertFields* fields_out) {
  if (!is_alert_topic(record.topic)) return std::unexpected(Reject::topic);
  const auto fields = read_alert(record.payload);
  if (!fields) return std::unexpected(fields.error());
  AlertEntry alert{.position = record.position,
                   .offset = record.offset,
                   .received_at = record.appended_at,
                   .id = fields->id,
                   .device = std::string(record::device_of(record.topic)),
                   .type = fields->type,
                   .payload = std::string(as_text(record.payload))};
  if (!record::check_device_id(alert.device)) return std::unexpected(Reject::topic);
  if (!fields->device.empty() && fields->device != alert.device) return std::unexpected(Reject::wrong_device);
  if (fields->device.empty()) alert.payload = with_members(alert.payload, member("device_id", alert.device));
  if (alert.id.empty()) {
    alert.id = record::stable_id("alert", "1", record.position, 0);
    alert.payload = with_members(alert.payload, member("alert_id", alert.id));
  }
  if (fields_out != nullptr) *fields_out = *fields;
  return alert;
}

Read<CommandEntry> command_entry(const log::RecordView& record, const Options& options) {
  if (!is_command_topic(record.topic)) return std::unexpected(Reject::topic);
  auto fields = read_command(record.payload);
  if (!fields) return std::unexpected(fields.error());
  CommandEntry command{.position = record.position,
                       .id = std::move(fields->id),
                       .device = std::string(record::device_of(record.topic)),
                       .command = std::move(fields->command),
                       .alert_id = std::move(fields->alert_id),
                       .payload = std::string(as_text(record.payload)),
                       .compensation = std::move(fields->compensation)};
  if (!record::check_device_id(command.device)) return std::unexpected(Reject::topic);
  if (!fields->device.empty() && fields->device != command.device) return std::unexpected(Reject::wrong_device);
  if (fields->device.empty()) command.payload = with_members(command.payload, member("device_id", command.device));
  if (command.id.empty()) {
    command.id = record::stable_id("command", "1", record.position, 0);
    command.payload = with_members(command.payload, member("command_id", command.id));
  }
  command.adopted = record.origin == adopted_origin;
  command.expires = record.expires_at.has_value();
  command.deadline = record.expires_at.value_or(fields->not_after ? Wall(*fields->not_after)
                                                                  : record.appended_at + options.ttl_default);
  command.reached.push_back({State::issued, record.appended_at, {}, record.position});
  return command;
}

}  // namespace skerry::act
