// Bytes of the journal: the headers of segments and batches, and the names of files. docs/format/log.md
#pragma once

#include <array>
#include <optional>
#include <string>

#include "log/limits.hpp"
#include "log/log.hpp"

namespace skerry::log {

inline constexpr std::uint16_t format_version = 1;
inline constexpr std::size_t segment_header_bytes = 96;
inline constexpr std::size_t batch_header_bytes = 104;
inline constexpr std::uint64_t segment_header_copy_at = 2048;  // the second copy, in the first page as well
inline constexpr std::uint64_t first_batch_at = page_bytes;

using Offsets = std::array<std::uint64_t, record::class_count>;
using Counts = std::array<std::uint32_t, record::class_count>;

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

// A place between two batches: what comes next has these numbers.
struct Mark {
  std::uint64_t number = 0;  // of the next batch
  Position position;
  Offsets offsets{};
};

struct SegmentHeader {
  std::uint64_t epoch = 0;
  std::uint64_t salt = 0;  // drawn for each use of the file, so that its old batches do not fit any more
  Mark first;
  Wall made_at{};
  std::uint64_t file_bytes = 0;
};

struct BatchHeader {
  Mark first;
  Wall base{};  // append time of the first record; records carry what passed since
  Counts counts{};
  std::uint32_t body_bytes = 0;
  std::uint32_t body_crc = 0;

  std::uint64_t count() const { return std::uint64_t{counts[0]} + counts[1] + counts[2] + counts[3]; }
  Mark after() const;
};

// Records that are gone: [from, to) in positions, and in each class's offsets.
struct Hole {
  Mark from;
  Mark to;

  std::uint64_t records() const;  // 0 when it cannot be known
};

// The whole first page.
void encode_segment_page(std::span<std::byte> page, const SegmentHeader& header);
// Code::damaged when neither copy is whole; Code::unsupported when a newer program wrote it.
Result<SegmentHeader> decode_segment_page(Bytes page);

bool looks_like_batch(const std::byte* at);  // its first 8 bytes do
std::uint32_t salted_crc(Bytes bytes, std::uint64_t salt);
void encode_batch_header(std::span<std::byte> to, const BatchHeader& header, std::uint64_t epoch, std::uint64_t salt);
// Nothing when the bytes are not a batch of this use of the file.
std::optional<BatchHeader> decode_batch_header(Bytes from, std::uint64_t epoch, std::uint64_t salt);

// The smallest a record can be: a time, two bytes of flags, two lengths.
inline constexpr std::uint64_t record_bytes_min = 5;

std::string hex16(std::uint64_t value);
std::optional<std::uint64_t> parse_hex16(std::string_view text);

std::string segment_name(const Mark& first);  // NUMBER-POSITION.seg
std::string free_name(std::uint64_t id);      // free-ID.seg
struct SegmentName {
  std::uint64_t number = 0;
  Position position;
};
std::optional<SegmentName> parse_segment_name(std::string_view name);
std::optional<std::uint64_t> parse_free_name(std::string_view name);

// FIRST-END-EARLIEST-LATEST.CLASS.blk: a listing tells what may be skipped, without opening anything.
struct BlockName {
  Position first;
  Position end;
  EventTime earliest{};
  EventTime latest{};
  Class cls = Class::medium;
};
std::string block_name(const BlockName& name);
std::optional<BlockName> parse_block_name(std::string_view name);

// The folder's own file: who it is.
struct Identity {
  std::uint64_t epoch = 0;
};
Buffer encode_identity(const Identity& identity);
Result<Identity> decode_identity(Bytes bytes);

}  // namespace skerry::log
