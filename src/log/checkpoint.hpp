// Checkpoint: what a reader knew when it had read the log up to a position, so that it need not read it all again.
//
// A reader's state is its last checkpoint and the log after it. Positions past the committed end may name other
// records after a crash: save() refuses them.
#pragma once

#include <optional>
#include <string_view>

#include "log/log.hpp"

namespace skerry::log {

struct Checkpoint {
  Position position;  // everything before it is in `state`
  Buffer state;
};

// Replaces the file atomically. `version` is the format of `state`.
Result<> save(Files& files, std::string_view path, std::uint32_t version, Position position, Bytes state,
              const Log& log);
// Nothing when there is none. A damaged or unreadable file, another version, another log or a position past the log's
// end is told to the operator, counted as none, and the reader starts from the log. One past the end proves that the
// log was put back to an older state: a new epoch begins. Both calls tell the log what its reader has saved
// (Log::read_to).
Result<std::optional<Checkpoint>> load(Files& files, std::string_view path, std::uint32_t version, const Log& log);

}  // namespace skerry::log
