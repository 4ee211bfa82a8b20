// What one HTTP client may cost; each is the default of a key in http::Options.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::http {

inline constexpr std::size_t header_bytes_max = 16 * KiB;     // request line and all fields; beyond it 431
inline constexpr std::size_t target_bytes_max = 8 * KiB;      // RFC 9112 3: at least 8,000 octets
inline constexpr std::size_t body_bytes_max = 1 * MiB;        // as sent, and again once unpacked; beyond it 413
inline constexpr std::size_t connections_max = 1024;          // beyond it 503
inline constexpr std::size_t stream_bytes_max = 1 * MiB;      // unsent to one SSE client; beyond it it is dropped
inline constexpr std::size_t ahead_bytes_max = 64 * KiB;      // pipelined behind a request that is being answered
inline constexpr std::size_t unsent_bytes_max = 256 * KiB;    // of answers; above it no further request is begun
inline constexpr std::size_t gzip_bytes_min = 1 * KiB;        // a smaller answer is not worth packing
inline constexpr std::size_t linger_bytes_max = 16 * MiB;     // taken and thrown away after a fatal answer
inline constexpr std::chrono::seconds idle_max{75};           // between requests
inline constexpr std::chrono::seconds request_max{30};        // from the first byte of a request to its last
inline constexpr std::chrono::seconds linger_max{2};          // so that the answer arrives before the reset
inline constexpr std::chrono::seconds keep_alive_period{15};  // a comment on each quiet stream

static_assert(target_bytes_max < header_bytes_max);
static_assert(ahead_bytes_max >= 2 * header_bytes_max);
static_assert(unsent_bytes_max <= stream_bytes_max);

}  // namespace skerry::http
