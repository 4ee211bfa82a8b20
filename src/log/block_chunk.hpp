// A chunk of a block file: records of one class in columns. docs/format/log.md
#pragma once

#include <memory>
#include <vector>

#include "codec/payloads.hpp"
#include "log/log.hpp"

namespace skerry::log {

// Columns of the records of one chunk, as version 2 has them.
class ChunkColumns {
 public:
  // Takes a record in; its event time, as codec::event_time() says.
  EventTime add(const RecordView& record);
  std::uint32_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }  // of the records as the journal holds them, about
  // Appends the columns to `raw` and begins anew.
  void finish(Buffer& raw);

 private:
  std::uint32_t count_ = 0;
  std::uint64_t bytes_ = 0;
  Position position_;
  record::Offset offset_;
  Wall appended_at_{};
  Buffer positions_, offsets_, times_, tags_, extras_;
  codec::PayloadPacker payloads_;
};

// What the records of an unpacked chunk point into.
struct ChunkBytes {
  Buffer raw;
  Buffer payloads;
};
// The records in `bytes.raw`, of version 1 or 2; Code::damaged where it holds anything else.
Result<std::vector<RecordView>> unpack_chunk(ChunkBytes& bytes, std::uint16_t version, std::uint64_t bytes_max);

}  // namespace skerry::log
