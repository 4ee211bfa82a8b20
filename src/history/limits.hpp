// What the table of devices and one answer may cost; defaults of history::Options.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::history {

inline constexpr std::size_t devices_max = 100'000;  // in the table; beyond it counted, readings stay queryable
inline constexpr std::size_t device_payload_bytes_max =
    4 * KiB;  // kept in the table; a longer one is read from the log
inline constexpr std::size_t page_items_max = 10'000;
inline constexpr std::size_t page_items_default = 100;
inline constexpr std::size_t page_bytes_max = 8 * MiB;   // payloads in one answer; it has at least one row
inline constexpr std::size_t series_points_max = 4'000;  // steps in one answer
inline constexpr std::size_t meta_bytes_max = 16 * KiB;  // of what people say of a device
inline constexpr std::size_t meta_text_bytes_max = 256;  // its name, its place, the name of a field
inline constexpr std::size_t meta_unit_bytes_max = 32;   // a unit
inline constexpr std::size_t meta_units_max = 128;       // fields with a unit of their own
inline constexpr std::size_t checkpoint_records =
    200'000;  // read since the last; reading them again takes about a second

static_assert(page_items_default <= page_items_max);

}  // namespace skerry::history
