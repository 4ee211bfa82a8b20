// Limits of the sync room; docs/protocol.md names those that both sides must agree on.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::sync {

inline constexpr std::size_t intervals_max = 8;                 // applied stretches of one (gateway, epoch, class)
inline constexpr std::uint64_t hello_bytes_max = 4 * KiB;       // of any frame before READY
inline constexpr std::uint64_t frame_bytes_max = 72 * MiB;      // one record may be as large as the log takes, 64 MiB
inline constexpr std::uint64_t batch_raw_bytes = 64 * KiB;      // of records in one BATCH, before packing
inline constexpr std::uint64_t backlog_raw_bytes = 256 * KiB;   // the same of backlog: it packs better
inline constexpr std::uint64_t frame_raw_bytes_min = 512;       // however slow the link is
inline constexpr std::uint64_t gap_bytes_max = 64;              // a GAP, and a BATCH without its block
inline constexpr std::uint64_t batch_raw_bytes_max = 72 * MiB;  // a single long record
inline constexpr std::uint64_t batch_offsets_max = 65'536;      // offsets that one BATCH covers
inline constexpr std::uint64_t window_bytes = 1 * MiB;          // credit that a cloud gives an edge at first
inline constexpr std::uint64_t window_bytes_down = 64 * KiB;    // and an edge a cloud
inline constexpr std::uint64_t window_bytes_min = 1 * KiB;      // less is no window: nothing would ever move
inline constexpr std::uint64_t unsent_bytes_max = 16 * KiB;     // in the socket; more would stand before live data
inline constexpr std::uint64_t backlog_window_min = 16 * KiB;   // unacknowledged backlog, packed …
inline constexpr std::uint64_t backlog_window_max = 1 * MiB;    // … grows while acknowledgements come quickly
inline constexpr std::chrono::milliseconds backlog_delay_max{250};  // slower than this: the window shrinks
inline constexpr std::uint64_t backlog_share = 8;                   // of 8 bytes at least one is backlog's
inline constexpr std::uint64_t split_records = 1'000;               // a backlog smaller than this goes in line
inline constexpr std::uint64_t linger_records = 500;                // so many do not wait for company
inline constexpr std::chrono::seconds canary_every{5};
inline constexpr std::chrono::seconds network_timeout{30};  // without an answer to a canary: the link is down
inline constexpr std::chrono::seconds handshake_max{10};
inline constexpr std::chrono::seconds read_retry{1};
inline constexpr std::size_t items_out_max = 16;  // sent to a gateway and not answered
inline constexpr std::size_t item_id_bytes_max = 256;
inline constexpr std::uint64_t item_bytes_max = 64 * KiB;  // of its body
inline constexpr std::size_t why_bytes_max = 512;          // text of a REFUSE
inline constexpr std::size_t gateway_bytes_max = 128;
inline constexpr std::uint64_t local_fields_bytes_max = 1 * MiB;  // of the file with their rules

static_assert(batch_raw_bytes < window_bytes);
static_assert(backlog_window_min < window_bytes);

}  // namespace skerry::sync
