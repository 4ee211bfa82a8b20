// Topic names and filters as MQTT 5.0 section 4.7 has them.
#include <algorithm>

#include "record/record.hpp"

namespace skerry::record {
namespace {

// The level at the front of `rest`, taken off it together with its '/'. `more` says whether another follows.
std::string_view take_level(std::string_view& rest, bool& more) {
  const auto slash = rest.find('/');
  more = slash != std::string_view::npos;
  const auto level = rest.substr(0, slash);
  rest = more ? rest.substr(slash + 1) : std::string_view{};
  return level;
}

Result<> check_common(std::string_view text, const char* noun) {
  const std::string what(noun);
  if (text.empty()) return fail(Code::invalid, "the " + what + " is empty");
  if (text.size() > topic_bytes_max) {
    return fail(Code::invalid, "the " + what + " has " + std::to_string(text.size()) + " bytes; at most " +
                                   std::to_string(topic_bytes_max) + " are allowed");
  }
  const auto levels = static_cast<std::size_t>(std::ranges::count(text, '/')) + 1;
  if (levels > topic_levels_max) {
    return fail(Code::invalid, "the " + what + " has " + std::to_string(levels) + " levels; at most " +
                                   std::to_string(topic_levels_max) + " are allowed");
  }
  if (text.find('\0') != std::string_view::npos) return fail(Code::invalid, "the " + what + " contains a NUL");
  if (!is_utf8(text)) return fail(Code::invalid, "the " + what + " is not UTF-8");
  return {};
}

// std::string_view::find_first_of() calls memchr for each byte.
bool has_any(std::string_view text, std::string_view of) {
  return std::ranges::any_of(text, [of](char c) { return std::ranges::find(of, c) != of.end(); });
}

}  // namespace

bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    if (*at < 0x80) {
      ++at;
      continue;
    }
    int more = 0;
    std::uint32_t code = 0;
    std::uint32_t least = 0;
    if (*at >= 0xc2 && *at < 0xe0) {
      more = 1;
      code = *at & 0x1fU;
      least = 0x80;
    } else if ((*at & 0xf0) == 0xe0) {
      more = 2;
      code = *at & 0x0fU;
      least = 0x800;
    } else if (*at >= 0xf0 && *at < 0xf5) {
      more = 3;
      code = *at & 0x07U;
      least = 0x10000;
    } else
      return false;
    if (end - at <= more) return false;
    for (int i = 1; i <= more; ++i) {
      if ((at[i] & 0xc0) != 0x80) return false;
      code = (code << 6) | (at[i] & 0x3fU);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    at += more + 1;
  }
  return true;
}

Result<> check_topic(std::string_view topic) {
  TRY(check_common(topic, "topic"));
  if (has_any(topic, "+#")) {
    return fail(Code::invalid, "a topic must not contain + or #: those are for subscriptions");
  }
  return {};
}

Result<> check_filter(std::string_view filter) {
  TRY(check_common(filter, "topic filter"));
  bool more = true;
  for (auto rest = filter; more;) {
    const auto level = take_level(rest, more);
    const bool wild = has_any(level, "+#");
    if (wild && level.size() > 1) return fail(Code::invalid, "+ and # must be a whole level of a topic filter");
    if (level == "#" && more) return fail(Code::invalid, "# must be the last level of a topic filter");
  }
  return {};
}

// Byte by byte: levels are short, and every record meets every filter of a reader.
bool matches(std::string_view filter, std::string_view topic) {
  // A wildcard at the front does not match topics that begin with $ (section 4.7.2).
  if (!topic.empty() && topic.front() == '$' && !filter.empty() && (filter.front() == '+' || filter.front() == '#')) {
    return false;
  }
  std::size_t t = 0;
  for (std::size_t f = 0; f < filter.size(); ++f) {
    const bool whole = (f == 0 || filter[f - 1] == '/') && (f + 1 == filter.size() || filter[f + 1] == '/');
    if (whole && filter[f] == '#') return true;
    if (whole && filter[f] == '+') {
      while (t < topic.size() && topic[t] != '/') ++t;
    } else if (t == topic.size()) {
      return filter.substr(f) == "/#";  // `a/#` matches `a`
    } else if (filter[f] != topic[t++]) {
      return false;
    }
  }
  return t == topic.size();
}

bool filters_meet(std::string_view a, std::string_view b) {
  bool more_a = true;
  bool more_b = true;
  while (true) {
    const auto x = take_level(a, more_a);
    const auto y = take_level(b, more_b);
    if (x == "#" || y == "#") return true;
    if (x != "+" && y != "+" && x != y) return false;
    if (!more_a && !more_b) return true;
    if (more_a != more_b) return (more_a ? a : b) == "#";  // `a/#` matches `a`
  }
}

std::string_view device_of(std::string_view topic) {
  const auto first = topic.find('/');
  if (first == std::string_view::npos) return {};
  const auto rest = topic.substr(first + 1);
  return rest.substr(0, rest.find('/'));
}

Result<> check_device_id(std::string_view id) {
  if (id.empty()) return fail(Code::invalid, "the device id is empty");
  if (id.size() > 128) return fail(Code::invalid, "the device id has more than 128 bytes");
  const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != '+' && c != '#'; };
  if (std::ranges::all_of(id, is_plain)) return {};
  if (has_any(id, "/+#")) return fail(Code::invalid, "a device id must not contain / + #");
  if (!is_utf8(id)) return fail(Code::invalid, "the device id is not UTF-8");
  for (const char c : id) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return fail(Code::invalid, "the device id contains a control character");
    }
  }
  return {};
}

}  // namespace skerry::record
