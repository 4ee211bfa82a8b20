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
inline constexpr std::size_t connections_max = 10'000;             // of one cloud side
inline constexpr std::size_t message_bytes_up = 73 * MiB;          // sync's longest frame
inline constexpr std::size_t message_bytes_down = 64 * KiB;
inline constexpr std::size_t credential_bytes_max = 1 * MiB;  // of a file with certificates
inline constexpr std::chrono::seconds credentials_every{10};  // files are looked at again
inline constexpr std::chrono::seconds judge_again_every{60};  // whether certificates of open connections still hold

}  // namespace skerry::link
