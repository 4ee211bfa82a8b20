// Free segment files: made, taken, given back.
#include "log/pool.hpp"

#include <algorithm>

namespace skerry::log {

void SegmentPool::found(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  free_.push_back(id);
  next_id_ = std::max(next_id_, id + 1);
}

std::size_t SegmentPool::count() const {
  const std::scoped_lock lock(mutex_);
  return free_.size();
}

// Zeroes, synced, so that later writes change neither the size nor the file system's map of the file.
Result<> SegmentPool::prewrite(const std::string& path, std::uint64_t bytes) {
  const auto write = [&]() -> Result<> {
    auto file = TRY(files_.open(path, Files::Mode::create));
    const Buffer zeroes(std::min<std::uint64_t>(bytes, 256 * KiB));
    for (std::uint64_t at = 0; at < bytes; at += zeroes.size()) {
      const auto part = Bytes(zeroes).first(std::min<std::uint64_t>(zeroes.size(), bytes - at));
      TRY(file->write(at, part));
      bytes_prewritten_.fetch_add(part.size(), std::memory_order_relaxed);
    }
    return file->sync();
  };
  auto done = write();
  if (!done) static_cast<void>(files_.remove(path));  // gives the space back; there is nothing in it
  return done;
}

Result<SegmentPool::Taken> SegmentPool::take(std::uint64_t bytes) {
  std::uint64_t id = 0;
  bool made = false;
  {
    const std::scoped_lock lock(mutex_);
    if (bytes <= segment_bytes_ && !free_.empty()) {
      id = free_.back();
      free_.pop_back();
    } else {
      id = next_id_++;
      made = true;
    }
  }
  const auto path = path_of(id);
  if (made) TRY(prewrite(path, std::max(align_up(bytes, page_bytes), segment_bytes_)));
  auto file = TRY(files_.open(path, Files::Mode::write));
  const auto size = TRY(file->size());
  // One that another configuration left, or a crash left short.
  if (size < std::max(bytes, segment_bytes_)) {
    file.reset();
    TRY(prewrite(path, std::max(align_up(bytes, page_bytes), segment_bytes_)));
    file = TRY(files_.open(path, Files::Mode::write));
    return Taken{path, std::move(file), std::max(align_up(bytes, page_bytes), segment_bytes_)};
  }
  return Taken{path, std::move(file), size};
}

Result<> SegmentPool::give(std::string_view path, std::uint64_t bytes) {
  std::uint64_t id = 0;
  bool keep = false;
  {
    const std::scoped_lock lock(mutex_);
    keep = bytes == segment_bytes_ && free_.size() < free_segments_max;
    id = next_id_++;
  }
  if (keep) {
    TRY(files_.rename(path, path_of(id)));
  } else {
    TRY(files_.remove(path));
  }
  // Before the file is written again: a name that came back after a cut must not name other bytes.
  TRY(files_.sync_dir(dir_));
  if (keep) found(id);
  return {};
}

Result<bool> SegmentPool::prepare() {
  std::uint64_t id = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (free_.size() >= spare_segments) return false;
    id = next_id_++;
  }
  TRY(prewrite(path_of(id), segment_bytes_));
  found(id);
  return true;
}

}  // namespace skerry::log
