// How a record is stored, and names of classes.
#include "record/record.hpp"

namespace skerry::record {
namespace {

// First byte: class (2 bits), kind (3), qos (2), retain (1). Second: which optional fields follow.
constexpr std::uint8_t has_packet_id = 1;
constexpr std::uint8_t has_origin = 2;
constexpr std::uint8_t has_expiry = 4;
constexpr std::uint8_t has_cause = 8;
constexpr std::uint8_t has_properties = 16;
constexpr std::uint8_t has_row = 32;  // nothing more is stored for it
constexpr std::uint8_t known_flags = 63;

}  // namespace

std::string_view name(Class cls) {
  switch (cls) {
    case Class::critical: return "critical";
    case Class::high: return "high";
    case Class::medium: return "medium";
    case Class::low: return "low";
  }
  return "unknown";
}

std::optional<Class> class_named(std::string_view text) {
  for (const auto cls : {Class::critical, Class::high, Class::medium, Class::low}) {
    if (name(cls) == text) return cls;
  }
  return {};
}

void encode(Buffer& to, const Record& r) {
  append_byte(to, static_cast<std::uint8_t>(static_cast<unsigned>(r.cls) | (static_cast<unsigned>(r.kind) << 2) |
                                            (static_cast<unsigned>(r.qos) << 5) | (r.retain ? 0x80U : 0U)));
  std::uint8_t flags = 0;
  if (r.packet_id != 0) flags |= has_packet_id;
  if (!r.origin.empty()) flags |= has_origin;
  if (r.expires_at) flags |= has_expiry;
  if (r.cause) flags |= has_cause;
  if (!r.properties.empty()) flags |= has_properties;
  if (r.row) flags |= has_row;
  append_byte(to, flags);
  append_counted(to, as_bytes(r.topic));
  append_counted(to, r.payload);
  if (r.packet_id != 0) append_le(to, r.packet_id);
  if (!r.origin.empty()) append_counted(to, as_bytes(r.origin));
  if (r.expires_at) append_le(to, r.expires_at->time_since_epoch().count());
  if (r.cause) append_varint(to, r.cause->value);
  if (!r.properties.empty()) append_counted(to, r.properties);
}

bool decode_into(Reader& from, RecordView& r) {
  const auto head = from.byte();
  const auto flags = from.byte();
  r.cls = static_cast<Class>(head & 3);
  r.kind = static_cast<Kind>((head >> 2) & 7);
  r.qos = (head >> 5) & 3;
  r.retain = (head & 0x80) != 0;
  r.topic = as_text(from.counted());
  r.payload = from.counted();
  if (flags != 0) {
    if ((flags & ~known_flags) != 0) return false;
    if ((flags & has_packet_id) != 0) r.packet_id = from.le<std::uint16_t>();
    if ((flags & has_origin) != 0) r.origin = as_text(from.counted());
    if ((flags & has_expiry) != 0) r.expires_at = Wall{std::chrono::microseconds{from.le<std::int64_t>()}};
    if ((flags & has_cause) != 0) r.cause = Position{from.varint()};
    if ((flags & has_properties) != 0) r.properties = from.counted();
    r.row = (flags & has_row) != 0;
  }
  return from.ok() && r.kind <= Kind::gap && r.qos <= 2;
}

std::optional<Class> skip(Reader& from) {
  const auto head = from.byte();
  const auto flags = from.byte();
  from.counted();
  from.counted();
  if (flags != 0) {
    if ((flags & ~known_flags) != 0) return {};
    if ((flags & has_packet_id) != 0) from.le<std::uint16_t>();
    if ((flags & has_origin) != 0) from.counted();
    if ((flags & has_expiry) != 0) from.le<std::int64_t>();
    if ((flags & has_cause) != 0) from.varint();
    if ((flags & has_properties) != 0) from.counted();
  }
  if (!from.ok()) return {};
  return static_cast<Class>(head & 3);
}

Result<RecordView> decode(Reader& from) {
  RecordView r;
  const auto whole = from.rest();
  if (decode_into(from, r)) return r;
  const bool newer = whole.size() > 1 && (std::to_integer<unsigned>(whole[1]) & ~known_flags) != 0;
  if (newer) return fail(Code::unsupported, "a record with fields that this program does not know");
  return fail(Code::damaged, "bytes that are no record");
}

}  // namespace skerry::record
