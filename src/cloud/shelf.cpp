// Reading both kinds of blocks, and writing sorted ones.
#include "cloud/shelf.hpp"

#include <algorithm>

#include "cloud/limits.hpp"
#include "codec/block.hpp"
#include "codec/json.hpp"
#include "sync/batch.hpp"

namespace skerry::cloud {
namespace {

constexpr std::uint8_t shelf_version = 1;
constexpr std::uint8_t same_device = 0;
constexpr std::uint8_t next_device = 1;

std::int64_t ms_of(EventTime time) { return time.time_since_epoch().count(); }

// Times of hostile blocks may be anything: differences wrap around.
std::int64_t add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t sub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

}  // namespace

std::string_view reading_device(const record::Record& record) {
  constexpr std::string_view level = "sensors/";
  constexpr std::string_view data = "/data";
  if (record.kind != record::Kind::message || !record.topic.starts_with(level) || !record.topic.ends_with(data))
    return {};
  const auto device = record::device_of(record.topic);
  return record.topic.size() == level.size() + device.size() + data.size() ? device : std::string_view{};
}

Result<> read_loose(const LooseBlock& loose, Bytes block, const TakeReading& take) {
  const auto batch = TRY(sync::unpack(loose.cls, loose.batch, loose.offsets, Buffer(block.begin(), block.end())));
  for (const auto& entry : batch.entries) {
    const auto& r = entry.record;
    if (entry.wrong != nullptr || r.offset.value < loose.first || r.offset.value >= loose.past) continue;
    const auto device = reading_device(r);
    if (device.empty()) continue;
    take({device, codec::event_time(r.payload, r.appended_at), r.appended_at, loose.cls, r.offset.value, r.payload});
  }
  return {};
}

Result<> ShelfWriter::add(const ReadingView& reading) {
  if (block_.readings >= block_readings_max || raw_.size() >= block_raw_bytes) TRY(finish());
  if (block_.readings == 0) {
    append_byte(raw_, shelf_version);
    block_.first_device = reading.device;
    last_ms_ = last_us_ = 0;
    last_offset_ = 0;
  }
  if (block_.readings == 0 || block_.last_device != reading.device) {
    append_byte(raw_, next_device);
    append_counted(raw_, as_bytes(reading.device));
    block_.last_device = reading.device;
  } else {
    append_byte(raw_, same_device);
  }
  append_varint(raw_, zigzag(sub(ms_of(reading.timestamp), last_ms_)));
  append_varint(raw_, zigzag(sub(reading.received_at.time_since_epoch().count(), last_us_)));
  append_byte(raw_, static_cast<std::uint8_t>(reading.cls));
  append_varint(raw_, zigzag(static_cast<std::int64_t>(reading.offset - last_offset_)));
  append_counted(raw_, reading.payload);
  last_ms_ = ms_of(reading.timestamp);
  last_us_ = reading.received_at.time_since_epoch().count();
  last_offset_ = reading.offset;
  block_.earliest = std::min(block_.earliest, reading.timestamp);
  block_.latest = std::max(block_.latest, reading.timestamp);
  ++block_.readings;
  return {};
}

Result<> ShelfWriter::finish() {
  if (block_.readings == 0) return {};
  TRY(codec::pack_block(block_.bytes, raw_));
  TRY(keep_(block_));
  block_ = {};
  raw_.clear();
  return {};
}

Result<> read_shelf(Bytes block, std::string_view device, const TakeReading& take) {
  const auto raw = TRY(codec::unpack_block(block, block_raw_bytes_max));
  Reader from(raw);
  if (from.byte() != shelf_version) return fail(Code::unsupported, "a shelf block of a newer program");
  ReadingView reading;
  std::int64_t ms = 0;
  std::int64_t us = 0;
  while (!from.rest().empty()) {
    if (from.byte() == next_device) reading.device = as_text(from.counted());
    ms = add(ms, unzigzag(from.varint()));
    us = add(us, unzigzag(from.varint()));
    reading.cls = static_cast<record::Class>(from.byte() & 3U);
    reading.offset += static_cast<std::uint64_t>(unzigzag(from.varint()));
    reading.payload = from.counted();
    if (!from.ok()) return fail(Code::damaged, "a shelf block that ends early");
    if (!device.empty() && device != reading.device) continue;
    reading.timestamp = EventTime{std::chrono::milliseconds{ms}};
    reading.received_at = Wall{std::chrono::microseconds{us}};
    take(reading);
  }
  return {};
}

}  // namespace skerry::cloud
