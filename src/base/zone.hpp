// Time zones: local time by a zone's name, from the system's zoneinfo (RFC 8536), without the process's own TZ.
#pragma once

#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/time.hpp"

namespace skerry {

class Zone {
 public:
  Zone() = default;  // UTC
  // `Europe/Berlin`, `UTC`, or `+05:30`. Code::not_found names it.
  static Result<Zone> named(Files& files, std::string_view name);
  // The content of a TZif file.
  static Result<Zone> parse(Bytes tzif);

  std::chrono::seconds offset(Wall at) const;  // local time less UTC
  int hour(Wall at) const;                     // 0–23

 private:
  struct Change {
    std::chrono::sys_seconds from;
    std::chrono::seconds offset;
  };
  std::chrono::seconds first_{0};
  std::vector<Change> changes_;
};

}  // namespace skerry
