// Limits of demos: what devices and the board keep.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::demo::limits {

inline constexpr std::uint64_t file_bytes_max = 512 * MiB;  // of a recording
inline constexpr std::size_t window = 1'000;                // in flight from one device; the gateway may say less
inline constexpr std::size_t store_max = 100'000;           // readings that wait in all devices; then time stands
inline constexpr std::size_t steps_per_turn = 1'000;        // before acknowledgements have their turn
inline constexpr std::size_t readings_kept = 20'000;        // acknowledged, to be read back after an outage
inline constexpr std::size_t seconds_kept = 180;            // of the timeline
inline constexpr std::size_t outages_kept = 20;
inline constexpr std::size_t faults_told = 40;        // the newest
inline constexpr std::size_t command_ids_kept = 100;  // of each device, to fence with
inline constexpr std::uint32_t session_expiry_s = 3'600;
inline constexpr std::uint32_t will_delay_s = 5;         // a gateway that was killed is back before
inline constexpr std::chrono::milliseconds patience{5};  // before a full store is tried again
inline constexpr std::chrono::milliseconds reconnect_after{500};
inline constexpr std::chrono::milliseconds state_every{500};
inline constexpr std::chrono::seconds check_within{20};  // one answer, when reading back
inline constexpr std::size_t answer_bytes_max = 16 * MiB;

}  // namespace skerry::demo::limits
