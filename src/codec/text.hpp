// Numbers and times as text, in the one way that JSON, SQL and the API write them.
#pragma once

#include <cstdint>
#include <string>

namespace skerry::codec {

using Int128 = __int128;

// The shortest text that reads back as the same finite double.
void append_double(std::string& to, double value);
// An exact number with `scale` decimals.
void append_decimal(std::string& to, Int128 value, int scale);
// Milliseconds since 1970 as SQL writes them, `2026-01-31 23:59:59.123`, with `digits` of seconds (0 to 9).
void append_sql_time(std::string& to, std::int64_t ms, int digits);
void append_date(std::string& to, std::int64_t days);  // 2026-01-31

}  // namespace skerry::codec
