// Limits of the CoAP door.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::coap {

inline constexpr std::size_t body_bytes_max = 1 * MiB;        // of a request, all its blocks together (RFC 7959)
inline constexpr std::size_t resources_max = 200'000;         // paths that can be observed
inline constexpr std::size_t waiting_max = 10'000;            // answers that wait for the disk
inline constexpr std::chrono::milliseconds piggyback_max{4};  // an answer within this rides on the ACK (RFC 7252 5.2.1)
inline constexpr std::chrono::seconds exchange_lifetime{247};  // RFC 7252 4.8.2: no message id is used again before
inline constexpr std::size_t exchanges_max = 100'000;          // remembered for repeated requests
inline constexpr std::chrono::seconds max_age{60};             // RFC 7252 5.10.5: a notification is fresh for so long

inline constexpr unsigned handshakes_max = 512;           // DTLS sessions whose handshake is under way
inline constexpr unsigned sessions_idle_max = 20'000;     // DTLS sessions without a request under way; the oldest goes
inline constexpr std::chrono::seconds session_idle{600};  // then one ends

// Calls to others: 2 s × 1.5 × (2^4 − 1) = 45 s until the last of 4 transmissions has had its time (RFC 7252 4.8).
inline constexpr unsigned call_repeats_max = 3;
inline constexpr std::chrono::seconds call_time_max{60};  // for an answer that comes separately
inline constexpr std::size_t calls_max = 256;             // at once

}  // namespace skerry::coap
