// Readings as the cloud keeps them: blocks as they came, and blocks sorted by device and time that take their place.
//
// A loose block is a sync batch as it travelled: nothing is packed again while data come in. When a gateway has many,
// its oldest are put together, sorted by (device, time) and packed as shelf blocks, in one transaction: a query for a
// device then opens a block or two of each such run. Bytes of a shelf block: docs/format/shelf.md.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "record/record.hpp"

namespace skerry::cloud {

// Views are valid for the call that hands it on.
struct ReadingView {
  std::string_view device;
  EventTime timestamp;
  Wall received_at;
  record::Class cls = record::Class::medium;
  std::uint64_t offset = 0;
  Bytes payload;
};
using TakeReading = std::function<void(const ReadingView&)>;

// The device of `sensors/{device}/data`; empty when the topic is another.
std::string_view reading_device(const record::Record& record);

struct LooseBlock {
  record::Class cls = record::Class::medium;
  std::uint64_t batch = 0;    // first offset of the batch
  std::uint64_t offsets = 0;  // and how many it covers
  std::uint64_t first = 0;    // [first, past) of them were applied from this block
  std::uint64_t past = 0;
};
Result<> read_loose(const LooseBlock& loose, Bytes block, const TakeReading& take);

class ShelfWriter {
 public:
  struct Block {
    std::string first_device;
    std::string last_device;
    std::uint64_t readings = 0;
    EventTime earliest = EventTime::max();
    EventTime latest = EventTime::min();
    Buffer bytes;
  };
  using Keep = std::function<Result<>(const Block&)>;

  explicit ShelfWriter(Keep keep) : keep_(std::move(keep)) {}
  Result<> add(const ReadingView& reading);  // in order of (device, timestamp)
  Result<> finish();

 private:
  Keep keep_;
  Block block_;
  Buffer raw_;
  std::int64_t last_ms_ = 0;
  std::int64_t last_us_ = 0;
  std::uint64_t last_offset_ = 0;
};
// Only `device`'s when it is not empty.
Result<> read_shelf(Bytes block, std::string_view device, const TakeReading& take);

}  // namespace skerry::cloud
