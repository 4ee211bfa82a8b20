// Limits of the link room.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::link {

inline constexpr std::chrono::milliseconds turn_every{50};         // lingering records and canaries are looked at
inline constexpr std::chrono::milliseconds save_every{1'000};      // what is remembered of acknowledgements
inline constexpr std::chrono::milliseconds retry_min{250};         // between connections, doubled each time …
inline constexpr std::chrono::milliseconds retry_max{30'000};      // … up to this, half of it by chance
inline constexpr std::chrono::milliseconds refused_retry{60'000};  // where somebody has to look
inline constexpr std::size_t ways_max = 8;                         // of one gateway to its cloud
inline constexpr std::chrono::seconds connect_within{10};          // until the WebSocket is open
inline constexpr std::chrono::milliseconds probe_steady{3'000};    // a better way answers so long before it is used …
inline constexpr std::chrono::milliseconds probe_every{500};       // … one canary after the other, so far apart …
inline constexpr std::chrono::milliseconds probe_within{8'000};    // … and all that within this
inline constexpr std::chrono::milliseconds flap_within{300'000};   // lost so soon: the next look comes later …
inline constexpr std::chrono::milliseconds back_every_max{3'600'000};  // … up to this
inline constexpr std::size_t moves_kept = 20;                          // from one way to another, for people
inline constexpr std::size_t connections_max = 10'000;                 // of one cloud side
inline constexpr std::size_t message_bytes_up = 73 * MiB;              // sync's longest frame
inline constexpr std::size_t message_bytes_down = 64 * KiB;
inline constexpr std::size_t credential_bytes_max = 1 * MiB;  // of a file with certificates
inline constexpr std::chrono::seconds credentials_every{10};  // files are looked at again
inline constexpr std::chrono::seconds judge_again_every{60};  // whether certificates of open connections still hold
inline constexpr std::chrono::milliseconds frame_time{10};    // of the way, that one frame may take
inline constexpr std::chrono::milliseconds queue_time{15};    // that may stand before the narrowest place
inline constexpr std::uint64_t window_bytes_first = 14'480;   // ten segments (RFC 6928), while the rate is not known
inline constexpr std::uint64_t window_bytes_min = 2'400;      // a segment and a half: one is often not yet acknowledged
inline constexpr std::chrono::milliseconds wait_min{1};
inline constexpr std::chrono::milliseconds wait_max{40};
inline constexpr std::uint64_t frame_bytes_first = 4 * KiB;  // while the rate is not known
inline constexpr std::uint64_t frame_bytes_min = 600;        // however slow the way is
inline constexpr std::uint64_t frame_bytes_max = 64 * KiB;
inline constexpr std::uint64_t unsent_bytes_min = 2'000;              // less leaves the way empty at times
inline constexpr std::chrono::milliseconds acknowledged_over{1'000};  // the rate of acknowledgements is measured
inline constexpr std::size_t devices_max = 2'000;  // whose statistics are kept; the longest silent goes

}  // namespace skerry::link
