// Reading TZif: the changes it lists. Slim files give the rule of later years as text, which is expanded to 2100.
#include "base/zone.hpp"

#include <algorithm>
#include <charconv>

namespace skerry {
namespace {

using namespace std::chrono;

constexpr std::string_view folder = "/usr/share/zoneinfo";
constexpr std::size_t file_bytes_max = 256 * KiB;

std::optional<int> number(std::string_view& text) {
  int value = 0;
  const auto got = std::from_chars(text.data(), text.data() + text.size(), value);
  if (got.ec != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(got.ptr - text.data()));
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// [+-]hh[:mm[:ss]]
std::optional<seconds> clock_time(std::string_view& text) {
  const bool negative = take(text, '-');
  if (!negative) take(text, '+');
  const auto h = number(text);
  if (!h || *h > 167) return {};
  seconds total = hours{*h};
  for (const auto unit : {seconds{60}, seconds{1}}) {
    if (!take(text, ':')) break;
    const auto part = number(text);
    if (!part) return {};
    total += *part * unit;
  }
  return negative ? -total : total;
}

bool skip_name(std::string_view& text) {
  if (take(text, '<')) {
    const auto end = text.find('>');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    return true;
  }
  const auto end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  if (end < 3) return false;
  text.remove_prefix(std::min(end, text.size()));
  return true;
}

// Mm.w.d[/time], the only form that zones in use have.
struct Rule {
  int month = 1;
  int week = 1;
  int weekday = 0;
  seconds at{7200};

  static std::optional<Rule> parse(std::string_view& text) {
    Rule rule;
    if (!take(text, ',') || !take(text, 'M')) return {};
    const auto m = number(text);
    const bool first = take(text, '.');
    const auto w = number(text);
    const bool second = take(text, '.');
    const auto d = number(text);
    if (!m || !first || !w || !second || !d || *m < 1 || *m > 12 || *w < 1 || *w > 5 || *d < 0 || *d > 6) return {};
    rule.month = *m;
    rule.week = *w;
    rule.weekday = *d;
    if (take(text, '/')) {
      const auto t = clock_time(text);
      if (!t) return {};
      rule.at = *t;
    }
    return rule;
  }
  sys_seconds in(int y) const {
    const auto ym = year{y} / month_of();
    const std::chrono::weekday day{static_cast<unsigned>(weekday)};
    const sys_days date = week == 5 ? sys_days(ym / day[last]) : sys_days(ym / day[static_cast<unsigned>(week)]);
    return sys_seconds(date) + at;
  }
  std::chrono::month month_of() const { return std::chrono::month{static_cast<unsigned>(month)}; }
};

}  // namespace

Result<Zone> Zone::named(Files& files, std::string_view name) {
  if (name.empty() || name == "UTC") return Zone();
  if (name.starts_with('+') || name.starts_with('-')) {
    Zone zone;
    auto text = name;
    const auto offset = clock_time(text);
    if (!offset || !text.empty() || *offset > hours{18} || *offset < -hours{18})
      return fail(Code::invalid, "is no offset like +05:30", std::string(name));
    zone.first_ = *offset;
    return zone;
  }
  const bool plain = name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
                         std::string_view::npos &&
                     !name.starts_with('/');
  const auto bytes =
      plain ? read_file(files, join_path(folder, name), file_bytes_max) : Result<Buffer>(fail(Code::not_found, ""));
  if (!bytes)
    return fail(Code::not_found, "is no time zone of this system (as Europe/Berlin, or +05:30)", std::string(name));
  return parse(*bytes);
}

Result<Zone> Zone::parse(Bytes tzif) {
  const auto bad = [] { return fail(Code::damaged, "is no TZif file (RFC 8536)"); };
  struct Header {
    std::uint32_t isut, isstd, leap, times, types, chars;
  };
  const auto read_header = [](Reader& in, Header& h) {
    const auto magic = in.take(4);
    in.take(16);
    h.isut = in.be<std::uint32_t>();
    h.isstd = in.be<std::uint32_t>();
    h.leap = in.be<std::uint32_t>();
    h.times = in.be<std::uint32_t>();
    h.types = in.be<std::uint32_t>();
    h.chars = in.be<std::uint32_t>();
    return in.ok() && as_text(magic) == "TZif";
  };
  Reader in(tzif);
  Header h{};
  if (!read_header(in, h)) return bad();
  // The first block has 32-bit times; version 2 and later repeat it with 64 bits.
  in.take(std::size_t{h.times} * 5 + std::size_t{h.types} * 6 + h.chars + std::size_t{h.leap} * 8 + h.isstd + h.isut);
  if (!read_header(in, h) || h.types == 0 || h.types > 256 || h.times > 10'000) return bad();
  std::vector<std::int64_t> times(h.times);
  for (auto& each : times) each = in.be<std::int64_t>();
  const auto indices = in.take(h.times);
  std::vector<seconds> offsets(h.types);
  for (auto& each : offsets) {
    each = seconds{in.be<std::int32_t>()};
    in.take(2);
  }
  in.take(h.chars + std::size_t{h.leap} * 12 + h.isstd + h.isut);
  if (!in.ok()) return bad();
  Zone zone;
  zone.first_ = offsets[0];
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto index = std::to_integer<std::size_t>(indices[i]);
    if (index >= offsets.size()) return bad();
    zone.changes_.push_back({sys_seconds{seconds{times[i]}}, offsets[index]});
  }
  auto text = as_text(in.rest());
  if (!take(text, '\n')) return zone;
  text = text.substr(0, text.find('\n'));
  if (!skip_name(text)) return zone;
  const auto standard = clock_time(text);  // POSIX: west is positive
  if (!standard || text.empty() || !skip_name(text)) return zone;
  auto summer = -*standard + hours{1};
  if (!text.starts_with(',')) {
    const auto given = clock_time(text);
    if (!given) return zone;
    summer = -*given;
  }
  const auto begins = Rule::parse(text);
  const auto ends = begins ? Rule::parse(text) : std::nullopt;
  if (!ends) return zone;
  const auto known = zone.changes_.empty() ? sys_seconds{} : zone.changes_.back().from;
  for (int y = 2007; y <= 2100; ++y) {
    for (const auto& [from, offset] :
         {std::pair{begins->in(y) + *standard, summer}, std::pair{ends->in(y)-summer, -*standard}}) {
      if (from > known) zone.changes_.push_back({from, offset});
    }
  }
  std::ranges::sort(zone.changes_, {}, &Change::from);
  return zone;
}

seconds Zone::offset(Wall at) const {
  const auto after = std::ranges::upper_bound(changes_, floor<seconds>(at), {}, &Change::from);
  return after == changes_.begin() ? first_ : std::prev(after)->offset;
}

int Zone::hour(Wall at) const {
  const auto local = floor<seconds>(at) + offset(at);
  return static_cast<int>(floor<hours>(local - floor<days>(local)).count());
}

}  // namespace skerry
