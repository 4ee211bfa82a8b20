// The follower behind the table, and queries over the log's extents.
#include "history/history.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>

#include "base/logger.hpp"
#include "codec/field.hpp"
#include "codec/json.hpp"
#include "history/page.hpp"
#include "history/steps.hpp"
#include "history/table.hpp"
#include "log/checkpoint.hpp"

namespace skerry::history {
namespace {

bool is_object(std::string_view payload) {
  const auto first = payload.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && payload[first] == '{' && codec::is_json(as_bytes(payload));
}

Reading reading_of(const record::RecordView& r, EventTime time) {
  Reading reading{.device = std::string(record::device_of(r.topic)),
                  .timestamp = time,
                  .received_at = r.appended_at,
                  .offset = r.offset,
                  .position = r.position,
                  .payload = std::string(as_text(r.payload)),
                  .ahead = codec::is_ahead(time, r.appended_at)};
  reading.is_object = is_object(reading.payload);
  return reading;
}

class HistoryImpl final : public History {
 public:
  HistoryImpl(const log::Log& log, Files& files, const Options& options, metrics::Registry& metrics)
      : log_(log),
        files_(files),
        options_(options),
        table_(options),
        devices_(metrics.gauge("skerry_history_devices", "devices in the table")),
        refused_(
            metrics.counter("skerry_history_devices_refused_total", "records of devices beyond history.devices_max")),
        query_seconds_(metrics.histogram("skerry_history_query_seconds", "one page of readings")) {}

  Result<> load();

  std::string_view name() const override { return "history"; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  record::Position position() const override { return {position_.load(std::memory_order_acquire)}; }

  Result<DevicesPage> devices(std::size_t limit, std::string_view cursor) override;
  Result<Device> device(std::string_view id) override;
  Result<ReadingsPage> readings(const ReadingsQuery& query) override;
  Result<Series> series(const SeriesQuery& query) override;
  Counts counts() const override {
    const std::scoped_lock lock(table_mutex_);
    return table_.counts();
  }

 private:
  Device device_of(const std::string& id, const Table::Row& row) const;
  void fetch_payload(Device& device) const;
  struct Shown {
    record::Position end;  // what was committed when the query began
    record::Forgotten forgotten;
  };
  Shown shown() const {
    const auto end = log_.committed_end();
    const std::scoped_lock lock(table_mutex_);
    return {end, table_.forgotten()};
  }
  // The readings in an extent that a query is about, in the order they lie there.
  using Take = std::function<void(EventTime, const record::RecordView&)>;
  Result<> scan(const log::Extent& extent, const ReadingsQuery& query, const Shown& shown, const Take& take) const;

  const log::Log& log_;
  Files& files_;
  Options options_;
  std::mutex step_mutex_;  // one reads the log at a time; never held with a query's lock waiting on I/O
  mutable std::mutex table_mutex_;
  Table table_;
  std::atomic<std::uint64_t> position_{0};
  std::uint64_t saved_at_ = 0;
  metrics::Gauge& devices_;
  metrics::Counter& refused_;
  metrics::Histogram& query_seconds_;
};

Result<> HistoryImpl::load() {
  if (options_.checkpoint_path.empty()) return {};
  auto version = table_version;
  auto found = TRY(log::load(files_, options_.checkpoint_path, version, log_));
  if (!found) found = TRY(log::load(files_, options_.checkpoint_path, --version, log_));
  if (!found) return {};
  if (auto read = table_.decode(found->state, version); !read) {
    logger::warn("history", "the checkpoint is damaged; the table is built from the log",
                 {{"path", options_.checkpoint_path}});
    table_ = Table(options_);
    return {};
  }
  position_ = saved_at_ = found->position.value;
  devices_.set(static_cast<double>(table_.counts().devices));
  return {};
}

Result<bool> HistoryImpl::step() {
  const std::scoped_lock turn(step_mutex_);
  const auto rows = options_.rows_matter ? log::Rows::as_json : log::Rows::left_out;
  const auto chunk = TRY(log_.read(position(), {.rows = rows, .committed_only = true}));
  if (chunk.empty()) {
    position_.store(std::max(position(), chunk.next()).value, std::memory_order_release);
    return false;
  }
  {
    const std::scoped_lock lock(table_mutex_);
    for (const auto& r : chunk.records()) {
      if (!table_.take(r)) refused_.add();
    }
    devices_.set(static_cast<double>(table_.counts().devices));
  }
  position_.store(chunk.next().value, std::memory_order_release);
  return true;
}

Result<> HistoryImpl::checkpoint() {
  if (options_.checkpoint_path.empty()) return {};
  const std::scoped_lock turn(step_mutex_);
  const auto at = position();
  if (at.value - saved_at_ < options_.checkpoint_records) return {};
  Buffer state;
  {
    const std::scoped_lock lock(table_mutex_);
    table_.drop_forgotten_before(log_.begin());
    table_.encode(state);
  }
  TRY(log::save(files_, options_.saver, options_.checkpoint_path, table_version, at, std::move(state), log_));
  saved_at_ = at.value;
  return {};
}

Device HistoryImpl::device_of(const std::string& id, const Table::Row& row) const {
  Device device{.id = id, .first_seen = row.first_seen, .last_seen = row.last_seen, .readings = row.readings};
  if (row.has_status) device.status = row.status;
  if (const auto* meta = table_.meta_of(id)) device.meta = *meta;
  if (row.readings == 0) return device;
  Reading last{.device = id,
               .received_at = row.last_received,
               .offset = row.last_offset,
               .position = row.last_position,
               .payload = row.payload};
  last.timestamp = to_event(row.last_received);
  device.last = std::move(last);
  if (row.long_payload) device.last->payload.clear();
  return device;
}

// Outside the lock: what is derived from the payload, and the payload itself where it is not in the table.
void HistoryImpl::fetch_payload(Device& device) const {
  if (!device.last) return;
  auto& last = *device.last;
  if (last.payload.empty()) {
    const auto chunk = log_.read(last.position, {.committed_only = true, .bytes_max = 1});
    if (chunk && !chunk->empty() && chunk->records()[0].position == last.position)
      last.payload = as_text(chunk->records()[0].payload);
  }
  last.timestamp = codec::event_time(as_bytes(last.payload), last.received_at);
  last.ahead = codec::is_ahead(last.timestamp, last.received_at);
  last.is_object = is_object(last.payload);
}

Result<DevicesPage> HistoryImpl::devices(std::size_t limit, std::string_view cursor) {
  limit = std::clamp<std::size_t>(limit, 1, options_.page_items_max);
  if (!cursor.empty()) {
    if (!cursor.starts_with("i_"))
      return fail(Code::invalid, "is no cursor of this list; pass `next` of the page before", "cursor");
    cursor.remove_prefix(2);
  }
  DevicesPage page;
  std::size_t bytes = 0;
  {
    const std::scoped_lock lock(table_mutex_);
    auto at = cursor.empty() ? table_.rows().begin() : table_.rows().upper_bound(cursor);
    for (; at != table_.rows().end() && page.items.size() < limit && bytes < options_.page_bytes_max; ++at) {
      bytes += at->second.payload.size() + at->second.status.size() +
               (at->second.long_payload ? options_.device_payload_bytes_max : 0);
      page.items.push_back(device_of(at->first, at->second));
    }
    if (at != table_.rows().end()) page.next = "i_" + page.items.back().id;
  }
  for (auto& device : page.items) fetch_payload(device);
  return page;
}

Result<Device> HistoryImpl::device(std::string_view id) {
  Device device;
  {
    const std::scoped_lock lock(table_mutex_);
    const auto found = table_.rows().find(id);
    if (found == table_.rows().end())
      return fail(Code::not_found, "no device of this name has sent anything", std::string(id));
    device = device_of(found->first, found->second);
  }
  fetch_payload(device);
  return device;
}

Result<> HistoryImpl::scan(const log::Extent& extent, const ReadingsQuery& query, const Shown& shown,
                           const Take& take) const {
  const auto chunk = TRY(log_.read_extent(extent, query.device));
  for (const auto& r : chunk.records()) {
    if (r.kind != record::Kind::message || r.position >= shown.end || topic_of(r.topic) != Topic::reading) continue;
    if (!query.device.empty() && record::device_of(r.topic) != query.device) continue;
    if (shown.forgotten.hides(record::device_of(r.topic), r.position)) continue;
    const auto time = codec::event_time(r.payload, r.appended_at);
    if ((query.from && time < *query.from) || (query.to && time >= *query.to)) continue;
    take(time, r);
  }
  return {};
}

Result<ReadingsPage> HistoryImpl::readings(const ReadingsQuery& query) {
  std::optional<RowKey> after;
  if (!query.cursor.empty()) after = TRY(key_of_cursor(query.cursor, query.descending));
  auto from = query.from.value_or(EventTime::min());
  auto to = query.to.value_or(EventTime::max());
  if (after && !query.descending) from = std::max(from, EventTime{std::chrono::milliseconds{after->time_ms}});
  if (after && query.descending && after->time_ms < EventTime::max().time_since_epoch().count()) {
    to = std::min(to, EventTime{std::chrono::milliseconds{after->time_ms + 1}});
  }
  PageBuilder page({std::clamp<std::size_t>(query.limit, 1, options_.page_items_max), options_.page_bytes_max},
                   query.descending, after);
  if (from >= to) return std::move(page).finish();
  const auto visible = shown();
  const Take take = [&page](EventTime time, const record::RecordView& r) {
    const RowKey key{time.time_since_epoch().count(), r.position.value};
    if (page.wants(key)) page.add(key, reading_of(r, time));
  };
  auto extents = log_.extents(query.device, from, to, options_.classes);
  // What is first in the answer's order is read first, so that most of the rest need not be.
  std::ranges::sort(extents, [&](const log::Extent& a, const log::Extent& b) {
    if (a.bounds_known != b.bounds_known) return b.bounds_known;
    return query.descending ? a.latest > b.latest : a.earliest < b.earliest;
  });
  for (const auto& extent : extents) {
    if (extent.first >= visible.end) continue;
    if (extent.bounds_known &&
        !page.wants_any(extent.earliest.time_since_epoch().count(), extent.latest.time_since_epoch().count()))
      continue;
    TRY(scan(extent, query, visible, take));
  }
  return std::move(page).finish();
}

Result<Series> HistoryImpl::series(const SeriesQuery& query) {
  if (query.from >= query.to) return fail(Code::invalid, "must be after from", "to");
  const auto visible = shown();
  Steps steps(query.from, query.to, std::clamp<std::size_t>(query.points, 1, series_points_max));
  const ReadingsQuery readings{.device = query.device, .from = query.from, .to = query.to};
  for (const auto& extent : log_.extents(query.device, query.from, query.to, options_.classes)) {
    if (extent.first >= visible.end) continue;
    TRY(scan(extent, readings, visible, [&](EventTime time, const record::RecordView& r) {
      if (const auto value = codec::number_at(r.payload, query.field)) steps.add(time, *value);
    }));
  }
  return steps.finish();
}

}  // namespace

record::ClassMask classes_of_readings(const record::ClassRules& rules) { return rules.of_filter("sensors/+/data"); }

bool rows_matter(const record::ClassRules& rules) {
  const auto classes =
      rules.of_filter("sensors/+/data") | rules.of_filter("devices/+/status") | rules.of_filter("commands/+/ack");
  return (classes & record::mask(record::Class::low)) != 0;
}

Result<std::unique_ptr<History>> History::open(const log::Log& log, Files& files, const Options& options,
                                               metrics::Registry& metrics) {
  auto history = std::make_unique<HistoryImpl>(log, files, options, metrics);
  TRY(history->load());
  return history;
}

}  // namespace skerry::history
