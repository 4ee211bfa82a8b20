// Snapshot: a data folder as of one moment, in DATA/snapshots/ID: what never changes by hard link, all else copied.
//
// While one is taken nothing may tidy or trim the log: the gateway's housekeeping thread does it between two steps, or
// whoever holds the log's lock. Appends and commits go on: all that was committed before the call is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace skerry::edge {

struct Snapshot {
  std::string id;      // letters, digits and -
  std::string folder;  // DATA/snapshots/ID
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Takes the place of an older one: there is one at a time.
Result<Snapshot> take_snapshot(const std::string& data_dir, std::string_view id);
// All of them; fine when there is none. A gateway does so at its start, for what a crash left.
Result<> drop_snapshots(const std::string& data_dir);

// A restore puts this file into a folder first and takes it away last: a folder that has it is not whole.
inline constexpr std::string_view restore_mark = "RESTORE-UNFINISHED";

}  // namespace skerry::edge
