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

// Of a stream of readings. A stream that would grow beyond them starts afresh.
inline constexpr std::uint64_t batch_readings_max = 1U << 20;
inline constexpr std::size_t stream_series_max = 1U << 17;  // about 80 MB
inline constexpr std::size_t stream_sources_max = 1U << 16;
inline constexpr std::size_t stream_names_bytes_max = 16 * MiB;
inline constexpr std::size_t name_bytes_max = 1024;
inline constexpr std::size_t frame_sensors_max = 1024;
inline constexpr std::size_t kinds_max = 1024;  // sensor names with a model of their own; further ones share these

// Of payloads in columns.
inline constexpr std::size_t template_bytes_max = 16 * KiB;  // longer payloads have no shape
inline constexpr unsigned message_depth_max = 64;            // of MessagePack and CBOR
inline constexpr std::size_t shapes_kept_max = 4096;         // more are forgotten with the next block

// Of the shapes of rows.
inline constexpr int shape_depth_max = 64;  // rows within rows
inline constexpr std::size_t shape_fields_max = 4096;

}  // namespace skerry::codec
