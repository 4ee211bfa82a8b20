// Every bound of the SQL engine; what a site may change is a field of Options in stream.hpp with this default.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::stream {

inline constexpr std::size_t sql_bytes_max = 256 * KiB;  // of one pipeline's text
inline constexpr int nesting_max = 60;                   // of expressions and subqueries: the parser recurses
inline constexpr int chain_max = 256;                    // operators in a row: a + b + c
inline constexpr std::size_t columns_max = 1024;         // of one table or query
inline constexpr std::size_t operators_max = 4096;       // of one pipeline
inline constexpr std::size_t keys_max = 100'000;         // of one window: partitions kept at a time
inline constexpr std::size_t window_rows_max = 200'000;  // of one key: rows kept at a time
inline constexpr std::size_t packed_rows = 256;          // of a window: packed together
inline constexpr std::size_t packed_rows_max = 512;      // when late rows came in between; then in two
static_assert(packed_rows_max >= 2 * packed_rows);
inline constexpr std::size_t key_bytes_max = 1024;           // of one partition key
inline constexpr std::uint64_t append_bytes_max = 2 * MiB;   // outputs of one append; a cause's are never parted
inline constexpr std::uint64_t chunk_bytes_max = 256 * KiB;  // read in one step
inline constexpr std::size_t file_batch_rows = 1024;         // of `pipeline run`
inline constexpr std::size_t file_line_bytes_max = 4 * MiB;
inline constexpr int decimal_digits_max = 38;  // Flink: DECIMAL(38)
inline constexpr std::uint64_t full_window_rows =
    64 * KiB;                                     // from here on a checkpoint waits for a quarter as many records
inline constexpr std::uint32_t state_format = 2;  // of a checkpoint: docs/format/stream.md
inline constexpr std::uint32_t state_format_oldest = 1;

}  // namespace skerry::stream
