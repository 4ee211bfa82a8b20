// BatchWalk: goes over the batches of a journal segment in order, and tells an end from damage.
//
// One commit is written and synced before the next begins, so a bad place with a valid later batch behind it cannot be
// a torn write: it is damage, the walk steps over it, and what it found next has a higher number than it expected.
#pragma once

#include <memory>

#include "log/format.hpp"

namespace skerry::log {

struct Batch {
  BatchHeader header;
  Bytes body;  // lives as long as BatchWalk::owner() of that moment
  std::uint64_t at = 0;
  std::uint64_t end = 0;
};

class BatchWalk {
 public:
  static constexpr std::uint64_t no_end = ~std::uint64_t{0};

  struct Range {
    std::uint64_t at = first_batch_at;
    std::uint64_t number = 0;           // of the batch at `at`
    std::uint64_t end_number = no_end;  // where the segment is known to end
    std::uint64_t window_bytes = walk_window_bytes;
  };

  BatchWalk(File& file, const SegmentHeader& header, std::uint64_t file_bytes, const Range& range)
      : file_(file), header_(header), file_bytes_(file_bytes), range_(range), at_(range.at), number_(range.number) {}

  // True: batch() is the next one. False: the end. Fails only when the disk does.
  Result<bool> next();
  const Batch& batch() const { return batch_; }
  std::shared_ptr<const void> owner() const { return window_; }

  std::uint64_t at() const { return at_; }  // where the last batch ended
  // At the end: bytes of a batch that was begun there and is not whole.
  Result<std::uint64_t> torn_bytes();

 private:
  Result<Bytes> view(std::uint64_t at, std::uint64_t bytes);
  Result<std::optional<Batch>> try_at(std::uint64_t at);
  Result<std::optional<Batch>> search(std::uint64_t from);
  void accept(const Batch& batch);

  File& file_;
  SegmentHeader header_;
  std::uint64_t file_bytes_;
  Range range_;
  std::uint64_t at_;
  std::uint64_t number_;
  Batch batch_;
  std::shared_ptr<Buffer> window_;
  std::uint64_t window_at_ = 0;
};

// Calls `use(RecordView)` for each record of a batch until it returns false. Code::damaged when the body is not what
// its header says, which a valid checksum rules out unless somebody forged it.
template <typename Use>
Result<> for_each_record(const BatchHeader& header, Bytes body, Use use) {
  Reader reader(body);
  Mark next = header.first;
  for (auto left = header.count(); left > 0; --left) {
    const auto since = std::chrono::microseconds{static_cast<std::int64_t>(reader.varint())};
    RecordView view;
    if (!record::decode_into(reader, view)) return fail(Code::damaged, "a batch with bytes that are no record");
    auto& offset = next.offsets[static_cast<std::size_t>(view.cls)];
    view.position = next.position;
    view.offset = Offset{offset++};
    view.appended_at = header.base + since;
    next.position = next.position + 1;
    if (!use(view)) return {};
  }
  if (!reader.rest().empty() || next.offsets != header.after().offsets) {
    return fail(Code::damaged, "a batch whose records are not those that its header counts");
  }
  return {};
}

}  // namespace skerry::log
