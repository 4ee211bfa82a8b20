// Limits of the MQTT door: name, unit, source. What a site may change is in Options with these as defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::mqtt::limits {

inline constexpr std::uint32_t packet_bytes_max = 1024 * KiB;       // whole packet; MQTT 5.0 section 3.2.2.3.6
inline constexpr std::uint32_t packet_bytes_ceiling = 256'000'000;  // what a site may raise it to
inline constexpr std::uint32_t remaining_length_max = 268'435'455;  // MQTT 5.0 section 1.5.5
inline constexpr std::size_t client_id_bytes_max = 256;             // MQTT asks for at least 23
inline constexpr std::size_t connections_max = 100'000;
inline constexpr std::size_t sessions_max = 200'000;  // connected and not
inline constexpr std::size_t subscriptions_per_session_max = 1'000;
inline constexpr std::size_t retained_max = 1'000'000;                // topics
inline constexpr std::uint16_t topic_alias_max = 32;                  // a connection, inbound
inline constexpr std::uint16_t receive_maximum = 1'024;               // unacknowledged QoS > 0 from one client
inline constexpr std::uint16_t inflight_max = 2'048;                  // unacknowledged QoS > 0 to one client
inline constexpr std::size_t unsent_bytes_max = 256 * KiB;            // for one client; beyond it, the log waits for it
inline constexpr std::size_t will_bytes_max = 64 * KiB;               // topic, payload and properties together
inline constexpr std::chrono::seconds connect_within{10};             // from accept to CONNECT
inline constexpr std::uint32_t session_expiry_s_max = 7 * 24 * 3600;  // a session nobody came back to
inline constexpr std::size_t read_bytes = 64 * KiB;                   // of the log at a time
inline constexpr int reads_per_turn = 4;                              // by one session that catches up
inline constexpr std::chrono::seconds command_expiry{30};             // of a command whose publisher named none
inline constexpr std::chrono::seconds checkpoint_every{30};

static_assert(packet_bytes_ceiling <= remaining_length_max);
static_assert(will_bytes_max < packet_bytes_max);

}  // namespace skerry::mqtt::limits
