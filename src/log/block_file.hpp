// Block files: a sealed segment's records, one file a class, packed in chunks with an index by device and event time.
//
// Written once, whole, then never changed. docs/format/log.md
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.hpp"
#include "log/block_chunk.hpp"
#include "log/format.hpp"

namespace skerry::log {

// By which the index finds a record. A row has no field `timestamp` (codec/row.hpp).
inline EventTime event_time(const RecordView& r) {
  return r.row ? to_event(r.appended_at) : codec::event_time(r.payload, r.appended_at);
}

struct ChunkEntry {
  std::uint64_t at = 0;  // in the file
  std::uint32_t packed_bytes = 0;
  std::uint32_t raw_bytes = 0;
  std::uint32_t count = 0;
  Position first;
  Position last;
  Offset first_offset;
  Offset last_offset;
  Wall first_append{};
  Wall last_append{};
  EventTime earliest{};
  EventTime latest{};
};

// Takes the records of one class in order, and becomes a file.
class BlockWriter {
 public:
  // Writes to `path`, which means nothing yet.
  static Result<std::unique_ptr<BlockWriter>> create(Files& files, std::string path, std::uint64_t epoch, Class cls);

  Result<> add(const RecordView& record);
  // Writes what is left and the index, and syncs. The name that it should get.
  Result<BlockName> finish(Position first, Position end);
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return at_; }

 private:
  struct Device {
    EventTime earliest{};
    EventTime latest{};
    std::vector<std::uint32_t> chunks;
  };

  BlockWriter(std::string path, std::unique_ptr<File> file, std::uint64_t epoch, Class cls);
  Result<> flush();
  Buffer index() const;

  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t epoch_;
  Class cls_;
  std::uint64_t at_;
  ChunkEntry open_;
  ChunkColumns columns_;
  std::vector<ChunkEntry> chunks_;
  std::map<std::string, Device, std::less<>> devices_;
};

// From the first record's offset to one past the last's; offsets between them may be gone.
struct OffsetRange {
  Offset from;
  Offset to;
};
// What a block file's header says; nothing when it does not (an older program's), or is damaged.
Result<std::optional<OffsetRange>> offsets_of(File& file);

// A block file open for reading. Any thread.
class BlockFile {
 public:
  static Result<std::shared_ptr<BlockFile>> open(Files& files, std::string_view path, std::uint64_t epoch);

  std::span<const ChunkEntry> chunks() const { return chunks_; }
  // Chunks with records of `device`, in order; all of them when it is empty.
  std::vector<std::uint32_t> chunks_of(std::string_view device, EventTime from, EventTime to) const;
  Result<Chunk> read(std::size_t chunk) const;
  // Every index entry against its chunk.
  Result<> verify(const std::function<void(std::string)>& wrong) const;

 private:
  BlockFile() = default;
  Result<> decode_index();

  std::string path_;
  std::unique_ptr<File> file_;
  std::uint16_t version_ = 0;
  Buffer index_;
  std::size_t devices_at_ = 0;  // in index_
  std::vector<ChunkEntry> chunks_;
};

// The blocks of a log, with what was read of them lately. Any thread.
class BlockStore {
 public:
  BlockStore(Files& files, std::string dir, std::uint64_t epoch) : files_(files), dir_(std::move(dir)), epoch_(epoch) {}

  Result<std::shared_ptr<BlockFile>> open(const BlockName& name) const;
  Result<Chunk> read(const BlockName& name, std::size_t chunk) const;  // cached
  void forget(const BlockName& name);                                  // it is gone, or another file has its name
  const std::string& dir() const { return dir_; }

 private:
  struct Unpacked {
    std::string name;
    std::size_t chunk;
    Chunk records;
  };

  Files& files_;
  std::string dir_;
  std::uint64_t epoch_;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::string, std::shared_ptr<BlockFile>>> open_;  // latest use first
  mutable std::list<Unpacked> unpacked_;
};

}  // namespace skerry::log
