// Block: some bytes packed small with a checksum, as the log, checkpoints and the link store and send them.
//
// Bytes: docs/format/block.md. Unpacking is safe on hostile input: it never allocates more than the caller allows.
// Any thread.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::codec {

// Appends one block to `to`. Bytes that do not get smaller are stored as they are.
Result<> pack_block(Buffer& to, Bytes raw);
// The raw bytes of a block that is exactly `block` long. Code::damaged, Code::unsupported (a newer program wrote it),
// Code::full when it would unpack to more than `raw_bytes_max`.
Result<Buffer> unpack_block(Bytes block, std::uint64_t raw_bytes_max);

}  // namespace skerry::codec
