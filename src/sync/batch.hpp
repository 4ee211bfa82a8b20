// A batch: records of one class with dense offsets, packed for the way and for the cloud's shelves. docs/protocol.md
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "record/record.hpp"
#include "sync/sync.hpp"

namespace skerry::sync {

// Records of kind session are the gateway's own: their offsets are told and their content stays.
bool is_own(const record::Record& record);

// What the edge compares: of the record as stored, its offset and its time. More than 1.
std::uint64_t fingerprint(const record::RecordView& record);

class BatchWriter {
 public:
  // Records with consecutive offsets.
  void add(const record::RecordView& record);
  bool empty() const { return count_ == 0; }
  std::uint64_t from() const { return from_; }
  std::uint64_t count() const { return count_; }
  std::uint64_t fingerprint() const { return fingerprint_; }
  std::uint64_t raw_bytes() const { return raw_.size(); }
  Result<Buffer> pack();  // the block; afterwards it is empty

 private:
  void end_own();

  Buffer raw_;
  std::uint64_t from_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t own_ = 0;
  std::uint64_t fingerprint_ = 0;
  std::int64_t last_us_ = 0;
  std::uint64_t last_position_ = 0;
};

struct Entry {
  record::RecordView record;    // offset, position and time hold also of a bad one
  Bytes stored;                 // as it came
  const char* wrong = nullptr;  // why it is no record that this program knows
};

struct Batch {
  Lane lane = Lane::live;
  Class cls = Class::critical;
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  std::uint64_t fingerprint = 0;
  Buffer block;                                              // packed, as it came
  Buffer raw;                                                // what the entries view
  std::vector<Entry> entries;                                // in order of offset
  std::vector<std::pair<std::uint64_t, std::uint64_t>> own;  // first offset and how many
};

// Code::damaged: the block or its layout is broken, nothing of it can be used. A record that alone is wrong is an
// Entry.
Result<Batch> unpack(Class cls, std::uint64_t from, std::uint64_t count, Buffer block);

}  // namespace skerry::sync
