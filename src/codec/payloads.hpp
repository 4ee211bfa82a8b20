// Payloads in columns: what messages of one shape share is kept once, and what differs goes side by side, small.
//
// A payload is matched against templates learnt from those before: text with slots for numbers, times and strings. Each
// comes back byte for byte, JSON or not; what fits no template is kept as it is. The result is meant to be packed
// by pack_block(). Bytes: docs/format/block.md. One thread at a time.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace skerry::codec {

struct Message {
  std::string_view topic;
  std::string_view origin;
  Bytes payload;
  bool is_row = false;  // values that are no text (codec/row.hpp): kept as they are
};

class PayloadPacker {
 public:
  PayloadPacker();
  ~PayloadPacker();

  // Takes one message in; gives its event time, as event_time() would.
  EventTime add(const Message& message, Wall appended_at);
  // Appends all that was taken in and begins anew. Shapes stay known, so that matching stays quick.
  void finish(Buffer& to);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads what finish() appended off `from`. Names point into `from`, payloads into `arena`. Code::damaged for anything
// else; Code::full when the payloads would be longer than `bytes_max`.
Result<std::vector<Message>> unpack_payloads(Reader& from, Buffer& arena, std::uint64_t bytes_max);

}  // namespace skerry::codec
