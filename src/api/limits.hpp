// What the API takes and gives at most; defaults of api::Options where a site may want another.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::api {

inline constexpr std::size_t readings_per_post_max = 10'000;
inline constexpr std::size_t readings_json_bytes_max = 4 * MiB;  // of a body of MessagePack or CBOR, as JSON
inline constexpr std::size_t identity_body_bytes_max = 1 * MiB;  // of a registration or session, which strangers send
inline constexpr std::size_t json_depth_max = 64;                // of a POSTed body
inline constexpr std::size_t devices_page_max = 10'000;          // so that a page with 10,000 devices is one answer
inline constexpr std::size_t series_points_default = 500;
inline constexpr std::size_t waiting_max = 4'096;            // answers that wait for a commit; beyond it 503
inline constexpr std::size_t queries_waiting_max = 64;       // for the query thread; beyond it 503
inline constexpr int identity_threads = 2;                   // passwords, registrations, sessions
inline constexpr std::size_t identity_waiting_max = 4'096;   // for those; beyond it 503
inline constexpr std::size_t coap_list_bytes_max = 1 * MiB;  // of GET /sensors; beyond it 4.13
inline constexpr std::size_t event_clients_max = 256;        // open event streams; beyond it 503
inline constexpr std::size_t event_batch_items_max = 1'000;  // readings in one event
inline constexpr std::size_t event_batch_bytes_max = 256 * KiB;
inline constexpr std::size_t event_tick_bytes_max =
    4 * MiB;                                           // of the log, read for one batch; what is behind it is skipped
inline constexpr std::size_t event_changes_max = 256;  // alerts and commands to one client at a time
inline constexpr std::chrono::milliseconds event_period{50};          // alerts and commands
inline constexpr int event_periods_per_batch = 5;                     // readings: 4 a second
inline constexpr int event_periods_per_status = 20;                   // status: once a second
inline constexpr std::chrono::milliseconds failed_check_period{100};  // while answers wait: has the log failed?
inline constexpr int rate_seconds = 5;                                // messages per second are measured over
inline constexpr std::size_t recent_gaps_shown = 10;                  // in the status
inline constexpr int quantile_seconds = 60;                           // and quantiles of durations over

static_assert(event_period * event_periods_per_batch == std::chrono::milliseconds{250});
static_assert(event_period * event_periods_per_status == std::chrono::seconds{1});
static_assert(rate_seconds <= quantile_seconds);

}  // namespace skerry::api
