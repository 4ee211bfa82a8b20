// What is in the batches: readings, alerts, commands and their fates, analytics, everything else.
#include <algorithm>

#include "act/act.hpp"
#include "act/messages.hpp"
#include "cloud/limits.hpp"
#include "cloud/print.hpp"
#include "cloud/shelf.hpp"
#include "cloud/statements.hpp"
#include "codec/json.hpp"

namespace skerry::cloud {
namespace {

constexpr std::string_view fate_topic = "$skerry/fate/";

std::int64_t us_of(Wall time) { return time.time_since_epoch().count(); }
std::int64_t ms_of(EventTime time) { return time.time_since_epoch().count(); }

bool is_below(std::string_view topic, std::string_view level) {
  return topic.starts_with(level) && topic.find('/', level.size()) == std::string_view::npos;
}

std::string member(std::string_view key, std::string_view text) {
  auto json = "\"" + std::string(key) + "\":";
  codec::append_json_string(json, text);
  return json;
}

}  // namespace

SqlStore::Touched& SqlStore::touch(std::int64_t gw, std::string_view device, Wall at) {
  auto [found, added] = touched_.try_emplace({gw, std::string(device)});
  auto& touched = found->second;
  if (added) touched.first = touched.last = at;
  touched.first = std::min(touched.first, at);
  touched.last = std::max(touched.last, at);
  return touched;
}

void SqlStore::take_reading(const Place& place, const record::RecordView& record, std::string_view device,
                            EventTime at) {
  auto& touched = touch(place.gw, device, record.appended_at);
  ++touched.readings;
  ++readings_pending_;
  if (touched.has_reading && record.appended_at < touched.received_at) return;
  touched.has_reading = true;
  touched.timestamp = at;
  touched.received_at = record.appended_at;
  touched.epoch = place.name.epoch;
  touched.cls = record.cls;
  touched.offset = record.offset.value;
  touched.payload = as_text(record.payload);
}

Result<std::uint64_t> SqlStore::put_records(const sync::StreamName& name, const sync::Batch& batch, std::uint64_t from,
                                            std::uint64_t to) {
  const Place place{TRY(gateway_row(name.gateway)), name};
  std::uint64_t aside = 0;
  std::uint64_t readings = 0;
  EventTime earliest = EventTime::max();
  EventTime latest = EventTime::min();
  for (const auto& entry : batch.entries) {
    const auto& record = entry.record;
    if (entry.wrong != nullptr || record.offset.value < from || record.offset.value >= to) continue;
    ++records_pending_;
    const auto device = reading_device(record);
    if (device.empty()) {
      if (!TRY(put_record(place, entry))) ++aside;
      continue;
    }
    const auto at = codec::event_time(record.payload, record.appended_at);
    earliest = std::min(earliest, at);
    latest = std::max(latest, at);
    ++readings;
    take_reading(place, record, device, at);
  }
  if (readings == 0) return aside;
  TRY(statements_->put_loose
          .with(place.gw, name.epoch, static_cast<int>(name.cls), static_cast<int>(batch.lane), batch.from, batch.count,
                from, to, readings, ms_of(earliest), ms_of(latest), batch.block)
          .run());
  return aside;
}

Result<bool> SqlStore::put_record(const Place& place, const sync::Entry& entry) {
  const auto& r = entry.record;
  if (r.kind == record::Kind::fate && r.topic.starts_with(fate_topic)) return put_fate(place, entry);
  if (r.kind == record::Kind::message) {
    if (is_below(r.topic, "alerts/")) return put_alert(place, entry);
    if (is_below(r.topic, "commands/")) return put_command(place, entry);
    if (is_below(r.topic, "analytics/")) {
      if (!codec::is_json(r.payload)) {
        TRY(set_aside(place, entry, "analytics that are no JSON"));
        return false;
      }
      TRY(statements_->put_analytics
              .with(place.gw, record::device_of(r.topic), us_of(r.appended_at), as_text(r.payload), place.name.epoch,
                    static_cast<int>(place.name.cls), r.offset.value)
              .run());
      return true;
    }
    if (r.topic.starts_with("devices/") && r.topic.ends_with("/status")) {
      const auto device = record::device_of(r.topic);
      if (codec::is_json(r.payload) && record::check_device_id(device))
        touch(place.gw, device, r.appended_at).status = as_text(r.payload);
    }
  }
  if (!twin::twin_of(r).empty() && !TRY(put_twin(place, entry))) return false;
  TRY(put_message(place, entry));
  return true;
}

Result<> SqlStore::put_message(const Place& place, const sync::Entry& entry) {
  const auto& r = entry.record;
  return statements_->put_message
      .with(place.gw, place.name.epoch, static_cast<int>(place.name.cls), r.offset.value, static_cast<int>(r.kind),
            r.topic, us_of(r.appended_at), r.payload)
      .run();
}

Result<bool> SqlStore::put_alert(const Place& place, const sync::Entry& entry) {
  const auto& r = entry.record;
  auto fields = act::read_alert(r.payload);
  if (!fields) {
    TRY(set_aside(place, entry, "an alert that cannot be read: " + std::string(act::name(fields.error()))));
    return false;
  }
  const auto device = record::device_of(r.topic);
  std::string payload(as_text(r.payload));
  if (fields->device.empty()) payload = act::with_members(payload, member("device_id", device));
  if (fields->id.empty()) {  // as the gateway itself names it
    fields->id = record::stable_id("alert", "1", r.position, 0);
    payload = act::with_members(payload, member("alert_id", fields->id));
  }
  TRY(statements_->put_alert
          .with(place.gw, fields->id, device, fields->type, us_of(r.appended_at), place.name.epoch,
                static_cast<int>(place.name.cls), r.offset.value, payload)
          .run());
  add_news("alert", device, alert_text(place.name.gateway, r.appended_at, r.offset.value, payload));
  return true;
}

Result<bool> SqlStore::put_command(const Place& place, const sync::Entry& entry) {
  const auto& r = entry.record;
  auto fields = act::read_command(r.payload);
  if (!fields) {
    TRY(set_aside(place, entry, "a command that cannot be read: " + std::string(act::name(fields.error()))));
    return false;
  }
  const auto device = record::device_of(r.topic);
  std::string payload(as_text(r.payload));
  if (fields->device.empty()) payload = act::with_members(payload, member("device_id", device));
  if (fields->id.empty()) {
    fields->id = record::stable_id("command", "1", r.position, 0);
    payload = act::with_members(payload, member("command_id", fields->id));
  }
  auto& put = statements_->put_command.with(place.gw, fields->id, device, fields->command, fields->alert_id,
                                            us_of(r.appended_at), payload, place.name.epoch,
                                            static_cast<int>(place.name.cls), r.offset.value);
  if (TRY(put.step())) {
    TRY(put.run());
  } else {
    TRY(put_message(place, entry));  // the same id once more: the gateway ignores it too
  }
  if (r.origin == act::adopted_origin) TRY(statements_->arrive_order.with(fields->id, place.gw, now_us()).run());
  add_news("command", device, command_text(place.name.gateway, payload, {{"issued", r.appended_at, ""}}));
  return true;
}

Result<bool> SqlStore::put_fate(const Place& place, const sync::Entry& entry) {
  const auto& r = entry.record;
  const auto fields = act::read_fate(r.payload);
  if (!fields) {
    TRY(set_aside(place, entry, "a command's fate that cannot be read"));
    return false;
  }
  const auto command = r.topic.substr(fate_topic.size());
  const Wall at = fields->at ? Wall(*fields->at) : r.appended_at;
  TRY(statements_->put_fate
          .with(place.gw, command, act::name(fields->state), us_of(at), fields->detail, r.position.value,
                place.name.epoch, static_cast<int>(place.name.cls), r.offset.value)
          .run());
  auto& find = statements_->find_command.with(command, place.gw);
  const auto device = TRY(find.step()) ? std::string(find.text(0)) : std::string();
  std::string item;
  append_fate_news(item, place.name.gateway, command, device, act::name(fields->state), at);
  add_news("command", device, std::move(item));
  return true;
}

Result<> SqlStore::set_aside(const Place& place, const sync::Entry& entry, std::string_view why) {
  aside_.add();
  return statements_->put_aside
      .with(place.gw, place.name.epoch, static_cast<int>(place.name.cls), entry.record.offset.value, why,
            record::is_utf8(entry.record.topic) ? entry.record.topic : std::string_view{}, entry.stored, now_us())
      .run();
}

Result<> SqlStore::put_aside(const sync::StreamName& name, const sync::Entry& entry) {
  return set_aside({TRY(gateway_row(name.gateway)), name}, entry, entry.wrong);
}

// Rows of devices in one order, whoever writes them.
Result<> SqlStore::put_devices() {
  auto left = touched_.size();
  int filled = 0;
  for (auto& [key, t] : touched_) {
    const auto& [gw, device] = key;
    const bool many = filled > 0 || left >= static_cast<std::size_t>(Statements::devices_per_statement);
    auto& put = many ? statements_->put_devices : statements_->put_device;
    if (filled == 0) put.with();
    using Number = std::optional<std::int64_t>;
    const auto known = [&t](std::int64_t value) { return t.has_reading ? Number(value) : Number(); };
    put.more(device, gw, us_of(t.first), us_of(t.last), t.readings, known(ms_of(t.timestamp)),
             known(us_of(t.received_at)), known(static_cast<std::int64_t>(t.epoch)), known(static_cast<int>(t.cls)),
             known(static_cast<std::int64_t>(t.offset)),
             t.has_reading ? std::optional<Bytes>(as_bytes(t.payload)) : std::nullopt,
             t.status.empty() ? std::nullopt : std::optional<Bytes>(as_bytes(t.status)));
    --left;
    if (many && ++filled < Statements::devices_per_statement) continue;
    filled = 0;
    TRY(put.run());
  }
  for (const auto& [key, t] : touched_) {
    if (!t.has_reading || !listening) continue;
    const auto& [gw, device] = key;
    std::string item;
    append_reading(item, gateway_names_[gw],
                   {device, t.timestamp, t.received_at, t.cls, t.offset, as_bytes(t.payload)});
    add_news("reading", device, std::move(item));
  }
  touched_.clear();
  return {};
}

void SqlStore::add_news(std::string event, std::string_view device, std::string item) {
  if (tell_ && listening && news_.size() < event_news_max)
    news_.push_back({std::move(event), std::string(device), std::move(item)});
}

// In one transaction, under the gateway's lease: another replica may be about to do the same.
Result<bool> SqlStore::shelve() {
  auto& crowded = statements_->crowded.with(static_cast<std::int64_t>(loose_blocks_max));
  if (!TRY(crowded.step())) return false;
  const auto gw = crowded.integer(0);
  const auto epoch = crowded.count(1);
  crowded.with(0);
  const auto name = TRY(gateway_name(gw));
  TRY(database_->begin(Database::Access::write));
  auto sorted = shelve_under_lease(name, gw, epoch);
  if (!sorted || *sorted == 0) {
    database_->rollback();
    if (!sorted) return std::unexpected(sorted.error());
    return false;
  }
  TRY(database_->commit());
  shelved_.add(*sorted);
  return true;
}

Result<std::uint64_t> SqlStore::shelve_under_lease(std::string_view name, std::int64_t gw, std::uint64_t epoch) {
  if (!TRY(database_->lease(name, false))) return 0;
  struct Held {
    std::string device;
    std::string payload;
    ReadingView view;
  };
  std::vector<Held> all;
  std::int64_t last = 0;
  auto& loose = statements_->oldest_loose.with(gw, epoch, static_cast<std::int64_t>(shelve_blocks_max));
  while (all.size() < shelve_readings_max && TRY(loose.step())) {
    last = loose.integer(0);
    const LooseBlock block{static_cast<record::Class>(loose.integer(1) & 3), loose.count(2), loose.count(3),
                           loose.count(4), loose.count(5)};
    TRY(read_loose(block, loose.blob(7), [&all](const ReadingView& r) {
      all.push_back({std::string(r.device), std::string(as_text(r.payload)), r});
    }));
  }
  loose.with(0, 0, 0);
  std::ranges::sort(
      all, {}, [](const Held& h) { return std::tuple(std::string_view(h.device), h.view.timestamp, h.view.offset); });
  for (auto& held : all) {  // only now: short texts move with what holds them
    held.view.device = held.device;
    held.view.payload = as_bytes(held.payload);
  }
  ShelfWriter writer([&](const ShelfWriter::Block& block) {
    return statements_->put_shelf
        .with(gw, epoch, block.first_device, block.last_device, block.readings, ms_of(block.earliest),
              ms_of(block.latest), block.bytes)
        .run();
  });
  for (const auto& held : all) TRY(writer.add(held.view));
  TRY(writer.finish());
  TRY(statements_->drop_loose.with(gw, epoch, last).run());
  return all.size();
}

}  // namespace skerry::cloud
