// Finding numbers, times and strings in a payload, so that writing them again gives the same bytes.
#include "codec/template.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstring>

namespace skerry::codec {
namespace {

constexpr std::array<std::int64_t, 3> units_per_second{1, 1000, 1'000'000};
constexpr std::array<std::string_view, 3> suffixes{"Z", "", "+00:00"};
constexpr std::size_t seconds_text = 19;             // YYYY-MM-DDTHH:MM:SS
constexpr std::int64_t first_second = -62167219200;  // 0000-01-01
constexpr std::int64_t last_second = 253402300799;   // 9999-12-31T23:59:59

bool digit(char c) { return c >= '0' && c <= '9'; }

// A number that append_number() writes in the same way, at the front of [at, end); nullptr when there is none.
const char* take_number(const char* at, const char* end, SlotValue& to) {
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  if (at == end || !digit(*at)) return nullptr;
  const auto* const begin = at;
  std::uint64_t whole = 0;
  std::ptrdiff_t significant = 0;
  if (*at == '0') {
    ++at;
  } else {
    for (; at < end && digit(*at) && at - begin <= significant_max; ++at)
      whole = whole * 10 + static_cast<unsigned>(*at - '0');
    significant = at - begin;
  }
  to.digits = 0;
  if (at < end && *at == '.') {
    const auto* const point = at++;
    for (; at < end && digit(*at) && significant <= significant_max; ++at) {
      whole = whole * 10 + static_cast<unsigned>(*at - '0');
      if (whole != 0) ++significant;
    }
    if (at - point - 1 == 0 || at - point - 1 > number_digits_max) return nullptr;
    to.digits = static_cast<std::uint8_t>(at - point - 1);
  }
  if (significant > significant_max || (negative && whole == 0)) return nullptr;
  if (at < end && (digit(*at) || *at == '.' || *at == 'e' || *at == 'E' || *at == '+' || *at == '-')) return nullptr;
  to.whole = negative ? -static_cast<std::int64_t>(whole) : static_cast<std::int64_t>(whole);
  return at;
}

int two(const char* at) { return (at[0] - '0') * 10 + (at[1] - '0'); }

// The day of YYYY-MM-DD; the last answer is kept, since most times are of one day.
bool day_of(const char* at, std::int64_t& day) {
  thread_local std::array<char, 10> known{};
  thread_local std::int64_t known_day = 0;
  if (std::memcmp(at, known.data(), known.size()) == 0) {
    day = known_day;
    return true;
  }
  const std::chrono::year_month_day date{std::chrono::year{two(at) * 100 + two(at + 2)},
                                         std::chrono::month{static_cast<unsigned>(two(at + 5))},
                                         std::chrono::day{static_cast<unsigned>(two(at + 8))}};
  if (!date.ok()) return false;
  day = known_day = std::chrono::sys_days{date}.time_since_epoch().count();
  std::memcpy(known.data(), at, known.size());
  return true;
}

// A whole string that is a time which append_time() writes in the same way.
bool take_time(std::string_view text, SlotValue& to, TimeStyle& style) {
  if (text.size() < seconds_text || text.size() > seconds_text + 13) return false;
  static constexpr std::string_view shape = "0000-00-00T00:00:00";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '0' ? !digit(text[i]) : shape[i] == 'T' ? text[i] != 'T' && text[i] != ' ' : text[i] != shape[i])
      return false;
  }
  const char* at = text.data();
  const auto h = two(at + 11), m = two(at + 14), s = two(at + 17);
  std::int64_t day = 0;
  if (h > 23 || m > 59 || s > 59 || !day_of(at, day)) return false;
  auto rest = text.substr(seconds_text);
  std::int64_t fraction = 0;
  std::uint8_t thirds = 0;
  if (rest.starts_with('.')) {
    std::size_t n = 1;
    for (; n < rest.size() && digit(rest[n]); ++n) fraction = fraction * 10 + (rest[n] - '0');
    if (n != 4 && n != 7) return false;
    thirds = n == 4 ? 1 : 2;
    rest.remove_prefix(n);
  }
  std::uint8_t suffix = 0;
  while (suffix < suffixes.size() && rest != suffixes[suffix]) ++suffix;
  if (suffix == suffixes.size()) return false;
  style.packed = static_cast<std::uint8_t>(thirds + (text[10] == ' ' ? 3 : 0) + 6 * suffix);
  to.whole = (day * 86400 + h * 3600 + m * 60 + s) * units_per_second[thirds] + fraction;
  return true;
}

// The end of a string's content that starts at `at`; nullptr when it has escapes, or bytes that JSON or slots mind.
const char* plain_end(const char* at, const char* end) {
  for (; at < end && *at != '"'; ++at)
    if (static_cast<unsigned char>(*at) < 0x20 || static_cast<unsigned char>(*at) > 0x7e || *at == '\\') return nullptr;
  return at == end ? nullptr : at;
}

const char* bare_end(const char* at, const char* end) {
  while (at < end && (digit(*at) || *at == '.' || *at == '-' || *at == '+' || *at == 'e' || *at == 'E')) ++at;
  return at;
}

const char* string_end(const char* at, const char* end) {  // with escapes; behind the quote
  for (; at < end && *at != '"'; ++at)
    if (*at == '\\' && at + 1 < end) ++at;
  return at == end ? end : at + 1;
}

}  // namespace

bool Template::parse(std::string_view text, Template& to) {
  to = {};
  to.text_ = text;
  to.literals_.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_slot(text[i])) {
      to.literals_.back() += text[i];
      continue;
    }
    Slot slot{static_cast<SlotKind>(text[i]), {}};
    if (slot.kind == SlotKind::time) {
      if (++i == text.size() || text[i] < 'A' || text[i] >= 'A' + 18) return false;
      slot.style.packed = static_cast<std::uint8_t>(text[i] - 'A');
    }
    if (to.slots_.size() == template_slots_max) return false;
    to.slots_.push_back(slot);
    to.literals_.emplace_back();
  }
  return true;
}

bool Template::learn(std::string_view payload, std::string& text, std::vector<SlotValue>& values) {
  text.clear();
  values.clear();
  const char* at = payload.data();
  const auto* const end = at + payload.size();
  bool number_may_begin = true;
  while (at < end) {
    if (is_slot(*at)) return false;
    SlotValue value;
    if (*at == '"') {
      const auto* const begin = at + 1;
      const auto* const close = plain_end(begin, end);
      const auto* behind = close == nullptr ? string_end(begin, end) : close + 1;
      const bool key = behind < end && (*behind == ':' || (*behind == ' ' && behind + 1 < end && behind[1] == ':'));
      if (close == nullptr || key) {
        for (const auto* p = at; p < behind; ++p)
          if (is_slot(*p)) return false;
        text.append(at, behind);
      } else {
        value.text = std::string_view(begin, static_cast<std::size_t>(close - begin));
        TimeStyle style;
        text += '"';
        if (take_time(value.text, value, style)) {
          text += static_cast<char>(SlotKind::time);
          text += static_cast<char>('A' + style.packed);
        } else {
          text += static_cast<char>(SlotKind::text);
        }
        text += '"';
        values.push_back(value);
      }
      at = behind;
      number_may_begin = false;
    } else if (const auto* behind = number_may_begin ? take_number(at, end, value) : nullptr) {
      text += static_cast<char>(SlotKind::number);
      values.push_back(value);
      at = behind;
      number_may_begin = false;
    } else if (number_may_begin && (digit(*at) || *at == '-')) {
      const auto* const behind_bare = bare_end(at, end);
      value.text = std::string_view(at, static_cast<std::size_t>(behind_bare - at));
      text += static_cast<char>(SlotKind::bare);
      values.push_back(value);
      at = behind_bare;
      number_may_begin = false;
    } else {
      number_may_begin = *at == ':' || *at == ',' || *at == '[' || *at == ' ' || *at == '\n' || *at == '=';
      text += *at++;
    }
    if (values.size() > template_slots_max) return false;
  }
  return true;
}

bool Template::match(std::string_view payload, SlotValue* values) const {
  const char* at = payload.data();
  const auto* const end = at + payload.size();
  for (std::size_t i = 0; i < literals_.size(); ++i) {
    const auto& literal = literals_[i];
    if (static_cast<std::size_t>(end - at) < literal.size() || std::memcmp(at, literal.data(), literal.size()) != 0)
      return false;
    at += literal.size();
    if (i == slots_.size()) break;
    auto& value = values[i];
    if (slots_[i].kind == SlotKind::number) {
      at = take_number(at, end, value);
      if (at == nullptr) return false;
      continue;
    }
    const auto* const close = slots_[i].kind == SlotKind::bare ? bare_end(at, end) : plain_end(at, end);
    if (close == nullptr || (slots_[i].kind == SlotKind::bare && close == at)) return false;
    value.text = std::string_view(at, static_cast<std::size_t>(close - at));
    TimeStyle style;
    if (slots_[i].kind == SlotKind::time && (!take_time(value.text, value, style) || style != slots_[i].style))
      return false;
    at = close;
  }
  return at == end;
}

void append_number(Buffer& to, std::int64_t whole, std::uint8_t digits) {
  char text[64];
  char* at = text;
  auto size = static_cast<std::uint64_t>(whole);
  if (whole < 0) {
    *at++ = '-';
    size = 0 - size;
  }
  char figures[24];
  const auto count = static_cast<int>(std::to_chars(figures, figures + sizeof figures, size).ptr - figures);
  const int before = count - digits;
  if (before <= 0) {
    *at++ = '0';
  } else {
    std::memcpy(at, figures, static_cast<std::size_t>(before));
    at += before;
  }
  if (digits > 0) {
    *at++ = '.';
    for (int i = before; i < 0; ++i) *at++ = '0';
    const auto from = before > 0 ? before : 0;
    std::memcpy(at, figures + from, static_cast<std::size_t>(count - from));
    at += count - from;
  }
  append_bytes(to, Bytes(reinterpret_cast<const std::byte*>(text), static_cast<std::size_t>(at - text)));
}

bool append_time(Buffer& to, std::int64_t whole, TimeStyle style) {
  const auto thirds = style.packed % 3U;
  const auto unit = units_per_second[thirds];
  auto second = whole / unit;
  auto fraction = whole % unit;
  if (fraction < 0) {
    fraction += unit;
    --second;
  }
  if (second < first_second || second > last_second) return false;
  const auto day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{second}});
  const std::chrono::year_month_day date{day};
  auto clock = second - std::chrono::sys_seconds{day}.time_since_epoch().count();
  char text[32];
  const auto put = [](char* at, std::int64_t value, int width) {
    for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  };
  put(text, static_cast<int>(date.year()), 4);
  text[4] = text[7] = '-';
  put(text + 5, static_cast<unsigned>(date.month()), 2);
  put(text + 8, static_cast<unsigned>(date.day()), 2);
  text[10] = style.packed / 3 % 2 == 1 ? ' ' : 'T';
  put(text + 11, clock / 3600, 2);
  text[13] = text[16] = ':';
  put(text + 14, clock / 60 % 60, 2);
  put(text + 17, clock % 60, 2);
  std::size_t size = seconds_text;
  if (thirds > 0) {
    text[size++] = '.';
    put(text + size, fraction, static_cast<int>(thirds * 3));
    size += thirds * 3;
  }
  append_bytes(to, as_bytes({text, size}));
  append_bytes(to, as_bytes(suffixes[style.packed / 6]));
  return true;
}

std::int64_t time_ms(std::int64_t whole, TimeStyle style) {
  const auto thirds = style.packed % 3U;
  if (thirds == 0) return whole * 1000;
  if (thirds == 1) return whole;
  return whole >= 0 ? whole / 1000 : -((-whole + 999) / 1000);
}

}  // namespace skerry::codec
