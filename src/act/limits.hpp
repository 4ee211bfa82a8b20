// Limits of the room act. What a site may change is in act::Options, with these as defaults.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::act {

inline constexpr std::size_t alerts_kept = 4'096;    // newest in memory; older ones are read from the log
inline constexpr std::size_t commands_kept = 4'096;  // newest in memory, and every one whose not-after has not passed
inline constexpr std::size_t commands_open_max =
    100'000;  // waiting for the device or not-after; beyond it issue() says Code::full
inline constexpr std::chrono::seconds ttl_default{30};  // DESIGN.md, promise 4
inline constexpr std::chrono::hours ttl_max{24};
inline constexpr std::chrono::milliseconds grace{500};  // a PUBCOMP on its way when the not-after passes still counts
inline constexpr std::size_t payload_bytes_max = 64 * KiB;  // of a command, an acknowledgement, a delivery or a fate
inline constexpr std::size_t alert_bytes_max = 1 * MiB;     // of an alert: it carries its reading
inline constexpr std::size_t kept_bytes_max = 8 * MiB;      // of the alerts in memory; of the commands as much again
inline constexpr std::size_t nesting_max = 32;              // levels of { and [ in one of them
inline constexpr std::size_t name_bytes_max = 128;          // of a command's name and of an id
inline constexpr std::size_t text_bytes_max = 1'024;        // of a reason and of a detail
inline constexpr std::size_t alerts_per_work_max = 1'000;   // acknowledged, cleared or commented by one request
inline constexpr std::size_t alert_changes_max = 100;       // kept of one alert: steps and comments
inline constexpr std::size_t page_items_max = 1'000;        // of one answer to a query
inline constexpr std::size_t page_items_default = 100;
inline constexpr std::size_t changes_kept = 4'096;            // for clients of the event stream that come back
inline constexpr std::size_t label_values_max = 32;           // alert types as a label; the rest counts as `other`
inline constexpr std::size_t checkpoint_changes = 256;        // a checkpoint is written after so many changes …
inline constexpr std::size_t checkpoint_records = 1'000'000;  // … or so many records read
inline constexpr std::size_t pending_max = 100'000;  // acknowledgements held until what was written before is read

static_assert(commands_open_max >= commands_kept);
static_assert(kept_bytes_max >= 2 * alert_bytes_max);
static_assert(page_items_default <= page_items_max);

}  // namespace skerry::act
