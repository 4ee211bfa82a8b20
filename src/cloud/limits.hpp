// Limits of the cloud room.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::cloud {

inline constexpr std::size_t jobs_per_transaction_max = 256;
inline constexpr std::uint64_t bytes_per_transaction_max = 16 * MiB;  // of blocks; a commit holds at least one job
inline constexpr std::size_t loose_blocks_max = 256;                  // of a gateway, before they are sorted by device
inline constexpr std::uint64_t shelve_readings_max = 400'000;         // sorted at a time
inline constexpr std::size_t shelve_blocks_max = 1'024;               // and from so many blocks
inline constexpr std::size_t block_readings_max = 2'000;              // of a sorted block
inline constexpr std::uint64_t block_raw_bytes = 256 * KiB;
inline constexpr std::uint64_t block_raw_bytes_max = 128 * MiB;  // of a block that holds one long payload
inline constexpr std::size_t page_items_default = 100;
inline constexpr std::size_t page_items_max = 10'000;
inline constexpr std::uint64_t page_bytes_max = 8 * MiB;
inline constexpr std::size_t event_clients_max = 256;
inline constexpr std::chrono::milliseconds event_period{250};
inline constexpr std::size_t event_items_max = 1'000;   // readings in one event
inline constexpr std::size_t event_news_max = 10'000;   // alerts and commands that wait to be told
inline constexpr std::size_t orders_open_max = 10'000;  // commands that wait for one gateway
inline constexpr std::size_t late_orders_max = 1'000;   // ended in one transaction
inline constexpr std::chrono::seconds answer_grace{2};  // an answer may be on its way when the not-after passes
inline constexpr std::chrono::milliseconds late_every{500};
inline constexpr std::chrono::milliseconds look_every{500};  // for commands that another replica was asked for
inline constexpr std::size_t request_name_bytes_max = 128;
inline constexpr std::size_t queries_waiting_max = 64;
inline constexpr std::chrono::seconds verify_every{60};  // the background check of all sums

}  // namespace skerry::cloud
