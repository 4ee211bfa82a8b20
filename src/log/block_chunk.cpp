// Columns of a chunk: places and times, what records are, and topics with payloads through the codec.
#include "log/block_chunk.hpp"

namespace skerry::log {
namespace {

// What a record is, in two bytes: class and so on as record::encode() has them, and which extras it has.
constexpr std::uint8_t has_packet_id = 1;
constexpr std::uint8_t has_expiry = 2;
constexpr std::uint8_t has_cause = 4;
constexpr std::uint8_t has_properties = 8;
constexpr std::uint8_t is_row = 16;
constexpr std::uint8_t known_extras = 31;

std::unexpected<Error> damaged() { return fail(Code::damaged, "a chunk that cannot be read"); }

bool read_what(RecordView& r, Reader& tags, Reader& extras) {
  const auto head = tags.byte();
  const auto has = tags.byte();
  r.cls = static_cast<record::Class>(head & 3U);
  r.kind = static_cast<record::Kind>((head >> 2) & 7U);
  r.qos = (head >> 5) & 3U;
  r.retain = (head & 0x80U) != 0;
  if (r.kind > record::Kind::gap || r.qos > 2 || (has & ~known_extras) != 0) return false;
  if ((has & has_packet_id) != 0) r.packet_id = extras.le<std::uint16_t>();
  if ((has & has_expiry) != 0) {
    const auto after = static_cast<std::uint64_t>(unzigzag(extras.varint()));
    const auto at = static_cast<std::uint64_t>(r.appended_at.time_since_epoch().count()) + after;
    r.expires_at = Wall{std::chrono::microseconds{static_cast<std::int64_t>(at)}};
  }
  if ((has & has_cause) != 0) {
    const auto before = static_cast<std::uint64_t>(unzigzag(extras.varint()));
    r.cause = Position{r.position.value - before};
  }
  if ((has & has_properties) != 0) r.properties = extras.counted();
  r.row = (has & is_row) != 0;
  return true;
}

// Version 1: the records as the journal holds them.
Result<std::vector<RecordView>> unpack_records(Reader& reader, std::uint64_t count) {
  if (count * 2 > reader.rest().size()) return damaged();
  std::vector<RecordView> records(count);
  for (auto& r : records)
    if (!record::decode_into(reader, r)) return damaged();
  if (!reader.rest().empty()) return damaged();
  return records;
}

}  // namespace

EventTime ChunkColumns::add(const RecordView& r) {
  append_varint(positions_, r.position.value - position_.value);
  append_varint(offsets_, r.offset.value - offset_.value);
  append_varint(times_, zigzag((r.appended_at - appended_at_).count()));
  std::uint8_t has = 0;
  if (r.packet_id != 0) {
    has |= has_packet_id;
    append_le(extras_, r.packet_id);
  }
  if (r.expires_at) {
    has |= has_expiry;
    const auto after = static_cast<std::uint64_t>(r.expires_at->time_since_epoch().count()) -
                       static_cast<std::uint64_t>(r.appended_at.time_since_epoch().count());
    append_varint(extras_, zigzag(static_cast<std::int64_t>(after)));
  }
  if (r.cause) {
    has |= has_cause;
    append_varint(extras_, zigzag(static_cast<std::int64_t>(r.position.value - r.cause->value)));
  }
  if (!r.properties.empty()) {
    has |= has_properties;
    append_counted(extras_, r.properties);
  }
  if (r.row) has |= is_row;
  append_byte(tags_, static_cast<std::uint8_t>(static_cast<unsigned>(r.cls) | (static_cast<unsigned>(r.kind) << 2) |
                                               (static_cast<unsigned>(r.qos) << 5) | (r.retain ? 0x80U : 0U)));
  append_byte(tags_, has);
  position_ = r.position;
  offset_ = r.offset;
  appended_at_ = r.appended_at;
  ++count_;
  bytes_ += r.topic.size() + r.origin.size() + r.payload.size() + r.properties.size() + 8;
  return payloads_.add({r.topic, r.origin, r.payload, r.row}, r.appended_at);
}

void ChunkColumns::finish(Buffer& raw) {
  append_varint(raw, count_);
  for (auto* column : {&positions_, &offsets_, &times_, &tags_, &extras_}) {
    append_counted(raw, *column);
    column->clear();
  }
  payloads_.finish(raw);
  count_ = 0;
  bytes_ = 0;
  position_ = {};
  offset_ = {};
  appended_at_ = {};
}

Result<std::vector<RecordView>> unpack_chunk(ChunkBytes& bytes, std::uint16_t version, std::uint64_t bytes_max) {
  Reader reader(bytes.raw);
  const auto count = reader.varint();
  Reader positions(reader.counted());
  Reader offsets(reader.counted());
  Reader times(reader.counted());
  if (!reader.ok() || count > positions.rest().size()) return damaged();
  std::vector<RecordView> records;
  Reader tags({}), extras({});
  if (version == 1) {
    records = TRY(unpack_records(reader, count));
  } else {
    tags = Reader(reader.counted());
    extras = Reader(reader.counted());
    const auto messages = TRY(codec::unpack_payloads(reader, bytes.payloads, bytes_max));
    if (messages.size() != count || !reader.ok() || !reader.rest().empty()) return damaged();
    records.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      records[i].topic = messages[i].topic;
      records[i].origin = messages[i].origin;
      records[i].payload = messages[i].payload;
    }
  }
  Position position;
  record::Offset offset;
  std::uint64_t time = 0;
  for (auto& r : records) {
    position = position + positions.varint();
    offset = {offset.value + offsets.varint()};
    time += static_cast<std::uint64_t>(unzigzag(times.varint()));
    r.position = position;
    r.offset = offset;
    r.appended_at = Wall{std::chrono::microseconds{static_cast<std::int64_t>(time)}};
    if (version != 1 && !read_what(r, tags, extras)) return damaged();
  }
  for (const auto* column : {&positions, &offsets, &times, &tags, &extras})
    if (!column->ok() || !column->rest().empty()) return damaged();
  return records;
}

}  // namespace skerry::log
