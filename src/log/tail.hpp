// The tail: the newest records in memory, where they are appended, committed from and read by everyone at the end.
//
// Bytes lie in slabs that never move: records from the front, and from the back one slot for each, so that a reader who
// wants only some classes steps over the others without touching them. What was added to a slab is never changed, so a
// reader needs the log's lock only to learn where records lie (collect) and decodes them without it; a slab lives as
// long as somebody looks at it. Callers hold the log's lock except where a function says otherwise.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "log/format.hpp"

namespace skerry::log {

// Where a record begins in its slab, and what it is.
struct Slot {
  static Slot of(std::size_t at, Bytes record) {
    return {static_cast<std::uint32_t>(at) & ((1U << 29) - 1),
            static_cast<std::uint32_t>(record::class_at(record)) & 3U, record::is_row_at(record)};
  }

  std::uint32_t at : 29;
  std::uint32_t cls : 2;
  std::uint32_t row : 1;
};
static_assert(sizeof(Slot) == 4);

struct Slab {
  explicit Slab(std::size_t room)
      : size((room + sizeof(Slot) - 1) / sizeof(Slot) * sizeof(Slot)), bytes(new std::byte[size]) {
    INVARIANT(size < std::size_t{1} << 29);
  }
  bool has_room(std::size_t more) const { return used + more + (slots + 1) * sizeof(Slot) <= size; }
  void add_slot(Slot slot) { std::memcpy(bytes.get() + size - ++slots * sizeof slot, &slot, sizeof slot); }
  Slot slot(std::size_t i) const {
    Slot slot;
    std::memcpy(&slot, bytes.get() + size - (i + 1) * sizeof slot, sizeof slot);
    return slot;
  }

  std::size_t size;
  std::unique_ptr<std::byte[]> bytes;
  std::size_t used = 0;
  std::size_t slots = 0;
};

// Gives out slabs of one size and takes them back when the last who looks at them lets go, on whatever thread: what is
// freed and made anew all the time leaves holes in the heap.
class SlabPool : public std::enable_shared_from_this<SlabPool> {
 public:
  std::shared_ptr<Slab> take(std::size_t room);  // at least that

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> free_;
};

// Records of one batch that lie together in one slab.
struct Piece {
  std::shared_ptr<Slab> slab;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t slots_end = 0;
};

// Where a reader may begin inside a batch.
struct Stop {
  Position position;
  Offsets offsets{};
  std::size_t piece = 0;
  std::size_t slot = 0;  // in the piece's slab
};

// A batch that is being filled, written, or kept for readers.
struct MemoryBatch {
  Mark first;
  Mark next;
  Wall base{};
  Counts counts{};
  std::uint64_t body_bytes = 0;
  std::vector<Piece> pieces;  // the header's room lies right before the first
  std::vector<Stop> stops;
  Mono begun{};
  bool paged = false;  // begins on a page when it is written

  std::uint64_t count() const { return next.position - first.position; }
};

// Stretches of memory that hold records in order, enough to read them without the lock.
struct Span {
  std::shared_ptr<Slab> slab;
  std::size_t slot = 0;  // the first
  std::size_t slots_end = 0;
  std::size_t end = 0;  // of the last record's bytes
  Wall base{};
  Position position;
  Offsets offsets{};
};
struct Spans {
  std::vector<Span> spans;
  Position end;  // one past what they hold
};

class Tail {
 public:
  explicit Tail(const Mark& next) : next_(next), committed_(next) {}

  // Adds encoded records, one after the other in `bytes`, to the batch that waits; `sizes` and `classes` are parallel.
  // True when they begin a batch.
  bool add(std::span<const std::uint32_t> sizes, std::span<const Class> classes, Bytes bytes, Wall now);
  MemoryBatch* waiting() { return waiting_.get(); }
  const MemoryBatch* waiting() const { return waiting_.get(); }
  std::uint64_t waiting_bytes() const;

  // The batch to write now; it stays readable. The one of last time when that was not finished.
  std::shared_ptr<MemoryBatch> take();
  void finish(std::uint64_t keep_bytes_max);  // what take() gave is on disk
  void fail();                                // nothing that was not finished is there any more

  Mark next() const { return next_; }
  Mark committed() const { return committed_; }
  // The oldest position that can be collected.
  Position oldest() const { return kept_.empty() ? committed_.position : kept_.front()->first.position; }
  Spans collect(Position from, bool committed_only, std::uint64_t bytes_max) const;

 private:
  std::byte* room(std::size_t bytes, std::size_t before, Bytes record);
  void collect(const MemoryBatch& batch, Position from, std::uint64_t& bytes_left, Spans& into) const;

  Mark next_;
  Mark committed_;
  std::shared_ptr<MemoryBatch> waiting_;
  std::shared_ptr<MemoryBatch> in_commit_;
  std::deque<std::shared_ptr<MemoryBatch>> kept_;
  std::uint64_t kept_bytes_ = 0;
  std::shared_ptr<SlabPool> slabs_ = std::make_shared<SlabPool>();
  std::shared_ptr<Slab> slab_;
};

// The records from `from` on, without the lock.
Result<Chunk> decode_spans(const Spans& spans, Position from, const ReadOptions& options);

}  // namespace skerry::log
