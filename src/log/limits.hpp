// Limits of the log room; what a site may change is in log::Options with these as defaults.
#pragma once

#include <chrono>

#include "base/bytes.hpp"

namespace skerry::log {

inline constexpr std::uint64_t page_bytes = 4 * KiB;             // flash and file systems write no less
inline constexpr std::uint64_t batch_align = 8;                  // a batch begins at a multiple of this
inline constexpr std::uint64_t segment_bytes_min = 16 * KiB;     // the simulation uses small ones
inline constexpr std::uint64_t append_bytes_max = 64 * MiB;      // encoded records of one append(); they are one batch
inline constexpr std::uint64_t batch_bytes_max = 1024 * MiB;     // a length above it is no length
inline constexpr std::uint64_t slab_bytes = 256 * KiB;           // unit of memory for the newest records
inline constexpr std::size_t spare_slabs = 4;                    // kept to be used again
inline constexpr std::uint32_t records_per_stop = 256;           // a reader in memory skips fewer slots than this many
inline constexpr std::uint64_t index_step_bytes = 16 * KiB;      // one entry of a segment's index in memory
inline constexpr std::uint64_t walk_window_bytes = 64 * KiB;     // read from a segment at once
inline constexpr std::uint64_t stretch_bytes = 256 * KiB;        // one extent of a journal segment
inline constexpr std::uint64_t chunk_raw_bytes = 64 * KiB;       // of records in a block's chunk, before packing
inline constexpr std::uint64_t chunk_raw_bytes_max = 128 * MiB;  // one record may be as large as an append
inline constexpr std::uint64_t footer_raw_bytes_max = 64 * MiB;
inline constexpr std::size_t spare_segments = 1;                 // kept prewritten, so that a commit need not
inline constexpr std::size_t free_segments_max = 3;              // more than these are removed
inline constexpr std::size_t block_files_cached = 32;            // open, with their footers
inline constexpr std::size_t chunks_cached = 8;                  // unpacked
inline constexpr std::size_t gaps_remembered = 1000;             // places of damage whose offsets nobody knew
inline constexpr std::uint64_t ballast_bytes = 256 * KiB;        // removed on a full disk so that gaps can be declared
inline constexpr std::size_t trims_per_step = 16;                // block files that go with one declaration
inline constexpr double packed_share_before_known = 0.3;         // of a record's bytes in blocks, before any was made
inline constexpr double disk_seconds_max = 10.0 * 365 * 86'400;  // longer is not told
inline constexpr int company_share = 4;  // a batch waits for company at most this part of what a commit takes,
inline constexpr std::chrono::microseconds company_wait_max{2000};  // and no longer than this
inline constexpr int read_tries = 3;  // of a place that cannot be read, before it counts as damaged
static_assert(append_bytes_max < batch_bytes_max);
static_assert(chunk_raw_bytes_max >= append_bytes_max + chunk_raw_bytes);

inline constexpr std::uint64_t shapes_bytes_max = 1 * MiB;  // of all shapes of rows that a log ever had

inline constexpr std::size_t checkpoint_block_bytes = 256 * KiB;  // packed at a time when a state is saved

}  // namespace skerry::log
