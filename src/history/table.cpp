// Keeps the table up to date, and writes it down: docs/format/history.md.
#include "history/table.hpp"

#include "codec/json.hpp"

namespace skerry::history {
namespace {

// A state of one device is shown whole or not at all; longer ones are no states but files.
constexpr std::size_t status_bytes_max = 16 * KiB;

void append_wall(Buffer& to, Wall time) { append_le(to, static_cast<std::int64_t>(time.time_since_epoch().count())); }
Wall read_wall(Reader& from) { return Wall{std::chrono::microseconds{from.le<std::int64_t>()}}; }

}  // namespace

Topic topic_of(std::string_view topic) {
  const auto first = topic.find('/');
  if (first == std::string_view::npos) return Topic::other;
  const auto second = topic.find('/', first + 1);
  if (second == std::string_view::npos || second == first + 1) return Topic::other;
  const auto root = topic.substr(0, first);
  const auto leaf = topic.substr(second + 1);
  if (root == "sensors" && leaf == "data") return Topic::reading;
  if (root == "devices" && leaf == "status") return Topic::status;
  if (root == "commands" && leaf == "ack") return Topic::acknowledgement;
  return Topic::other;
}

Table::Row* Table::row_of(std::string_view device, Wall at) {
  auto found = rows_.find(device);
  if (found == rows_.end()) {
    if (rows_.size() >= options_.devices_max) return nullptr;
    found = rows_.emplace(std::string(device), Row{}).first;
    found->second.first_seen = at;
    counts_.devices = rows_.size();
  }
  return &found->second;
}

const std::string* Table::meta_of(std::string_view device) const {
  const auto found = metas_.find(device);
  return found == metas_.end() ? nullptr : &found->second;
}

bool Table::take_meta(const record::RecordView& r) {
  if (!r.topic.starts_with(meta_topic) || r.payload.size() > meta_bytes_max || !codec::is_json(r.payload)) return true;
  const auto device = r.topic.substr(meta_topic.size());
  if (!metas_.contains(device) && metas_.size() >= options_.devices_max) return false;
  metas_.insert_or_assign(std::string(device), std::string(as_text(r.payload)));
  return true;
}

bool Table::take(const record::RecordView& r) {
  if (const auto device = record::Forgotten::device_of(r); !device.empty()) {
    if (const auto found = rows_.find(device); found != rows_.end()) rows_.erase(found);
    counts_.devices = rows_.size();
    if (const auto found = metas_.find(device); found != metas_.end()) metas_.erase(found);
    forgotten_.note(device, r.position);
  }
  if (r.kind == record::Kind::config) return take_meta(r);
  if (r.kind != record::Kind::message) return true;
  if (!r.origin.starts_with("pipeline:")) ++counts_.messages;
  const auto topic = topic_of(r.topic);
  if (topic == Topic::reading) ++counts_.readings;
  if (topic == Topic::other) return true;
  auto* const row = row_of(record::device_of(r.topic), r.appended_at);
  if (row == nullptr) return false;
  row->last_seen = std::max(row->last_seen, r.appended_at);
  if (topic == Topic::reading) {
    ++row->readings;
    row->last_position = r.position;
    row->last_offset = r.offset;
    row->last_received = r.appended_at;
    row->long_payload = r.payload.size() > options_.device_payload_bytes_max;
    if (row->long_payload) {
      row->payload.clear();
    } else {
      row->payload.assign(as_text(r.payload));
    }
  } else if (topic == Topic::status) {
    row->has_status = r.payload.size() <= status_bytes_max && codec::is_json(r.payload);
    row->status = row->has_status ? std::string(as_text(r.payload)) : std::string();
  }
  return true;
}

void Table::encode(Buffer& to) const {
  append_varint(to, counts_.messages);
  append_varint(to, counts_.readings);
  append_varint(to, rows_.size());
  for (const auto& [id, row] : rows_) {
    append_counted(to, as_bytes(id));
    append_wall(to, row.first_seen);
    append_wall(to, row.last_seen);
    append_varint(to, row.readings);
    append_varint(to, row.last_position.value);
    append_varint(to, row.last_offset.value);
    append_wall(to, row.last_received);
    append_byte(to, static_cast<std::uint8_t>((row.long_payload ? 1 : 0) | (row.has_status ? 2 : 0)));
    append_counted(to, as_bytes(row.payload));
    append_counted(to, as_bytes(row.status));
  }
  append_varint(to, metas_.size());
  for (const auto& [id, meta] : metas_) {
    append_counted(to, as_bytes(id));
    append_counted(to, as_bytes(meta));
  }
  forgotten_.encode(to);
}

Result<> Table::decode(Bytes bytes, std::uint32_t version) {
  Reader from(bytes);
  counts_.messages = from.varint();
  counts_.readings = from.varint();
  const auto count = from.varint();
  for (std::uint64_t i = 0; i < count && from.ok(); ++i) {
    const std::string id(as_text(from.counted()));
    Row row;
    row.first_seen = read_wall(from);
    row.last_seen = read_wall(from);
    row.readings = from.varint();
    row.last_position = {from.varint()};
    row.last_offset = {from.varint()};
    row.last_received = read_wall(from);
    const auto flags = from.byte();
    row.long_payload = (flags & 1) != 0;
    row.has_status = (flags & 2) != 0;
    row.payload = as_text(from.counted());
    row.status = as_text(from.counted());
    if (from.ok()) rows_.emplace(id, std::move(row));
  }
  counts_.devices = rows_.size();
  for (auto left = version < 2 ? 0 : from.varint(); left > 0 && from.ok(); --left) {
    std::string id(as_text(from.counted()));
    metas_.insert_or_assign(std::move(id), std::string(as_text(from.counted())));
  }
  forgotten_.decode(from);
  if (!from.ok() || !from.rest().empty()) return fail(Code::damaged, "the table of devices cannot be read");
  return {};
}

}  // namespace skerry::history
