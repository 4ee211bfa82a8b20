// A log in memory for the tests of act: append, commit, a crash that takes what was not committed, and refusals.
#pragma once

#include <deque>
#include <memory>

#include "base/clock.hpp"
#include "log/log.hpp"

namespace skerry::act::test {

class FakeLog final : public log::Log {
 public:
  explicit FakeLog(Clock& clock) : clock_(clock) {}

  using log::Log::append;
  Result<log::Position> append(std::span<const log::Record> records, log::Urgency) override {
    if (busy_next > 0) {
      --busy_next;
      return fail(Code::busy, "too much waits");
    }
    const auto first = end();
    for (const auto& r : records) {
      auto stored = std::make_shared<Stored>();
      record::encode(stored->bytes, r);
      stored->position = end();
      stored->offset = {ends_[static_cast<std::size_t>(r.cls)].value++};
      stored->appended_at = clock_.wall();
      records_.push_back(std::move(stored));
    }
    batch_ends_.push_back(end().value);
    return first;
  }

  std::optional<Mono> commit_due() const override { return std::nullopt; }
  Result<> commit() override {
    committed_ = end().value;
    batch_ends_.clear();
    return {};
  }
  // Commits a few of the appends that wait, as a batch that was cut before newer ones came.
  void commit_some(std::size_t appends) {
    for (; appends > 0 && !batch_ends_.empty(); --appends) {
      committed_ = batch_ends_.front();
      batch_ends_.pop_front();
    }
  }
  void crash() {
    for (; records_.size() > committed_; records_.pop_back()) {
      Reader reader(records_.back()->bytes);
      ends_[static_cast<std::size_t>(record::decode(reader)->cls)] = records_.back()->offset;
    }
    batch_ends_.clear();
  }
  void trim(std::size_t records) { begin_ = std::max(begin_, std::min<std::uint64_t>(records, committed_)); }

  log::Position begin() const override { return {begin_}; }
  log::Position end() const override { return {records_.size()}; }
  log::Position committed_end() const override { return {committed_}; }

  Result<log::Chunk> read(log::Position from, const log::ReadOptions& options) const override {
    const auto stop = options.committed_only ? committed_ : records_.size();
    auto at = std::max(from.value, begin_);
    std::vector<log::RecordView> views;
    auto held = std::make_shared<std::vector<std::shared_ptr<Stored>>>();
    std::uint64_t bytes = 0;
    for (; at < stop && (views.empty() || bytes < options.bytes_max) && views.size() < chunk_records; ++at) {
      const auto& stored = records_[at];
      Reader reader(stored->bytes);
      auto view = TRY(record::decode(reader));
      if ((options.classes & record::mask(view.cls)) == 0) continue;
      view.position = stored->position;
      view.offset = stored->offset;
      view.appended_at = stored->appended_at;
      bytes += stored->bytes.size();
      views.push_back(view);
      held->push_back(stored);
    }
    return log::Chunk(held, std::move(views), {at});
  }

  std::vector<log::Extent> extents(std::string_view, EventTime, EventTime, log::ClassMask) const override { return {}; }
  Result<log::Chunk> read_extent(const log::Extent&, std::string_view) const override { return log::Chunk{}; }
  std::shared_ptr<void> on_append(Wake) override { return nullptr; }
  std::shared_ptr<void> on_commit(Wake) override { return nullptr; }
  std::shared_ptr<void> on_due(Wake) override { return nullptr; }
  Result<bool> tidy() override { return false; }
  const log::Recovery& recovery() const override { return recovery_; }
  log::Stats stats() const override {
    log::Stats stats;
    for (std::size_t i = 0; i < committed_; ++i) {
      Reader reader(records_[i]->bytes);
      const auto cls = static_cast<std::size_t>(record::decode(reader)->cls);
      stats.committed_ends[cls] = {records_[i]->offset.value + 1};
    }
    return stats;
  }
  std::uint64_t epoch() const override { return 7; }

  int busy_next = 0;  // so many appends are refused
  std::size_t chunk_records = 16;

 private:
  struct Stored {
    Buffer bytes;
    log::Position position;
    log::Offset offset;
    Wall appended_at;
  };
  Clock& clock_;
  std::vector<std::shared_ptr<Stored>> records_;
  std::deque<std::uint64_t> batch_ends_;
  std::uint64_t committed_ = 0;
  std::uint64_t begin_ = 0;
  std::array<log::Offset, record::class_count> ends_{};
  log::Recovery recovery_;
};

}  // namespace skerry::act::test
