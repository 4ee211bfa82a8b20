// The log put together: what waits, what is written, and where everything older lies.
//
// Locks, outermost first: commit_mutex_ (one commit at a time), tidy_mutex_ (one tidy at a time), mutex_ (short, never
// held across I/O). The catalogue of older records is replaced as a whole, so a reader holds one and needs no lock.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>

#include "log/block_file.hpp"
#include "log/epochs.hpp"
#include "log/gaps.hpp"
#include "log/needs.hpp"
#include "log/patient.hpp"
#include "log/pool.hpp"
#include "log/rates.hpp"
#include "log/segment.hpp"
#include "log/shapes.hpp"
#include "log/wakes.hpp"

namespace skerry::log {

// A sealed segment that became blocks: at most one file a class.
struct BlockSet {
  Position first;
  Position end;
  std::array<std::optional<BlockName>, record::class_count> files;
  std::array<std::uint64_t, record::class_count> file_bytes{};
  // Trimmed files hold pinned records only; which ones, for those looked at since the start.
  std::array<std::optional<std::vector<Position>>, record::class_count> kept{};

  std::uint64_t bytes() const { return file_bytes[0] + file_bytes[1] + file_bytes[2] + file_bytes[3]; }
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
  void set_window(const Options& options) override;
  std::uint64_t epoch() const override { return epochs_->now(); }
  std::vector<Epoch> epochs() const override { return epochs_->all(); }

  // ---- commit.cpp ----
  Result<> commit() override;
  Result<> begin_epoch(std::string_view why) const override;

  // ---- read.cpp ----
  Result<Chunk> read(Position from, const ReadOptions& options) const override;
  std::vector<Extent> extents(std::string_view device, EventTime from, EventTime to, ClassMask classes) const override;
  Result<Chunk> read_extent(const Extent& extent, std::string_view device) const override;

  // ---- tidy.cpp ----
  Result<bool> tidy() override;

  // ---- trim.cpp ----
  void pin(std::string_view owner, Position before, std::vector<Position> positions) override {
    needs_.pin(owner, before, std::move(positions));
  }
  void read_to(std::string_view reader, Position position) const override { needs_.read_to(reader, position); }
  void hold(Class cls, std::optional<Offset> from) override { needs_.hold(cls, from); }
  std::vector<Gap> gaps() const override { return gaps_->all(); }
  Result<> declare(std::span<const Gap> gaps) override;
  Position gone_to(ClassMask classes) const override { return gaps_->end(classes); }
  std::uint64_t missed(Position from, ClassMask classes) const override;

 private:
  using Gone = std::array<std::array<metrics::Gauge*, gap_reason_count>, record::class_count>;
  struct Metrics {
    explicit Metrics(metrics::Registry& registry);
    std::array<metrics::Counter*, record::class_count> appended{};
    Gone gone{};
    metrics::Counter& read_errors;
    metrics::Gauge& full;
    metrics::Gauge& used_bytes;
    metrics::Gauge& budget_bytes;
    metrics::Gauge& disk_seconds;
    metrics::Gauge& wear;
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
  void find_missing(Found& found) const;
  static void skip(Found& found, std::uint64_t file_bytes, const Mark& from);
  Result<> begin_writing(Found& found);
  Result<std::shared_ptr<Segment>> go_on_in_place(Found& found, const Error& full);
  Result<> begin_naming();
  Result<> declare_what_was_found();
  void tell(const Found& found);

  // commit.cpp
  bool window_is_on(Mono now) const;
  Mono due_of(const MemoryBatch& batch, bool urgent) const;
  bool is_complete(const MemoryBatch& batch) const;
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
  void note_lost(const Lost& lost) const;
  Result<> declare_gaps();
  Result<std::vector<Gap>> gaps_of(const Lost& lost) const;
  void tell_gaps();
  void change_catalogue(const std::function<void(Catalogue&)>& change);
  Wall now() const;

  // measure.cpp
  using PerClass = std::array<std::uint64_t, record::class_count>;
  void measure();
  void note_packing(const PerClass& raw, const PerClass& packed);
  double disk_seconds(const PerClass& raw, std::uint64_t budget, Mono at);
  Wall oldest_medium() const;
  Result<bool> tidy_step();
  bool is_full() const;

  // trim.cpp
  struct Victim;
  struct Candidate;
  Result<bool> trim();
  std::uint64_t used_bytes() const;
  std::uint64_t budget_bytes() const;
  std::uint64_t must_free() const;
  Result<std::vector<Victim>> choose() const;
  Result<std::optional<Candidate>> candidate(const Stretch& stretch, Class cls, Wall now) const;
  Result<> look_into(Victim& victim) const;
  Result<> copy_forward(Victim& victim);
  Result<> take_away(std::span<Victim> victims);
  Result<> finish_trims(std::map<std::uint64_t, BlockSet>& sets);

  std::shared_ptr<const Catalogue> catalogue() const;

  Metrics metrics_;
  mutable PatientFiles files_;
  Clock& clock_;
  std::string dir_;
  std::string journal_dir_;
  std::string blocks_dir_;
  Options options_;
  Chance& chance_;
  std::uint64_t epoch_ = 0;  // the first: it stands in the files for ever
  Recovery recovery_;
  std::unique_ptr<File> lock_;
  std::unique_ptr<SegmentPool> pool_;
  std::unique_ptr<BlockStore> store_;
  std::unique_ptr<Gaps> gaps_;
  std::unique_ptr<Shapes> shapes_;
  std::unique_ptr<Epochs> epochs_;
  mutable Needs needs_;

  std::shared_ptr<Wakes> appended_ = std::make_shared<Wakes>();
  std::shared_ptr<Wakes> committed_ = std::make_shared<Wakes>();
  std::shared_ptr<Wakes> due_wakes_ = std::make_shared<Wakes>();

  mutable std::mutex commit_mutex_;
  std::shared_ptr<Segment> active_;  // commit_mutex_

  std::mutex tidy_mutex_;
  std::optional<std::pair<std::size_t, Position>> telling_;      // gaps' records appended, and their end. tidy_mutex_
  std::array<std::uint64_t, record::class_count> blocks_raw_{};  // since the start, for what packing saves
  std::array<std::uint64_t, record::class_count> blocks_packed_{};  // tidy_mutex_
  std::array<Rate, record::class_count> raw_rates_;                 // tidy_mutex_
  Rate wear_rate_;                                                  // tidy_mutex_
  std::atomic<std::uint64_t> short_of_{0};                          // bytes that the disk had no room for
  std::vector<std::shared_ptr<Segment>> unread_;  // became blocks; free when the last reader has gone. tidy_mutex_

  mutable std::mutex mutex_;
  mutable std::optional<SteadyWall> steady_;
  Tail tail_;
  std::optional<Mono> due_;
  Mono not_before_{};  // after a full disk
  double rate_ = 0;    // arrivals per second, lately
  Mono rate_at_{};
  std::uint64_t company_ = 0;  // records of the last batch: those who waited for it may all come again
  Mono company_until_{};       // and a batch waits for them no longer than this
  bool failed_ = false;
  bool full_ = false;
  std::string trouble_;
  std::array<std::uint64_t, record::class_count> raw_bytes_{};  // appended since the start
  std::uint64_t commits_ = 0;
  Stats measured_;  // what measure() found last
  std::shared_ptr<const Catalogue> catalogue_ = std::make_shared<Catalogue>();
  std::atomic<std::uint64_t> committed_end_{0};
};

}  // namespace skerry::log
