// Where things stand in a block file, for its writer and its reader. docs/format/log.md
#pragma once

#include <cstddef>
#include <cstdint>

namespace skerry::log::block {

inline constexpr std::uint32_t header_magic = 0x46424b53;   // "SKBF"
inline constexpr std::uint32_t trailer_magic = 0x54424b53;  // "SKBT"
inline constexpr std::uint16_t format_version = 2;          // of block files; chunks of version 1 are read too
inline constexpr std::size_t header_bytes = 64;
inline constexpr std::size_t offsets_at = 48;  // from, and one past the last; older files hold 0
inline constexpr std::size_t trailer_bytes = 24;

}  // namespace skerry::log::block
