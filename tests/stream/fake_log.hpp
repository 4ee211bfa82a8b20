// A log in memory for tests of what reads it: everything appended is there at once and committed when the test says so.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "codec/row.hpp"
#include "log/log.hpp"

namespace skerry::stream {

class FakeLog final : public log::Log {
 public:
  struct Kept {
    std::string topic;
    std::string payload;
    std::string origin;
    record::RecordView view;
  };
  Wall now{std::chrono::microseconds{1'767'225'600'000'000}};
  bool busy = false;
  bool commits_at_once = true;
  bool keeps_rows = false;
  std::map<std::uint32_t, codec::Shape> shapes;
  int appends = 0;
  std::deque<Kept> kept;

  using log::Log::append;
  Result<record::Position> append(std::span<const record::Record> records, log::Urgency) override {
    if (busy) return fail(Code::busy, "too much waits");
    ++appends;
    const auto first = next_;
    for (const auto& one : records) put(one, next_, now);
    if (commits_at_once) committed_ = next_;
    return first;
  }
  void put(const record::Record& one, record::Position at, Wall when) {
    auto& to =
        kept.emplace_back(Kept{std::string(one.topic), std::string(as_text(one.payload)), std::string(one.origin), {}});
    static_cast<record::Record&>(to.view) = one;
    to.view.topic = to.topic;
    if (one.row) {  // as the log gives them
      std::string json = "{";
      const auto& shape = shapes.at(load_le<std::uint32_t>(one.payload.data()));
      if (!codec::append_row_fields(json, shape, one.payload.subspan(4))) std::abort();
      to.payload = json + "}";
    }
    to.view.payload = as_bytes(to.payload);
    to.view.origin = to.origin;
    to.view.position = at;
    to.view.appended_at = when;
    next_ = at + 1;
  }
  Result<std::uint32_t> shape(Bytes bytes) override {
    if (!keeps_rows) return fail(Code::unsupported, "no rows");
    const auto id = static_cast<std::uint32_t>(bytes.size());
    shapes[id] = *codec::decode_shape(bytes);
    return id;
  }
  std::optional<Mono> commit_due() const override { return {}; }
  Result<> commit() override {
    committed_ = next_;
    return {};
  }
  record::Position begin() const override { return {}; }
  record::Position end() const override { return next_; }
  record::Position committed_end() const override { return committed_; }
  Result<log::Chunk> read(record::Position from, const log::ReadOptions&) const override {
    std::vector<record::RecordView> views;
    for (const auto& one : kept) {
      if (one.view.position >= from && views.size() < 100) views.push_back(one.view);
    }
    const auto next = views.empty() ? std::max(from, next_) : views.back().position + 1;
    return log::Chunk(nullptr, std::move(views), next);
  }
  std::vector<log::Extent> extents(std::string_view, EventTime, EventTime, log::ClassMask) const override { return {}; }
  Result<log::Chunk> read_extent(const log::Extent&, std::string_view) const override { return log::Chunk{}; }
  std::shared_ptr<void> on_append(Wake) override { return {}; }
  std::shared_ptr<void> on_commit(Wake) override { return {}; }
  std::shared_ptr<void> on_due(Wake) override { return {}; }
  Result<bool> tidy() override { return false; }
  const log::Recovery& recovery() const override { return recovery_; }
  log::Stats stats() const override { return {}; }
  std::uint64_t epoch() const override { return 7; }

 private:
  record::Position next_{};
  record::Position committed_{};
  log::Recovery recovery_;
};

}  // namespace skerry::stream
