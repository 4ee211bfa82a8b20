// Segment: one journal file, written to its end by commits and read by position.
//
// One thread writes; any read. A sealed segment found by open() is indexed when it is first read.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "log/tail.hpp"
#include "log/walk.hpp"

namespace skerry::log {

// Told of records that are gone. Called without locks of this room, except a segment's own.
using OnHole = std::function<void(const Hole&)>;

class Segment {
 public:
  // One entry of the index: a batch, and where it begins.
  struct Ref {
    Mark first;
    std::uint64_t at = 0;
  };

  Segment(std::string path, std::unique_ptr<File> file, const SegmentHeader& header, std::uint64_t file_bytes);

  // A sealed one found by open(): where it ends, as the next segment's header says.
  void set_end(const Mark& end);

  const SegmentHeader& header() const { return header_; }
  const std::string& path() const { return path_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  Mark end() const;

  // ---- writing ----
  std::uint64_t room() const { return file_bytes_ - write_at_; }
  // Writes one batch and syncs. Returns the bytes written.
  Result<std::uint64_t> write(MemoryBatch& batch);
  static std::uint64_t bytes_of(const MemoryBatch& batch);
  void resume(const BatchHeader& first, std::uint64_t end_at);  // its first batch was written with the header
  void go_on(const Mark& next, std::uint64_t at);               // found by open(): is written on from here

  // ---- reading ----
  // Records from `from` on; an empty chunk whose next() is the end when there are none that are asked for.
  Result<Chunk> read(Position from, const ReadOptions& options, const OnHole& on_hole) const;
  // Every batch in order, checked.
  Result<> each(const std::function<Result<>(const Batch&)>& use, const OnHole& on_hole) const;
  // Stretches of about stretch_bytes.
  Result<std::vector<std::pair<Position, Position>>> stretches(const OnHole& on_hole) const;

 private:
  Result<> index(const OnHole& on_hole) const;
  void note(const Mark& first, std::uint64_t at) const;

  std::string path_;
  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::uint64_t file_bytes_;
  std::uint64_t write_at_ = first_batch_at;

  mutable std::mutex mutex_;
  Mark end_;
  mutable std::vector<Ref> refs_;
  mutable bool indexed_ = true;
  mutable std::mutex indexing_;
};

// Makes the file of a new segment ready under its name, durably, with the batch that may be copied into it.
struct Copied {
  BatchHeader header;
  Buffer body;
};
Result<std::shared_ptr<Segment>> start_segment(Files& files, std::string_view dir, std::string_view pool_path,
                                               std::unique_ptr<File> file, const SegmentHeader& header,
                                               const Copied* copied);

}  // namespace skerry::log
