// Checkpoint: what a reader knew when it had read the log up to a position, so that it need not read it all again.
//
// A reader's state is its last checkpoint and the log after it. Positions past the committed end may name other
// records after a crash: save() refuses them. Bytes: docs/format/checkpoint.md.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.hpp"

namespace skerry::log {

struct Checkpoint {
  Position position;  // everything before it is in `state`
  Buffer state;
  std::uint32_t version = 0;  // the format of `state`
};

// A state to be saved, in pieces: what its reader will not change any more is shared and not copied.
class SavedState {
 public:
  SavedState() = default;
  SavedState(Buffer bytes) : open_(std::move(bytes)) {}  // NOLINT(google-explicit-constructor): most are one piece
  SavedState(Bytes bytes) : open_(bytes.begin(), bytes.end()) {}  // NOLINT(google-explicit-constructor)
  Buffer& open() { return open_; }                                // its end, to append to
  void share(std::shared_ptr<const std::byte[]> bytes, std::size_t size);
  void append(SavedState other);
  std::uint64_t size() const { return closed_bytes_ + open_.size(); }
  // Piece after piece, in order.
  template <typename F>
  Result<> each(F use) const {
    for (const auto& piece : pieces_) {
      if (auto done = use(piece.bytes()); !done) return done;
    }
    return use(Bytes(open_));
  }

 private:
  struct Piece {
    Buffer own;
    std::shared_ptr<const std::byte[]> shared;
    std::size_t size = 0;
    Bytes bytes() const { return shared ? Bytes(shared.get(), size) : Bytes(own); }
  };
  void close();
  std::vector<Piece> pieces_;
  std::uint64_t closed_bytes_ = 0;
  Buffer open_;
};

// Replaces the file atomically; durable when it returns. `version` is the format of `state`.
Result<> save(Files& files, std::string_view path, std::uint32_t version, Position position, const SavedState& state,
              const Log& log);
// Nothing when there is none. A damaged or unreadable file, another version (older than `oldest`, or newer), another
// log or a position past the log's end is told to the operator, counted as none, and the reader starts from the log.
// One past the end proves that the log was put back to an older state: a new epoch begins. Both calls tell the log what
// its reader has saved (Log::read_to).
Result<std::optional<Checkpoint>> load(Files& files, std::string_view path, std::uint32_t version, const Log& log,
                                       std::optional<std::uint32_t> oldest = {});

// Saves states on another thread than that of their readers, who must not wait for a disk. Any thread may put; one
// works. What waits is lost in a crash, as if it had never been put: the checkpoint before it still stands.
class Saver {
 public:
  Saver(Files& files, const Log& log) : files_(files), log_(log) {}
  // `position` is committed. A state that waits already for the same path gives way.
  void put(std::string_view path, std::uint32_t version, Position position, SavedState state);
  // Saves one. True when more wait. An error concerns the one: it is gone, its reader puts a newer one some day.
  Result<bool> work();

 private:
  struct Waiting {
    std::uint32_t version;
    Position position;
    SavedState state;
  };
  Files& files_;
  const Log& log_;
  std::mutex mutex_;
  std::map<std::string, Waiting, std::less<>> waiting_;
};

// With a saver later, without one at once.
Result<> save(Files& files, Saver* saver, std::string_view path, std::uint32_t version, Position position,
              SavedState state, const Log& log);

}  // namespace skerry::log
