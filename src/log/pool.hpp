// The pool of prewritten segment files: overwriting them costs a commit no change of size and half the time.
//
// Any thread. A file in the pool has no meaning: whatever stands in it, a crash leaves it free.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "log/format.hpp"

namespace skerry::log {

class SegmentPool {
 public:
  struct Taken {
    std::string path;
    std::unique_ptr<File> file;
    std::uint64_t bytes = 0;
  };

  SegmentPool(Files& files, std::string dir, std::uint64_t segment_bytes)
      : files_(files), dir_(std::move(dir)), segment_bytes_(segment_bytes) {}

  void found(std::uint64_t id);  // open() saw free-ID.seg
  // A file of at least `bytes`: a free one, else one written now. Code::full: the disk is; nothing was changed.
  Result<Taken> take(std::uint64_t bytes);
  // A segment nobody reads any more goes back; its name is gone for good when this returns.
  Result<> give(std::string_view path, std::uint64_t bytes);
  // Keeps a spare ready. True when it wrote one.
  Result<bool> prepare();
  std::size_t count() const;
  // Zeroes written so far: once for each file, which is then used over and over.
  std::uint64_t bytes_prewritten() const { return bytes_prewritten_.load(std::memory_order_relaxed); }

 private:
  Result<> prewrite(const std::string& path, std::uint64_t bytes);
  std::string path_of(std::uint64_t id) const { return join_path(dir_, free_name(id)); }

  Files& files_;
  std::string dir_;
  std::uint64_t segment_bytes_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> free_;
  std::uint64_t next_id_ = 0;
  std::atomic<std::uint64_t> bytes_prewritten_{0};
};

}  // namespace skerry::log
