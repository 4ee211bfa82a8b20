// The shape of a payload: its text with slots where a number, a time or a string stands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace skerry::codec {

inline constexpr std::size_t template_slots_max = 64;
inline constexpr std::uint8_t significant_max = 18;    // of a number: they fit 64 bits
inline constexpr std::uint8_t number_digits_max = 24;  // behind its point

// bare: something of digits, signs, points and e that is no such number; kept as text.
enum class SlotKind : std::uint8_t { number = 1, time = 2, text = 3, bare = 4 };
inline constexpr bool is_text(SlotKind kind) { return kind == SlotKind::text || kind == SlotKind::bare; }
// Bytes that stand for slots.
inline constexpr bool is_slot(char c) { return static_cast<unsigned char>(c) - 1U < 4U; }

// How a time is written: digits of its fraction 0, 3 or 6; 'T' or ' ' between; "Z", nothing or "+00:00" behind.
struct TimeStyle {
  std::uint8_t packed = 0;  // fraction / 3 + 3 * (space) + 6 * (suffix)
  bool operator==(const TimeStyle&) const = default;
};

struct Slot {
  SlotKind kind = SlotKind::number;
  TimeStyle style;
};

// What stands in a slot. A number is whole / 10^digits, written with exactly so many digits; a time is in units of its
// last digit since 1970.
struct SlotValue {
  std::int64_t whole = 0;
  std::uint8_t digits = 0;
  std::string_view text;
};

// Its text: literals, a slot as its kind in a byte, a time with its style behind as a letter from 'A' on.
class Template {
 public:
  // Nothing when the text has no slot syntax that is whole, or too many slots.
  static bool parse(std::string_view text, Template& to);
  // The template of a payload, and its values; false when it holds bytes that stand for slots, or too many values.
  static bool learn(std::string_view payload, std::string& text, std::vector<SlotValue>& values);

  // The values of a payload of this shape; false when it is of another.
  bool match(std::string_view payload, SlotValue* values) const;
  const std::vector<Slot>& slots() const { return slots_; }
  const std::string& literal(std::size_t i) const { return literals_[i]; }  // before slot i; the last behind all
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> literals_;
  std::vector<Slot> slots_;
};

void append_number(Buffer& to, std::int64_t whole, std::uint8_t digits);
// False when the time cannot be written in this style: its year does not have four digits.
bool append_time(Buffer& to, std::int64_t whole, TimeStyle style);
// Milliseconds since 1970 of a time slot.
std::int64_t time_ms(std::int64_t whole, TimeStyle style);

}  // namespace skerry::codec
