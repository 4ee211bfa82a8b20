// Tools: what `skerry log verify|inspect|dump DIR` do. They only read, so a running gateway need not stop.
//
// Each takes the folder of a log and gives its text away line by line, with the line's end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "log/log.hpp"

namespace skerry::log {

using Sink = std::function<void(std::string_view line)>;

struct Verified {
  std::uint64_t records = 0;
  std::uint64_t batches = 0;
  std::uint64_t segments = 0;
  std::uint64_t blocks = 0;
  std::uint64_t torn_bytes = 0;  // at the newest segment's end: never acknowledged, no fault
  std::uint64_t gone = 0;        // records that are missing and were declared: no problem
  std::uint64_t problems = 0;    // each told as a line
};

// Checks every checksum, rising positions, dense offsets but for declared gaps, and blocks against their indexes. An
// error only when the folder cannot be read at all; what is wrong inside is counted and told.
Result<Verified> verify(Files& files, std::string_view dir, const Sink& sink);

// What the folder is made of: a line a segment, a block, a gap, an epoch, and the sums; how long a time the blocks
// cover, and how long the disk's free space would last at that rate.
Result<> inspect(Files& files, std::string_view dir, const Sink& sink);

struct DumpOptions {
  Position from;
  ClassMask classes = record::all_classes;
  std::uint64_t limit = ~std::uint64_t{0};
};
// Records as NDJSON, in order of position. Returns how many.
Result<std::uint64_t> dump(Files& files, std::string_view dir, const DumpOptions& options, const Sink& sink);

}  // namespace skerry::log
