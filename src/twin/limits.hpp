// Limits of the twin room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::twin {

inline constexpr std::size_t fields_max = 256;             // of a twin, desired and reported each, tombstones too
inline constexpr std::uint64_t value_bytes_max = 2 * KiB;  // of one field
inline constexpr std::uint64_t side_bytes_max = 10 * KiB;  // of all that one side desires
inline constexpr std::uint64_t reported_bytes_max = 20 * KiB;
inline constexpr std::size_t conflicts_max = 8;            // listed of one twin; the newest stay
inline constexpr std::uint64_t state_bytes_max = 2 * MiB;  // that is read; more than State::has_room_for() lets be
inline constexpr std::size_t by_bytes_max = 128;
inline constexpr std::size_t twins_max = 100'000;             // of a gateway
inline constexpr std::uint64_t checkpoint_changes = 1'000;    // saved after so many changes …
inline constexpr std::uint64_t checkpoint_records = 100'000;  // … or so many records read
inline constexpr std::size_t page_items_default = 100;
inline constexpr std::size_t page_items_max = 1'000;

}  // namespace skerry::twin
