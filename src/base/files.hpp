// Files: the seam for disks. Real ones (POSIX) here; one that loses power in sim/.
//
// What survives a power cut: bytes that File::sync() returned ok for, in a file whose name Files::sync_dir() returned
// ok for. Nothing else: not a write, not a rename, not a new name. A sync that failed is final for that file: the
// caller must treat all that was written since the last good one as lost (Linux forgets the error after telling once).
// All calls may block; any thread; one File must not be written by two threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry {

class File {
 public:
  virtual ~File() = default;
  // All of `bytes` at `offset`, or an error (Code::full when the disk is full, else Code::io).
  virtual Result<> write(std::uint64_t offset, Bytes bytes) = 0;
  // Up to into.size() bytes; fewer only at the end of the file. Returns how many.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual Result<> sync() = 0;  // fdatasync: data, and the size where it changed
  virtual Result<> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

class Files {
 public:
  enum class Mode { read, write, create };  // create: made new or emptied; write: must exist; both can read
  struct Entry {
    std::string name;  // without the folder
    bool is_dir = false;
  };
  struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for this user
  };

  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) = 0;
  virtual Result<> make_dirs(std::string_view path) = 0;  // with parents, each made durable; fine when there
  virtual Result<std::vector<Entry>> list(std::string_view dir) = 0;  // sorted by name
  virtual Result<bool> exists(std::string_view path) = 0;
  virtual Result<> remove(std::string_view path) = 0;
  virtual Result<> rename(std::string_view from, std::string_view to) = 0;  // replaces `to`
  virtual Result<> sync_dir(std::string_view dir) = 0;
  virtual Result<Space> space(std::string_view dir) = 0;
  // Held until the returned object goes; Code::busy when another process holds it, and `what` says which.
  virtual Result<std::unique_ptr<File>> lock(std::string_view path) = 0;
  // A number that stays as long as the folder does, over restarts and renames, and changes when its files are copied or
  // restored into another. 0: this cannot be told here.
  virtual Result<std::uint64_t> place(std::string_view /*dir*/) { return std::uint64_t{0}; }
  // What was sent to the disk through this object so far, in whole pages of 4 KiB: what flash is worn by.
  virtual std::uint64_t bytes_to_disk() const { return 0; }
};

Files& system_files();

// A whole small file. Code::not_found when there is none, Code::full when it is longer than `bytes_max`.
Result<Buffer> read_file(Files& files, std::string_view path, std::uint64_t bytes_max = 64 * MiB);
// Replaces a file so that after a cut there is the old one or the new one, whole.
Result<> replace_file(Files& files, std::string_view path, Bytes bytes);

std::string join_path(std::string_view dir, std::string_view name);
std::string_view parent_path(std::string_view path);

}  // namespace skerry
