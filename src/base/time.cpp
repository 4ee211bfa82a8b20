// Reading and writing RFC 3339 without a locale, a stream or an allocation.
#include "base/time.hpp"

#include <charconv>
#include <cmath>

namespace skerry {
namespace {

using namespace std::chrono;

// Two or four digits at the front of text, taken off it.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return {};
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return {};
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<minutes> zone(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return minutes{0};
  const bool west = text.front() == '-';
  if (!west && text.front() != '+') return {};
  text.remove_prefix(1);
  const auto h = digits(text, 2);
  take(text, ':');
  const auto m = digits(text, 2);
  if (!h || !m || !text.empty() || *h > 23 || *m > 59) return {};
  const auto east = hours{*h} + minutes{*m};
  return west ? -east : east;
}

void append_number(std::string& to, unsigned value, int width) {
  char text[4];
  for (int i = width - 1; i >= 0; --i) {
    text[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  to.append(text, static_cast<std::size_t>(width));
}

void append_time(std::string& to, EventTime time, char between) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  append_number(to, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  to += '-';
  append_number(to, static_cast<unsigned>(date.month()), 2);
  to += '-';
  append_number(to, static_cast<unsigned>(date.day()), 2);
  to += between;
  append_number(to, static_cast<unsigned>(clock.hours().count()), 2);
  to += ':';
  append_number(to, static_cast<unsigned>(clock.minutes().count()), 2);
  to += ':';
  append_number(to, static_cast<unsigned>(clock.seconds().count()), 2);
  to += '.';
  append_number(to, static_cast<unsigned>(clock.subseconds().count()), 3);
}

}  // namespace

std::optional<EventTime> parse_time(std::string_view text) {
  const auto y = digits(text, 4);
  if (!y || !take(text, '-')) return {};
  const auto mo = digits(text, 2);
  if (!mo || !take(text, '-')) return {};
  const auto d = digits(text, 2);
  if (!d) return {};
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return {};
  EventTime time = sys_days{date};
  if (text.empty()) return time;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return {};
  const auto h = digits(text, 2);
  if (!h || !take(text, ':')) return {};
  const auto mi = digits(text, 2);
  if (!mi) return {};
  int s = 0;
  int ms = 0;
  if (take(text, ':')) {
    const auto sec = digits(text, 2);
    if (!sec) return {};
    s = *sec;
    if (take(text, '.')) {
      int scale = 100;
      bool any = false;
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        ms += (text.front() - '0') * scale;
        scale /= 10;
        any = true;
        text.remove_prefix(1);
      }
      if (!any) return {};
    }
  }
  if (*h > 23 || *mi > 59 || s > 60) return {};  // 60: a leap second, counted into the next minute
  const auto east = zone(text);
  if (!east) return {};
  return time + hours{*h} + minutes{*mi} + seconds{s} + milliseconds{ms} - *east;
}

std::optional<EventTime> time_of_number(double number) {
  if (!std::isfinite(number) || number < 0) return {};
  // Seconds are rounded, since 1163438041.251 * 1000 falls just short of the millisecond that was meant.
  const double ms = number >= 1e11 ? std::floor(number) : std::round(number * 1000);
  if (ms > 253402300799999.0) return {};  // the last millisecond of year 9999
  return EventTime{milliseconds{static_cast<std::int64_t>(ms)}};
}

void append_rfc3339(std::string& to, EventTime time) {
  append_time(to, time, 'T');
  to += 'Z';
}
void append_sql(std::string& to, EventTime time) { append_time(to, time, ' '); }

std::string format_rfc3339(EventTime time) {
  std::string text;
  append_rfc3339(text, time);
  return text;
}
std::string format_sql(EventTime time) {
  std::string text;
  append_sql(text, time);
  return text;
}

}  // namespace skerry
