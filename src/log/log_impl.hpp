// The log put together: what waits, what is written, and where everything older lies.
//
// Locks, outermost first: commit_mutex_ (one commit at a time), tidy_mutex_ (one tidy at a time), mutex_ (short, never
// held across I/O). The catalogue of older records is replaced as a whole, so a reader holds one and needs no lock.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "log/block_file.hpp"
#include "log/gaps.hpp"
#include "log/pool.hpp"
#include "log/segment.hpp"
#include "log/shapes.hpp"
#include "log/wakes.hpp"

namespace skerry::log {

// A sealed segment that became blocks: at most one file a class.
struct BlockSet {
  Position first;
  Position end;
  std::array<std::optional<BlockName>, record::class_count> files;
  std::uint64_t bytes = 0;
};

// Where the records from `first` on lie, up to the next stretch: in a segment or in blocks.
struct Stretch {
  Position first;
  std::shared_ptr<Segment> segment;
  std::shared_ptr<const BlockSet> blocks;
};
using Catalogue = std::vector<Stretch>;

class LogImpl final : public Log {
 public:
  LogImpl(Files& files, Clock& clock, std::string_view dir, const Options& options, metrics::Registry& metrics);

  // ---- open.cpp ----
  Result<> start();

  // ---- log.cpp ----
  using Log::append;
  Result<Position> append(std::span<const Record> records, Urgency urgency) override;
  Result<std::uint32_t> shape(Bytes shape) override { return shapes_->add(shape); }
  std::optional<Mono> commit_due() const override;
  Position begin() const override;
  Position end() const override;
  Position committed_end() const override { return {committed_end_.load(std::memory_order_acquire)}; }
  std::shared_ptr<void> on_append(Wake wake) override { return appended_->add(std::move(wake)); }
  std::shared_ptr<void> on_commit(Wake wake) override { return committed_->add(std::move(wake)); }
  std::shared_ptr<void> on_due(Wake wake) override { return due_wakes_->add(std::move(wake)); }
  const Recovery& recovery() const override { return recovery_; }
  Stats stats() const override;
  std::uint64_t epoch() const override { return epoch_; }
  void set_window(const Options& options) override;

  // ---- commit.cpp ----
  Result<> commit() override;

  // ---- read.cpp ----
  Result<Chunk> read(Position from, const ReadOptions& options) const override;
  std::vector<Extent> extents(std::string_view device, EventTime from, EventTime to, ClassMask classes) const override;
  Result<Chunk> read_extent(const Extent& extent, std::string_view device) const override;

  // ---- tidy.cpp ----
  Result<bool> tidy() override;

 private:
  struct Metrics {
    explicit Metrics(metrics::Registry& registry);
    std::array<metrics::Counter*, record::class_count> appended{};
    metrics::Counter& commits;
    metrics::Histogram& commit_seconds;
    metrics::Counter& bytes_written;
    metrics::Counter& damaged;
    metrics::Counter& pushed_back;
    metrics::Gauge& waiting_bytes;
    metrics::Gauge& journal_bytes;
    metrics::Gauge& block_bytes;
    metrics::Gauge& failed;
  };
  // What open() finds on the way, before anything is served.
  struct Found;

  // open.cpp
  Result<> read_identity();
  Result<> list_blocks(Found& found);
  Result<> list_segments(Found& found);
  Result<> drop_half_made_blocks(Found& found);
  Result<> recover_tail(Found& found);
  Result<> resume_after_blocks(Found& found);
  void skip_lost_segments(Found& found);
  Result<> begin_writing(Found& found);
  void tell(const Found& found);

  // commit.cpp
  bool window_is_on(Mono now) const;
  void note_rate(const MemoryBatch& batch, Mono now);
  Result<> write(MemoryBatch& batch, std::uint64_t& bytes);
  Result<std::shared_ptr<Segment>> new_segment(const Mark& first, const Copied* copied, std::uint64_t bytes);
  void fail_for_good(const Error& error);

  // read.cpp
  Result<Chunk> read_stored(Position from, const ReadOptions& options) const;
  Result<Chunk> read_blocks(const BlockSet& set, Position from, const ReadOptions& options) const;

  // tidy.cpp
  Result<bool> free_unread();
  Result<> make_blocks(const std::shared_ptr<Segment>& segment);
  void note_hole(const Hole& hole) const;
  Result<> declare_gaps();
  void change_catalogue(const std::function<void(Catalogue&)>& change);
  void measure();

  std::shared_ptr<const Catalogue> catalogue() const;

  Files& files_;
  Clock& clock_;
  std::string dir_;
  std::string journal_dir_;
  std::string blocks_dir_;
  Options options_;
  Metrics metrics_;
  Chance& chance_;
  std::uint64_t epoch_ = 0;
  Recovery recovery_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<SegmentPool> pool_;
  std::unique_ptr<BlockStore> store_;
  std::unique_ptr<Gaps> gaps_;
  std::unique_ptr<Shapes> shapes_;

  std::shared_ptr<Wakes> appended_ = std::make_shared<Wakes>();
  std::shared_ptr<Wakes> committed_ = std::make_shared<Wakes>();
  std::shared_ptr<Wakes> due_wakes_ = std::make_shared<Wakes>();

  std::mutex commit_mutex_;
  std::shared_ptr<Segment> active_;  // commit_mutex_

  std::mutex tidy_mutex_;
  std::vector<std::shared_ptr<Segment>> unread_;  // became blocks; free when the last reader has gone. tidy_mutex_

  mutable std::mutex mutex_;
  std::optional<SteadyWall> steady_;
  Tail tail_;
  std::optional<Mono> due_;
  Mono not_before_{};  // after a full disk
  double rate_ = 0;    // arrivals per second, lately
  Mono rate_at_{};
  bool failed_ = false;
  std::uint64_t commits_ = 0;
  std::shared_ptr<const Catalogue> catalogue_ = std::make_shared<Catalogue>();
  std::atomic<std::uint64_t> committed_end_{0};
};

}  // namespace skerry::log
