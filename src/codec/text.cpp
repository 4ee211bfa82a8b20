// Exact and shortest text of numbers, and SQL's of times.
#include "codec/text.hpp"

#include <charconv>
#include <chrono>
#include <cmath>

#include "base/time.hpp"

namespace skerry::codec {

void append_decimal(std::string& to, Int128 value, int scale) {
  char digits[48];
  char* at = digits + sizeof digits;
  auto m = value < 0 ? ~static_cast<unsigned __int128>(value) + 1 : static_cast<unsigned __int128>(value);
  int written = 0;
  while (m != 0 || written <= scale) {
    if (scale > 0 && written == scale) *--at = '.';
    // 64-bit division is several times as fast.
    if (m >> 64) {
      *--at = static_cast<char>('0' + static_cast<int>(m % 10));
      m /= 10;
    } else {
      auto small = static_cast<std::uint64_t>(m);
      *--at = static_cast<char>('0' + static_cast<int>(small % 10));
      m = small / 10;
    }
    ++written;
  }
  if (value < 0) *--at = '-';
  to.append(at, static_cast<std::size_t>(digits + sizeof digits - at));
}

void append_double(std::string& to, double value) {
  // Six decimals or fewer, fifteen digits or fewer: whatever reads back the same is the shortest, and integers are
  // fast.
  const double scaled = value * 1e6;
  if (std::abs(scaled) < 1e15) {
    const double whole = std::nearbyint(scaled);
    if (whole / 1e6 == value && !(value == 0 && std::signbit(value))) {
      auto n = static_cast<std::int64_t>(whole);
      if (n < 0) to += '-', n = -n;
      char text[24];
      auto end = std::to_chars(text, text + sizeof text, n / 1'000'000).ptr;
      if (auto rest = static_cast<std::uint32_t>(n % 1'000'000); rest != 0) {
        *end++ = '.';
        for (std::uint32_t unit = 100'000; rest != 0; unit /= 10) {
          *end++ = static_cast<char>('0' + rest / unit);
          rest %= unit;
        }
      }
      to.append(text, end);
      return;
    }
  }
  char text[32];
  to.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_sql_time(std::string& to, std::int64_t ms, int digits) {
  const auto at = to.size();
  append_sql(to, EventTime{std::chrono::milliseconds{ms}});
  if (digits == 0)
    to.resize(at + 19);
  else if (digits < 3)
    to.resize(at + 20 + static_cast<std::size_t>(digits));
  else
    to.append(static_cast<std::size_t>(digits - 3), '0');
}

void append_date(std::string& to, std::int64_t days) {
  const auto at = to.size();
  append_sql(to, EventTime{std::chrono::milliseconds{days * 86'400'000}});
  to.resize(at + 10);
}

}  // namespace skerry::codec
