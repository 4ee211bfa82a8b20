// The pieces MQTT packets are made of (MQTT 5.0 section 1.5): strings, binary data, variable byte integers.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "record/record.hpp"

namespace skerry::mqtt {

inline Bytes take_binary(Reader& in) { return in.take(in.be<std::uint16_t>()); }

// UTF-8 without NUL (section 1.5.4), else nothing.
inline std::optional<std::string_view> take_text(Reader& in) {
  const auto text = as_text(take_binary(in));
  if (!in.ok() || text.find('\0') != std::string_view::npos || !record::is_utf8(text)) return {};
  return text;
}

// The same for names (topics, filters, client ids, user names), which control characters may not stand in: the standard
// lets us refuse them, and they only ever hide something.
inline bool is_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return false;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return false;  // U+0080..9F
  }
  return true;
}
inline std::optional<std::string_view> take_name(Reader& in) {
  const auto text = take_text(in);
  return text && is_name(*text) ? text : std::nullopt;
}

// At most four bytes, and not longer than needed.
inline bool take_length(Reader& in, std::uint32_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const auto b = in.byte();
    if (!in.ok()) return false;
    value |= static_cast<std::uint32_t>(b & 0x7f) << shift;
    if (b < 0x80) return shift == 0 || b != 0;
  }
  return false;
}

inline void put_binary(Buffer& to, Bytes value) {
  INVARIANT(value.size() <= 0xffff);
  append_be(to, static_cast<std::uint16_t>(value.size()));
  append_bytes(to, value);
}
inline void put_string(Buffer& to, std::string_view value) { put_binary(to, as_bytes(value)); }

}  // namespace skerry::mqtt
