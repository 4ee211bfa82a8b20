// The index as bytes, for the tracker's checkpoint. Format: docs/commands.md, "Checkpoint".
#include "act/index.hpp"

namespace skerry::act {
namespace {

void put(Buffer& to, std::string_view text) { append_counted(to, as_bytes(text)); }
void put(Buffer& to, Wall time) { append_le(to, static_cast<std::int64_t>(time.time_since_epoch().count())); }
void put(Buffer& to, Position position) { append_varint(to, position.value); }

std::string text(Reader& from) { return std::string(as_text(from.counted())); }
Wall wall(Reader& from) { return Wall(std::chrono::microseconds(from.le<std::int64_t>())); }
Position position(Reader& from) { return {from.varint()}; }

Result<State> state(Reader& from) {
  const auto byte = from.byte();
  if (byte >= state_count) return fail(Code::damaged, "a command's state is none");
  return static_cast<State>(byte);
}

void encode_alert(Buffer& to, const AlertEntry& alert) {
  put(to, alert.position);
  append_varint(to, alert.offset.value);
  put(to, alert.received_at);
  put(to, alert.id);
  put(to, alert.device);
  put(to, alert.type);
  put(to, alert.payload);
  append_varint(to, alert.changes.size());
  for (const auto& c : alert.changes) {
    append_byte(to, static_cast<std::uint8_t>(c.action));
    put(to, c.at);
    put(to, c.by);
    put(to, c.comment);
    put(to, c.position);
  }
}

Result<AlertEntry> decode_alert(Reader& from, std::uint32_t version) {
  AlertEntry alert;
  alert.position = position(from);
  alert.offset = {from.varint()};
  alert.received_at = wall(from);
  alert.id = text(from);
  alert.device = text(from);
  alert.type = text(from);
  alert.payload = text(from);
  if (version < 2) return alert;
  const auto count = from.varint();
  if (count > alert_changes_max) return fail(Code::damaged, "an alert has more changes than are kept");
  for (std::uint64_t i = 0; i < count && from.ok(); ++i) {
    AlertChange c;
    const auto action = from.byte();
    if (action >= alert_action_count) return fail(Code::damaged, "an alert's change is none");
    c.action = static_cast<AlertAction>(action);
    c.at = wall(from);
    c.by = text(from);
    c.comment = text(from);
    c.position = position(from);
    if (!alert.change(std::move(c)) && from.ok()) return fail(Code::damaged, "an alert's changes do not follow");
  }
  return alert;
}

void encode_command(Buffer& to, const CommandEntry& command) {
  put(to, command.position);
  put(to, command.id);
  put(to, command.device);
  put(to, command.command);
  put(to, command.alert_id);
  put(to, command.payload);
  put(to, command.compensation);
  put(to, command.deadline);
  append_byte(to, static_cast<std::uint8_t>((command.expires ? 1U : 0U) | (command.adopted ? 2U : 0U)));
  append_byte(to, static_cast<std::uint8_t>(command.state));
  append_varint(to, command.reached.size());
  for (const auto& r : command.reached) {
    append_byte(to, static_cast<std::uint8_t>(r.state));
    put(to, r.at);
    put(to, r.detail);
    put(to, r.position);
  }
}

Result<CommandEntry> decode_command(Reader& from) {
  CommandEntry command;
  command.position = position(from);
  command.id = text(from);
  command.device = text(from);
  command.command = text(from);
  command.alert_id = text(from);
  command.payload = text(from);
  command.compensation = text(from);
  command.deadline = wall(from);
  const auto flags = from.byte();
  command.expires = (flags & 1U) != 0;
  command.adopted = (flags & 2U) != 0;
  command.state = TRY(state(from));
  const auto count = from.varint();
  if (count > state_count) return fail(Code::damaged, "a command has reached more states than there are");
  for (std::uint64_t i = 0; i < count; ++i) {
    Reached r;
    r.state = TRY(state(from));
    r.at = wall(from);
    r.detail = text(from);
    r.position = position(from);
    command.reached.push_back(std::move(r));
  }
  return command;
}

}  // namespace

void Index::encode(Buffer& to) const {
  append_varint(to, alerts_ever);
  append_varint(to, commands_ever);
  append_varint(to, commands_forgotten);
  put(to, alerts_floor_);
  put(to, commands_floor_);
  append_varint(to, alerts_.size());
  for (const auto& [at, alert] : alerts_) encode_alert(to, alert);
  append_varint(to, commands_.size());
  for (const auto& [at, command] : commands_) encode_command(to, command);
  forgotten_.encode(to);
}

Result<Index> Index::decode(Bytes bytes, const Options& options, std::uint32_t version) {
  Reader from(bytes);
  Index index(options);
  index.alerts_ever = from.varint();
  index.commands_ever = from.varint();
  index.commands_forgotten = from.varint();
  const auto alerts_floor = position(from);
  const auto commands_floor = position(from);
  for (auto left = from.varint(); left > 0 && from.ok(); --left) {
    if (!index.add(TRY(decode_alert(from, version))) && from.ok()) return fail(Code::damaged, "an alert stands twice");
  }
  for (auto left = from.varint(); left > 0 && from.ok(); --left) {
    if (!index.add(TRY(decode_command(from))) && from.ok()) return fail(Code::damaged, "a command stands twice");
  }
  index.forgotten_.decode(from);
  if (!from.ok() || !from.rest().empty())
    return fail(Code::damaged, "the alerts and commands do not end where they should");
  // Limits may be smaller now than when it was written; adding has moved the floors up then.
  index.alerts_floor_ = std::max(index.alerts_floor_, alerts_floor);
  index.commands_floor_ = std::max(index.commands_floor_, commands_floor);
  return index;
}

}  // namespace skerry::act
