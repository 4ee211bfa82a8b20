// Keeps the newest alerts and commands within their limits, and their items as JSON.
#include "act/index.hpp"

#include <algorithm>

#include "act/messages.hpp"
#include "codec/json.hpp"

namespace skerry::act {
namespace {

constexpr std::size_t entry_bytes = 256;  // about what an entry costs besides its texts
constexpr int trim_steps = 64;            // looked at for each command added: more than come, so the surplus shrinks

void append_text_or_null(std::string& to, std::string_view text) {
  if (text.empty())
    to += "null";
  else
    codec::append_json_string(to, text);
}

bool waits(State s) { return s == State::issued || s == State::sent; }

}  // namespace

std::string AlertEntry::item(Position end) const {
  std::string steps;
  auto now = AlertState::active;
  for (const auto& c : changes) {
    if (c.position >= end) break;
    now = next(now, c.action).to;
    steps += steps.empty() ? "{\"action\":\"" : ",{\"action\":\"";
    steps += name(c.action);
    steps += "\",\"at\":\"";
    append_rfc3339(steps, to_event(c.at));
    steps += "\",\"by\":";
    append_text_or_null(steps, c.by);
    steps += ",\"comment\":";
    append_text_or_null(steps, c.comment);
    steps += '}';
  }
  std::string more = "\"received_at\":\"";
  append_rfc3339(more, to_event(received_at));
  more += "\",\"offset\":" + std::to_string(offset.value) + ",\"state\":\"";
  more += name(now);
  more += "\",\"changes\":[" + steps + "]";
  return with_members(payload, more);
}

bool AlertEntry::change(AlertChange change) {
  if (changes.size() >= alert_changes_max) return false;
  if (!changes.empty() && changes.back().position >= change.position) return false;
  const auto found = next(state, change.action);
  if (found.outcome != Outcome::moved) return false;
  state = found.to;
  changes.push_back(std::move(change));
  return true;
}

std::string CommandEntry::item(Position end) const {
  std::string states;
  auto now = State::issued;
  for (const auto& r : reached) {
    if (r.position >= end) break;
    now = r.state;
    if (!states.empty()) states += ',';
    states += "{\"state\":\"";
    states += name(r.state);
    states += "\",\"at\":\"";
    append_rfc3339(states, to_event(r.at));
    states += "\",\"detail\":";
    codec::append_json_string(states, r.detail);
    states += '}';
  }
  std::string more = "\"state\":\"";
  more += name(now);
  more += "\",\"states\":[" + states + "]";
  return with_members(payload, more);
}

bool CommandEntry::has(State s) const {
  return std::ranges::any_of(reached, [s](const Reached& r) { return r.state == s; });
}

bool Index::add(AlertEntry alert) {
  if (!alert_names_.try_emplace(alert.id, alert.position).second) return false;
  const auto position = alert.position;
  alert_bytes_ += bytes_of(alert);
  note(position, position);
  for (const auto& c : alert.changes) note(c.position, position);
  alerts_.emplace(position, std::move(alert));
  trim_alerts();
  return true;
}

bool Index::add(CommandEntry command) {
  if (!command_names_.try_emplace(command.id, command.position).second) return false;
  const auto position = command.position;
  if (!command.reached.empty()) time_ = std::max(time_, command.reached.front().at);
  command_bytes_ += command.payload.size() + entry_bytes;
  note(position, position);
  const auto& kept = commands_.emplace(position, std::move(command)).first->second;
  for (const auto& r : kept.reached) note(r.position, position);
  count(kept, +1);
  trim_commands();
  return true;
}

std::size_t Index::bytes_of(const AlertEntry& alert) {
  auto bytes = alert.payload.size() + entry_bytes;
  for (const auto& c : alert.changes) bytes += sizeof(AlertChange) + c.by.size() + c.comment.size();
  return bytes;
}

bool Index::change(Position alert, AlertChange change) {
  const auto found = alerts_.find(alert);
  if (found == alerts_.end()) return false;
  const auto position = change.position;
  const auto before = bytes_of(found->second);
  if (!found->second.change(std::move(change))) return false;
  alert_bytes_ += bytes_of(found->second) - before;
  note(position, alert);
  trim_alerts();
  return true;
}

bool Index::reach(CommandEntry& command, Reached reached) {
  if (command.has(reached.state)) return false;
  count(command, -1);
  command.state = reached.state;
  note(reached.position, command.position);
  command.reached.push_back(std::move(reached));
  count(command, +1);
  return true;
}

void Index::set_sent(CommandEntry& command) {
  if (command.state == State::issued) command.state = State::sent;  // both wait and are open: nothing to count
}

CommandEntry* Index::command_at(Position position) {
  const auto found = commands_.find(position);
  return found == commands_.end() ? nullptr : &found->second;
}

const CommandEntry* Index::command_named(std::string_view id) const {
  const auto found = command_names_.find(id);
  return found == command_names_.end() ? nullptr : &commands_.at(found->second);
}

CommandEntry* Index::command_named(std::string_view id) {
  const auto found = command_names_.find(id);
  return found == command_names_.end() ? nullptr : command_at(found->second);
}

const AlertEntry* Index::alert_named(std::string_view id) const {
  const auto found = alert_names_.find(id);
  return found == alert_names_.end() ? nullptr : &alerts_.at(found->second);
}

void Index::forget(std::string_view device, Position at, Wall now) {
  time_ = std::max(time_, now);
  forgotten_.note(device, at);
  std::erase_if(alerts_, [&](const auto& each) {
    if (each.second.device != device) return false;
    alert_bytes_ -= bytes_of(each.second);
    alert_names_.erase(each.second.id);
    return true;
  });
  std::erase_if(commands_, [&](const auto& each) {
    const auto& command = each.second;
    if (command.device != device || is_open(command.state) || (command.adopted && command.deadline > time_))
      return false;
    command_bytes_ -= each.second.payload.size() + entry_bytes;
    command_names_.erase(each.second.id);
    return true;
  });
}

std::vector<Position> Index::overdue(Wall by) const {
  std::vector<Position> found;
  for (const auto& [deadline, position] : deadlines_) {
    if (deadline > by) break;
    found.push_back(position);
  }
  return found;
}

void Index::note(Position event, Position subject) {
  changes_.insert_or_assign(event, subject);
  while (changes_.size() > changes_kept) changes_.erase(changes_.begin());
}

void Index::count(const CommandEntry& command, int by) {
  if (is_open(command.state)) open_ += static_cast<std::size_t>(by);
  if (!waits(command.state)) return;
  const std::pair key{command.deadline, command.position};
  if (by > 0)
    deadlines_.insert(key);
  else
    deadlines_.erase(key);
}

void Index::trim_alerts() {
  while (alerts_.size() > options_.alerts_kept || alert_bytes_ > kept_bytes_max) {
    const auto& oldest = *alerts_.begin();
    alert_bytes_ -= bytes_of(oldest.second);
    alerts_floor_ = oldest.first + 1;
    alert_names_.erase(oldest.second.id);
    alerts_.erase(alerts_.begin());
  }
}

// Those that wait for their not-after stay whatever their number: it passes, so they are bounded by their rate.
void Index::trim_commands() {
  auto at = commands_.begin();
  for (int looked_at = 0; looked_at < trim_steps && at != commands_.end(); ++looked_at) {
    if (commands_.size() <= options_.commands_kept && command_bytes_ <= kept_bytes_max) return;
    const auto& entry = at->second;
    if (waits(entry.state) || (entry.adopted && entry.deadline > time_)) {
      ++at;
      continue;
    }
    if (is_open(entry.state)) ++commands_forgotten;
    count(entry, -1);
    command_bytes_ -= entry.payload.size() + entry_bytes;
    commands_floor_ = std::max(commands_floor_, at->first + 1);
    command_names_.erase(entry.id);
    at = commands_.erase(at);
  }
}

}  // namespace skerry::act
