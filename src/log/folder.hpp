// Folder: a log's files as they lie there, for tools that only read.
#pragma once

#include <map>

#include "log/block_file.hpp"
#include "log/segment.hpp"

namespace skerry::log {

struct Folder {
  struct SegmentFile {
    std::string path;
    std::uint64_t file_bytes = 0;
    std::optional<SegmentHeader> header;  // nothing: damaged
    std::string wrong;
  };
  struct BlockEntry {
    BlockName name;
    std::string path;
    std::uint64_t file_bytes = 0;
  };

  std::uint64_t epoch = 0;
  std::vector<SegmentFile> segments;  // in order
  std::vector<BlockEntry> blocks;     // in order; those of a segment that is still there are left out
  std::size_t free_segments = 0;
  std::size_t half_made = 0;  // block files that do not count

  static Result<Folder> read(Files& files, std::string_view dir);
  // Where a segment ends: at the next one's first batch.
  std::uint64_t end_number(std::size_t segment) const;
};

}  // namespace skerry::log
