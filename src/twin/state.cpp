// Joining, deciding, listing conflicts.
#include "twin/state.hpp"

#include <array>
#include <charconv>
#include <tuple>

#include "record/record.hpp"
#include "twin/limits.hpp"

namespace skerry::twin {
namespace {

constexpr std::array rule_names{std::string_view("timestamp_based"), std::string_view("edge_wins"),
                                std::string_view("cloud_wins"), std::string_view("max"), std::string_view("min")};

auto order(const Write& w) { return std::tie(w.at, w.order, w.value, w.seen, w.rule, w.by); }

bool take(Write& mine, const Write& other) {
  if (order(other) <= order(mine)) return false;
  mine = other;
  return true;
}

std::optional<double> number(const Write& write) {
  double value = 0;
  const auto* const end = write.value.data() + write.value.size();
  const auto read = std::from_chars(write.value.data(), end, value);
  if (write.value.empty() || read.ec != std::errc{} || read.ptr != end) return {};
  return value;
}

Side later(const Field& f) { return f.edge.at > f.cloud.at ? Side::edge : Side::cloud; }

Side by_number(const Field& f, bool greatest) {
  const auto edge = number(f.edge);
  const auto cloud = number(f.cloud);
  if (!edge && !cloud) return later(f);
  if (!edge || !cloud) return edge ? Side::edge : Side::cloud;
  if (*edge == *cloud) return later(f);
  return (*edge > *cloud) == greatest ? Side::edge : Side::cloud;
}

}  // namespace

std::string_view name(Side side) { return side == Side::edge ? "edge" : "cloud"; }
std::string_view name(Rule rule) { return rule_names[static_cast<std::size_t>(rule)]; }

std::optional<Rule> rule_named(std::string_view name) {
  const auto* const found = std::ranges::find(rule_names, name);
  if (found == rule_names.end()) return {};
  return static_cast<Rule>(found - rule_names.begin());
}

bool Field::in_conflict() const {
  return edge.exists() && cloud.exists() && edge.seen < cloud.at && cloud.seen < edge.at && edge.value != cloud.value;
}

Side Field::winner() const {
  if (!cloud.exists()) return Side::edge;
  if (!edge.exists()) return Side::cloud;
  const bool edge_knew = edge.seen >= cloud.at;
  const bool cloud_knew = cloud.seen >= edge.at;
  if (edge_knew != cloud_knew) return edge_knew ? Side::edge : Side::cloud;
  switch (edge.rule) {
    case Rule::edge_wins: return Side::edge;
    case Rule::cloud_wins: return Side::cloud;
    case Rule::max: return by_number(*this, true);
    case Rule::min: return by_number(*this, false);
    case Rule::timestamp_based: break;
  }
  return later(*this);
}

std::string Conflict::id() const {
  return record::stable_id(field, std::to_string(writes.edge.at.value), {writes.cloud.at.value}, 0);
}

bool State::join(const State& other) {
  bool changed = false;
  for (const auto& [field, theirs] : other.desired) {
    auto& mine = desired[field];
    changed = take(mine.edge, theirs.edge) || changed;
    changed = take(mine.cloud, theirs.cloud) || changed;
  }
  for (const auto& [field, theirs] : other.reported) changed = take(reported[field], theirs) || changed;
  if (other.conflicts.empty()) return changed;
  const auto before = conflicts;
  for (const auto& [id, theirs] : other.conflicts) {
    auto& mine = conflicts.try_emplace(id, theirs).first->second;
    take(mine.writes.edge, theirs.writes.edge);
    take(mine.writes.cloud, theirs.writes.cloud);
    mine.reversed = std::max(mine.reversed, theirs.reversed);
  }
  drop_old_conflicts();
  return changed || conflicts != before;
}

bool State::note_conflicts() {
  bool added = false;
  for (const auto& [field, writes] : desired) {
    if (!writes.in_conflict()) continue;
    const Conflict conflict{field, writes, {}};
    const auto id = conflict.id();
    if (!conflicts.try_emplace(id, conflict).second) continue;
    drop_old_conflicts();
    added = added || conflicts.contains(id);
  }
  return added;
}

// The newest of a union are the same whatever the order of the unions.
void State::drop_old_conflicts() {
  while (conflicts.size() > conflicts_max) {
    conflicts.erase(std::ranges::min_element(
        conflicts, {}, [](const auto& each) { return std::tuple(each.second.at(), std::string_view(each.first)); }));
  }
}

void State::add_write(State& delta, const std::string& field, const std::string& value, const Writing& writing,
                      Rule rule) const {
  const auto found = desired.find(field);
  const auto before = found == desired.end() ? Field{} : found->second;
  const auto& own = before.of(writing.side);
  const auto& other = before.of(writing.side == Side::edge ? Side::cloud : Side::edge);
  Write write{.value = value,
              .at = std::max(writing.now, Hlc{own.at.value + 1}),
              .seen = other.at,
              .rule = rule,
              .by = std::string(writing.by.substr(0, by_bytes_max))};
  (writing.side == Side::edge ? delta.desired[field].edge : delta.desired[field].cloud) = std::move(write);
}

Result<State> State::reverse(std::string_view conflict, const Writing& writing, Rule rule) const {
  const auto found = conflicts.find(std::string(conflict));
  if (found == conflicts.end()) return fail(Code::not_found, "there is no such conflict", std::string(conflict));
  if (found->second.reversed.value != 0) return fail(Code::exists, "was reversed already", std::string(conflict));
  const auto& writes = found->second.writes;
  const auto lost = writes.winner() == Side::edge ? Side::cloud : Side::edge;
  State delta;
  add_write(delta, found->second.field, writes.of(lost).value, writing, rule);
  auto reversed = found->second;
  reversed.reversed = writing.now;
  delta.conflicts.emplace(found->first, std::move(reversed));
  TRY(check_size(delta, writing.side));
  return delta;
}

std::uint64_t State::desired_bytes(Side side) const {
  std::uint64_t bytes = 0;
  for (const auto& [field, writes] : desired) bytes += field.size() + writes.of(side).value.size() + 32;
  return bytes;
}

// A side that was set up anew may write as much again before it has its former writes back.
bool State::has_room_for(const State& other) const {
  const auto fields = [](const auto& mine, const auto& theirs) {
    return mine.size() + static_cast<std::size_t>(std::ranges::count_if(
                             theirs, [&mine](const auto& each) { return !mine.contains(each.first); }));
  };
  if (fields(reported, other.reported) > fields_max || fields(desired, other.desired) > 2 * fields_max) return false;
  if (other.desired.empty()) return true;
  State both{.desired = desired, .reported = {}, .conflicts = {}};
  both.join({.desired = other.desired, .reported = {}, .conflicts = {}});
  return both.desired_bytes(Side::edge) <= 2 * side_bytes_max && both.desired_bytes(Side::cloud) <= 2 * side_bytes_max;
}

Result<> State::check_size(const State& delta, Side side) const {
  State all{.desired = desired, .reported = {}, .conflicts = {}};
  for (const auto& [field, writes] : delta.desired)
    all.desired[field].edge = all.desired[field].cloud = writes.of(side);
  if (all.desired.size() > fields_max)
    return fail(Code::full, "has " + std::to_string(fields_max) + " fields already, deleted ones counted", "desired");
  if (all.desired_bytes(side) > side_bytes_max)
    return fail(Code::full, "is too much: " + std::to_string(side_bytes_max) + " bytes are the most", "desired");
  return {};
}

Hlc State::newest() const {
  Hlc newest;
  for (const auto& [field, writes] : desired) newest = std::max({newest, writes.edge.at, writes.cloud.at});
  for (const auto& [field, write] : reported) newest = std::max(newest, write.at);
  return newest;
}

State report(const Patch& patch, Hlc at, std::uint64_t position, std::string_view by) {
  State delta;
  for (const auto& [field, value] : patch)
    delta.reported[field] = {
        .value = value, .at = at, .order = position, .by = std::string(by.substr(0, by_bytes_max))};
  return delta;
}

Hlc time_of(Wall appended_at) {
  const auto ms = to_event(appended_at).time_since_epoch().count();
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) << 16};
}

std::uint64_t version(const State& state) {
  Hlc newest;
  for (const auto& [field, writes] : state.desired) newest = std::max({newest, writes.edge.at, writes.cloud.at});
  return newest.value;
}

}  // namespace skerry::twin
