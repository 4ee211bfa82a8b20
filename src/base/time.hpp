// Time: the kinds of time Skerry tells apart, and how they are read and written.
//
// Wall time says when something happened (microseconds since 1970, UTC); event time is wall time in milliseconds, as
// devices and SQL speak it; mono time only measures. Nothing converts silently between wall and mono.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skerry {

using Wall = std::chrono::sys_time<std::chrono::microseconds>;
using EventTime = std::chrono::sys_time<std::chrono::milliseconds>;

struct MonoClock {  // the tag of mono time; read it through Clock
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock>;
  static constexpr bool is_steady = true;
};
using Mono = MonoClock::time_point;

inline constexpr EventTime to_event(Wall time) { return std::chrono::floor<std::chrono::milliseconds>(time); }

// RFC 3339 with a zone or without (then UTC), 'T' or ' ' between date and time, any number of decimals.
std::optional<EventTime> parse_time(std::string_view text);
// A number as devices send it: at or above 1e11 milliseconds, below it seconds (fractions count).
std::optional<EventTime> time_of_number(double number);

std::string format_rfc3339(EventTime time);  // 2026-01-31T23:59:59.123Z
std::string format_sql(EventTime time);      // 2026-01-31 23:59:59.123
void append_rfc3339(std::string& to, EventTime time);
void append_sql(std::string& to, EventTime time);

}  // namespace skerry
