// The nouns of Skerry: what is written to the log, and how a place in it is named.
//
// A Record is one thing that happened: a message, an alert, a command and what became of it, a session's change.
// Position: place among all records of this gateway, the order every reader sees; it may have holes (damage).
// Offset: place within a class, dense from 0. (gateway, epoch, class, offset) names a record for ever.
// Bytes of a record in the log: docs/format/log.md.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace skerry::record {

struct Position {
  std::uint64_t value = 0;
  auto operator<=>(const Position&) const = default;
};

struct Offset {
  std::uint64_t value = 0;
  auto operator<=>(const Offset&) const = default;
};

inline constexpr Position operator+(Position p, std::uint64_t n) { return {p.value + n}; }
inline constexpr std::uint64_t operator-(Position a, Position b) { return a.value - b.value; }

// In order of importance; when the disk budget is used up, the last goes first.
enum class Class : std::uint8_t { critical, high, medium, low };
inline constexpr std::size_t class_count = 4;
std::string_view name(Class cls);
std::optional<Class> class_named(std::string_view name);

using ClassMask = std::uint8_t;  // bit i: class i
inline constexpr ClassMask all_classes = 0x0f;
inline constexpr ClassMask mask(Class cls) { return static_cast<ClassMask>(1U << static_cast<unsigned>(cls)); }

enum class Kind : std::uint8_t {
  message = 0,   // published by a device, a person or a pipeline: what subscribers and the API see
  session = 1,   // an MQTT session changed: the broker's own
  delivery = 2,  // a QoS 2 message reached, or was lost with, one session: the broker says, act reads
  fate = 3,      // a command's state changed: act's own
  config = 4,    // a change of configuration
  gap = 5,       // records that are gone, and why
};

// What is appended. Views are valid for the call; a RecordView's as long as the Chunk it came from.
struct Record {
  Class cls = Class::medium;
  Kind kind = Kind::message;
  std::uint8_t qos = 0;         // as published
  bool retain = false;          // as published
  std::uint16_t packet_id = 0;  // of a QoS 2 PUBLISH (with origin: knows its repetition); else 0
  std::string_view topic;
  Bytes payload;
  std::string_view origin;         // who wrote it: MQTT client id, `http`, `pipeline:NAME`
  std::optional<Wall> expires_at;  // never delivered from then on (MQTT 5 expiry, a command's not-after)
  std::optional<Position> cause;   // the record it was derived from
  Bytes properties;                // MQTT 5 PUBLISH properties to forward, as on the wire, without their length
  bool row = false;                // `payload` is a row that stands for its JSON (codec/row.hpp); class low only
};

struct RecordView : Record {
  Position position;
  Offset offset;
  Wall appended_at;  // received_at of a reading
};

// Stored form, without position, offset and time (the batch holds those). docs/format/log.md
void encode(Buffer& to, const Record& record);
// Reads one record off `from`; a view into its bytes. Code::damaged when they are no record.
Result<RecordView> decode(Reader& from);
// The same into `to`, for those who read millions: false when the bytes are no record that this program knows, `from`
// is then no longer of use. Position, offset and time stay as they are.
bool decode_into(Reader& from, RecordView& to);
// Moves `from` past a record whose class alone matters; nothing when the bytes are no record.
std::optional<Class> skip(Reader& from);
// The class of the record at the front of bytes that hold one.
inline Class class_at(Bytes record) { return static_cast<Class>(std::to_integer<unsigned>(record[0]) & 3U); }
// Whether its payload is a row.
inline bool is_row_at(Bytes record) { return record.size() > 1 && (std::to_integer<unsigned>(record[1]) & 32U) != 0; }

// ---- topics (MQTT 5.0 section 4.7) ----
inline constexpr std::size_t topic_bytes_max = 1024;  // of UTF-8; MQTT allows 65,535
inline constexpr std::size_t topic_levels_max = 128;

// What is wrong with it, or nothing: empty, wildcards, NUL, not UTF-8, too long, too many levels.
Result<> check_topic(std::string_view topic);
Result<> check_filter(std::string_view filter);
bool matches(std::string_view filter, std::string_view topic);
bool filters_meet(std::string_view a, std::string_view b);  // some topic matches both
// The 2nd level: `sensors/{id}/data`, `alerts/{id}`. Empty when there is none.
std::string_view device_of(std::string_view topic);
// May stand in a topic as one level: not empty, no `/ + #`, no control character, UTF-8, at most 128 bytes.
Result<> check_device_id(std::string_view id);
bool is_utf8(std::string_view text);

// ---- identity of what a pipeline makes ----
// The same pipeline, version, causing record and ordinal give the same id: 26 characters, Crockford base 32.
std::string stable_id(std::string_view pipeline, std::string_view version, Position cause, std::uint32_t ordinal);

}  // namespace skerry::record
