// Limits of the codec room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::codec {

inline constexpr std::size_t json_kept_bytes_max =
    64 * KiB;  // larger payloads do not enlarge a thread's parser for good
inline constexpr std::uint32_t block_raw_bytes_max =
    256 * MiB;                        // what one block may unpack to, whatever the caller allows
inline constexpr int zstd_level = 1;  // on readings and statistics 15 % faster than 3, and no larger

}  // namespace skerry::codec
