// A log in memory for the tests of those who read it: commits when told to, can be busy, can fail.
#pragma once

#include <algorithm>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "codec/json.hpp"
#include "log/log.hpp"

namespace skerry::test {

class MemoryLog final : public log::Log {
 public:
  explicit MemoryLog(Clock& clock, std::size_t extent_records = 16) : clock_(clock), extent_records_(extent_records) {}

  using log::Log::append;
  Result<record::Position> append(std::span<const record::Record> records, log::Urgency urgency) override {
    if (failed) return fail(Code::io, "the log has failed");
    if (busy) return fail(Code::busy, "too much waits to be committed");
    last_urgency = urgency;
    ++appends;
    const record::Position first = end();
    for (const auto& r : records) {
      auto& kept = *kept_.emplace_back(std::make_shared<Kept>());
      kept.topic = r.topic;
      kept.payload = as_text(r.payload);
      kept.origin = r.origin;
      static_cast<record::Record&>(kept.view) = r;
      kept.view.topic = kept.topic;
      kept.view.payload = skerry::as_bytes(kept.payload);
      kept.view.origin = kept.origin;
      kept.view.properties = {};
      kept.view.position = {kept_.size() - 1};
      kept.view.offset = {offsets_[static_cast<std::size_t>(r.cls)]++};
      kept.view.appended_at = clock_.wall();
    }
    for (const auto& wake : append_wakes_) (*wake)();
    if (commit_at_once) static_cast<void>(commit());
    return first;
  }
  std::optional<Mono> commit_due() const override { return {}; }
  Result<> commit() override {
    if (failed) return fail(Code::io, "the log has failed");
    committed_ = kept_.size();
    for (const auto& wake : commit_wakes_) (*wake)();
    return {};
  }
  record::Position begin() const override { return {}; }
  record::Position end() const override { return {kept_.size()}; }
  record::Position committed_end() const override { return {committed_}; }

  Result<log::Chunk> read(record::Position from, const log::ReadOptions& options) const override {
    std::vector<record::RecordView> views;
    auto owner = std::make_shared<std::vector<std::shared_ptr<Kept>>>();
    const std::size_t end = options.committed_only ? committed_ : kept_.size();
    std::size_t bytes = 0;
    std::size_t at = from.value;
    for (; at < end && (views.empty() || bytes < options.bytes_max); ++at) {
      if ((options.classes & record::mask(kept_[at]->view.cls)) == 0) continue;
      bytes += kept_[at]->payload.size() + 32;
      owner->push_back(kept_[at]);
      views.push_back(kept_[at]->view);
    }
    return log::Chunk(owner, std::move(views), {at});
  }

  // Every so many records are an extent; the newest part's bounds are unknown.
  std::vector<log::Extent> extents(std::string_view, EventTime from, EventTime to, record::ClassMask) const override {
    std::vector<log::Extent> found;
    for (std::size_t at = 0; at < kept_.size(); at += extent_records_) {
      const auto end = std::min(at + extent_records_, kept_.size());
      log::Extent e{.id = at,
                    .classes = record::all_classes,
                    .first = {at},
                    .end = {end},
                    .earliest = EventTime::max(),
                    .latest = EventTime::min()};
      e.bounds_known = end - at == extent_records_;
      for (auto i = at; i < end; ++i) {
        const auto time = codec::event_time(kept_[i]->view.payload, kept_[i]->view.appended_at);
        e.earliest = std::min(e.earliest, time);
        e.latest = std::max(e.latest, time);
      }
      if (!e.bounds_known || (e.latest >= from && e.earliest < to)) found.push_back(e);
    }
    return found;
  }
  Result<log::Chunk> read_extent(const log::Extent& extent, std::string_view device) const override {
    ++extents_read;
    std::vector<record::RecordView> views;
    auto owner = std::make_shared<std::vector<std::shared_ptr<Kept>>>();
    for (auto i = extent.first.value; i < extent.end.value; ++i) {
      if (!device.empty() && record::device_of(kept_[i]->topic) != device) continue;
      owner->push_back(kept_[i]);
      views.push_back(kept_[i]->view);
    }
    return log::Chunk(owner, std::move(views), extent.end);
  }

  std::shared_ptr<void> on_append(Wake wake) override { return keep(append_wakes_, std::move(wake)); }
  std::shared_ptr<void> on_commit(Wake wake) override { return keep(commit_wakes_, std::move(wake)); }
  std::shared_ptr<void> on_due(Wake wake) override { return keep(append_wakes_, std::move(wake)); }
  Result<bool> tidy() override { return false; }
  const log::Recovery& recovery() const override { return recovery_; }
  log::Stats stats() const override {
    log::Stats s;
    s.failed = failed;
    if (failed) s.state = log::State::failed;
    for (std::size_t i = 0; i < record::class_count; ++i) s.ends[i] = {offsets_[i]};
    return s;
  }
  std::uint64_t epoch() const override { return 7; }

  Result<record::Position> put(std::string_view topic, std::string_view payload,
                               record::Class cls = record::Class::medium) {
    record::Record r;
    r.cls = cls;
    r.topic = topic;
    r.payload = skerry::as_bytes(payload);
    return append(std::span(&r, 1), log::Urgency::by_class);
  }

  bool failed = false;
  bool busy = false;
  bool commit_at_once = false;
  log::Urgency last_urgency = log::Urgency::by_class;
  int appends = 0;
  mutable int extents_read = 0;

 private:
  struct Kept {
    std::string topic;
    std::string payload;
    std::string origin;
    record::RecordView view;
  };
  using Wakes = std::list<std::shared_ptr<Wake>>;
  static std::shared_ptr<void> keep(Wakes& wakes, Wake wake) {
    auto kept = std::make_shared<Wake>(std::move(wake));
    wakes.push_back(kept);
    return {kept.get(), [&wakes, kept](void*) { wakes.remove(kept); }};
  }

  Clock& clock_;
  std::size_t extent_records_;
  std::vector<std::shared_ptr<Kept>> kept_;
  std::size_t committed_ = 0;
  std::array<std::uint64_t, record::class_count> offsets_{};
  Wakes append_wakes_;
  Wakes commit_wakes_;
  log::Recovery recovery_;
};

}  // namespace skerry::test
