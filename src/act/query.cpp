// What the tracker answers: pages out of memory, older ones out of the log, and the changes in their order.
#include <algorithm>
#include <charconv>
#include <functional>

#include "act/tracker.hpp"

namespace skerry::act {
namespace {

// A cursor is the position below which the next page begins.
Result<Position> read_cursor(std::string_view cursor) {
  if (cursor.empty()) return Position{~std::uint64_t{0}};
  Position before;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), before.value);
  if (error != std::errc{} || end != cursor.data() + cursor.size()) {
    return fail(Code::invalid, "is not one that a page gave as `next`", "cursor");
  }
  return before;
}

std::size_t limit_of(const Query& query) { return std::clamp<std::size_t>(query.limit, 1, page_items_max); }

bool wanted(const AlertEntry& alert, const Query& query) {
  return (!query.state || alert.state == *query.state) && (query.device.empty() || alert.device == query.device) &&
         (query.type.empty() || alert.type == query.type);
}
bool wanted(const CommandEntry& command, const Query& query) {
  return (query.device.empty() || command.device == query.device) &&
         (query.type.empty() || command.command == query.type);
}

// Entries below `before` and not below `floor`, newest first, one more than the page holds so that `next` is known.
template <typename Entries, typename Item>
std::vector<std::pair<Position, std::string>> newest(const Entries& entries, const Query& query, Position before,
                                                     Position floor, Item item) {
  std::vector<std::pair<Position, std::string>> found;
  for (auto at = entries.lower_bound(before); at != entries.begin() && found.size() <= limit_of(query);) {
    --at;
    if (at->first < floor) break;
    if (wanted(at->second, query)) found.emplace_back(at->first, item(at->second));
  }
  return found;
}

Page page_of(std::vector<std::pair<Position, std::string>> found, std::size_t limit) {
  Page page;
  if (found.size() > limit) {
    found.resize(limit);
    page.next = std::to_string(found.back().first.value);
  }
  for (auto& [position, item] : found) page.items.push_back(std::move(item));
  return page;
}

// Reads records of these classes in [log.begin(), end) and hands each on; false ends it.
Result<> scan(const log::Log& log, record::ClassMask classes, Position end,
              const std::function<bool(const log::RecordView&)>& take) {
  auto at = log.begin();
  while (at < end) {
    const auto chunk = TRY(log.read(at, {.classes = classes, .committed_only = true}));
    for (const auto& record : chunk.records()) {
      if (record.position >= end || !take(record)) return {};
    }
    if (chunk.next() <= at) return {};
    at = chunk.next();
  }
  return {};
}

// An index of its own that has read only what left memory: the same rules, no fates written. It keeps the newest
// `limit` + 1 of those a query wants.
class Past {
 public:
  Past(const Query& query, Position before, record::Forgotten forgotten)
      : query_(query), before_(before), forgotten_(std::move(forgotten)) {}

  void take(const log::RecordView& record) {
    if (record.kind == record::Kind::fate) {
      if (!record.topic.starts_with(care_topic)) take_fate(record);
      return;
    }
    if (record.kind != record::Kind::message || record.position >= before_) return;
    if (forgotten_.hides(record::device_of(record.topic), record.position)) return;
    if (auto command = command_entry(record, {}); command && wanted(*command, query_)) keep(commands, *command);
    if (auto alert = alert_entry(record)) {
      if (const auto found = cares_.find(record.position); found != cares_.end()) {
        for (auto& change : found->second) alert->change(std::move(change));
        cares_.erase(found);
      }
      if (wanted(*alert, query_)) keep(alerts, *alert);
    }
  }

  // Before the alerts themselves are taken: whether one is wanted may depend on what was done about it later.
  void take_care(const log::RecordView& record) {
    if (record.kind != record::Kind::fate || !record.cause || *record.cause >= before_) return;
    if (!record.topic.starts_with(care_topic)) return;
    auto care = read_care(record.payload);
    if (!care) return;
    const Wall at = care->at ? Wall(*care->at) : record.appended_at;
    cares_[*record.cause].push_back({care->action, at, std::move(care->by), std::move(care->comment), record.position});
  }

  std::map<Position, AlertEntry> alerts;
  std::map<Position, CommandEntry> commands;

 private:
  template <typename Map, typename Entry>
  void keep(Map& map, Entry& entry) {
    const auto position = entry.position;
    map.emplace(position, std::move(entry));
    if (map.size() > limit_of(query_) + 1) map.erase(map.begin());
  }

  void take_fate(const log::RecordView& record) {
    const auto found = record.cause ? commands.find(*record.cause) : commands.end();
    if (found == commands.end()) return;
    auto fate = read_fate(record.payload);
    if (!fate || found->second.has(fate->state)) return;
    const Wall at = fate->at ? Wall(*fate->at) : record.appended_at;
    found->second.reached.push_back({fate->state, at, std::move(fate->detail), record.position});
  }

  Query query_;
  Position before_;
  record::Forgotten forgotten_;
  std::map<Position, std::vector<AlertChange>> cares_;
};

}  // namespace

Result<Page> LogTracker::alerts(const Query& query) const {
  const auto before = TRY(read_cursor(query.cursor));
  const auto end = log_.committed_end();
  const auto item = [end](const AlertEntry& a) { return a.item(end); };
  Position floor;
  record::Forgotten forgotten;
  std::vector<std::pair<Position, std::string>> found;
  {
    const std::scoped_lock lock(mutex_);
    floor = index_.alerts_floor();
    forgotten = index_.forgotten();
    found = newest(index_.alerts(), query, before, floor, item);
  }
  if (found.size() <= limit_of(query) && log_.begin() < floor) {
    Past past(query, std::min(before, floor), forgotten);
    TRY(scan(log_, options_.classes, end, [&](const log::RecordView& r) { return past.take_care(r), true; }));
    TRY(scan(log_, options_.classes, std::min(before, floor),
             [&](const log::RecordView& r) { return past.take(r), true; }));
    for (auto& older : newest(past.alerts, query, floor, {}, item)) found.push_back(std::move(older));
  }
  return page_of(std::move(found), limit_of(query));
}

Result<Page> LogTracker::commands(const Query& query) const {
  const auto end = log_.committed_end();
  const auto before = std::min(TRY(read_cursor(query.cursor)), end);
  const auto item = [end](const CommandEntry& c) { return c.item(end); };
  Position floor;
  record::Forgotten forgotten;
  std::vector<std::pair<Position, std::string>> found;
  {
    const std::scoped_lock lock(mutex_);
    floor = index_.commands_floor();
    forgotten = index_.forgotten();
    found = newest(index_.commands(), query, before, floor, item);
  }
  if (found.size() <= limit_of(query) && log_.begin() < floor) {
    Past past(query, std::min(before, floor), forgotten);
    TRY(scan(log_, options_.classes, end,
             [&](const log::RecordView& r) { return past.take(r), true; }));  // fates come later
    for (auto& older : newest(past.commands, query, floor, {}, item)) found.push_back(std::move(older));
  }
  return page_of(std::move(found), limit_of(query));
}

Result<std::string> LogTracker::alert(std::string_view id) const {
  const auto end = log_.committed_end();
  return TRY(find_alerts({std::string(id)})).front().item(end);
}

Result<std::vector<AlertEntry>> LogTracker::find_alerts(const std::vector<std::string>& ids) const {
  std::vector<AlertEntry> found;
  std::vector<std::string> missing;
  Position floor;
  {
    const std::scoped_lock lock(mutex_);
    floor = index_.alerts_floor();
    for (const auto& id : ids) {
      if (const auto* known = index_.alert_named(id))
        found.push_back(*known);
      else
        missing.push_back(id);
    }
  }
  if (missing.empty()) return found;
  if (log_.begin() >= floor) return fail(Code::not_found, "no alert has that id", missing.front());
  for (auto& old : TRY(find_old_alerts(missing))) found.push_back(std::move(old));
  return found;
}

// An alert's changes come behind it, so one pass finds both.
Result<std::vector<AlertEntry>> LogTracker::find_old_alerts(const std::vector<std::string>& ids) const {
  std::map<Position, AlertEntry> found;
  record::Forgotten forgotten;
  {
    const std::scoped_lock lock(mutex_);
    forgotten = index_.forgotten();
  }
  TRY(scan(log_, options_.classes, log_.committed_end(), [&](const log::RecordView& record) {
    if (record.kind == record::Kind::fate && record.cause && record.topic.starts_with(care_topic)) {
      const auto at = found.find(*record.cause);
      auto care = at == found.end() ? std::unexpected(Reject::topic) : read_care(record.payload);
      if (!care) return true;
      const Wall when = care->at ? Wall(*care->at) : record.appended_at;
      at->second.change({care->action, when, std::move(care->by), std::move(care->comment), record.position});
    } else if (found.size() < ids.size()) {
      auto alert = alert_entry(record);
      const bool asked = alert && std::ranges::find(ids, alert->id) != ids.end();
      if (asked && !forgotten.hides(alert->device, alert->position)) found.emplace(record.position, std::move(*alert));
    }
    return true;
  }));
  std::vector<AlertEntry> all;
  for (const auto& id : ids) {
    const auto at = std::ranges::find_if(found, [&id](const auto& each) { return each.second.id == id; });
    if (at == found.end()) return fail(Code::not_found, "no alert has that id", id);
    all.push_back(std::move(at->second));
    found.erase(at);
  }
  return all;
}

Result<std::string> LogTracker::command(std::string_view id) const {
  const auto end = log_.committed_end();
  Position floor;
  record::Forgotten forgotten;
  {
    const std::scoped_lock lock(mutex_);
    const auto* found = index_.command_named(id);
    if (found != nullptr && found->position < end) return found->item(end);
    floor = index_.commands_floor();
    forgotten = index_.forgotten();
  }
  Past past({.limit = 1}, floor, forgotten);
  std::optional<Position> at;
  if (log_.begin() < floor) {
    TRY(scan(log_, options_.classes, end, [&](const log::RecordView& record) {
      if (!at) {
        if (const auto command = command_entry(record, {}); command && command->id == id) at = record.position;
      }
      if (at && (record.position == *at || record.cause == at)) past.take(record);
      return true;
    }));
  }
  if (!at || past.commands.empty()) return fail(Code::not_found, "no command has that id", std::string(id));
  return past.commands.begin()->second.item(end);
}

LogTracker::Changes LogTracker::changes(std::optional<Position> from, std::size_t max) const {
  // Beyond what was read, an older change may still come: it is not given yet, so that nothing comes behind `next`.
  const auto end = std::min(log_.committed_end(), position());
  Changes changes{{}, from ? *from : end};
  if (!from) return changes;
  const std::scoped_lock lock(mutex_);
  for (auto at = index_.changes().lower_bound(*from); at != index_.changes().end() && at->first < end; ++at) {
    if (changes.items.size() == max) return changes;
    changes.next = at->first + 1;
    const auto alert = index_.alerts().find(at->second);
    if (alert != index_.alerts().end()) {
      changes.items.push_back(
          {Change::What::alert, at->first, alert->second.device, alert->second.item(at->first + 1)});
    }
    const auto command = index_.commands().find(at->second);
    if (command != index_.commands().end()) {
      changes.items.push_back(
          {Change::What::command, at->first, command->second.device, command->second.item(at->first + 1)});
    }
  }
  changes.next = std::max(changes.next, end);
  return changes;
}

}  // namespace skerry::act
