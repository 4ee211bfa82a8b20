// JSON by simdjson: the whole payload is checked, so that all rooms agree on what is JSON.
#include "codec/json.hpp"

#include <simdjson.h>
#include <charconv>
#include <cmath>

#include "codec/field.hpp"
#include "codec/limits.hpp"

namespace skerry::codec {
namespace {

// Parses with a parser that the thread keeps, and hands the element to `use`, which must not keep it.
template <typename Use>
bool parse(Bytes payload, Use use) {
  thread_local simdjson::dom::parser kept;
  simdjson::dom::element element;
  const auto* text = reinterpret_cast<const char*>(payload.data());
  if (payload.size() <= json_kept_bytes_max) {
    if (kept.parse(text, payload.size()).get(element) != simdjson::SUCCESS) return false;
    return use(element);
  }
  simdjson::dom::parser once;
  if (once.parse(text, payload.size()).get(element) != simdjson::SUCCESS) return false;
  return use(element);
}

// How many bytes at the front of `text` are one UTF-8 character; 0 when they are none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return tail(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;   // over-long
    if (first == 0xed && byte(1) >= 0xa0) return 0;  // a surrogate
    return 3;
  }
  if (first >= 0xf0 && first < 0xf5) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

EventTime event_time(Bytes payload, Wall appended_at) {
  const auto otherwise = to_event(appended_at);
  const auto text = as_text(payload);
  // Most of what carries no time is seen without parsing; a key may be written with escapes.
  if (text.find("\"timestamp\"") == std::string_view::npos && text.find('\\') == std::string_view::npos)
    return otherwise;
  std::optional<EventTime> time;
  parse(payload, [&](simdjson::dom::element element) {
    simdjson::dom::object object;
    simdjson::dom::element field;
    if (element.get(object) != simdjson::SUCCESS) return false;
    if (object.at_key("timestamp").get(field) != simdjson::SUCCESS) return false;
    std::string_view words;
    double number = 0;
    if (field.get(words) == simdjson::SUCCESS)
      time = parse_time(words);
    else if (field.is_number() && field.get(number) == simdjson::SUCCESS)
      time = time_of_number(number);
    return true;
  });
  return time.value_or(otherwise);
}

std::optional<double> number_at(Bytes payload, std::string_view field) {
  std::optional<double> number;
  parse(payload, [&](simdjson::dom::element element) {
    simdjson::dom::object object;
    simdjson::dom::element found;
    double value = 0;
    if (element.get(object) != simdjson::SUCCESS) return false;
    if (object.at_key(field).get(found) != simdjson::SUCCESS) return false;
    if (found.is_number() && found.get(value) == simdjson::SUCCESS) number = value;
    return true;
  });
  return number;
}

void append_json_string(std::string& to, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  to += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    switch (c) {
      case '"': to += "\\\""; break;
      case '\\': to += "\\\\"; break;
      case '\n': to += "\\n"; break;
      case '\r': to += "\\r"; break;
      case '\t': to += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          to += "\\u00";
          to += hex[static_cast<unsigned char>(c) >> 4];
          to += hex[static_cast<unsigned char>(c) & 15];
          break;
        }
        length = utf8_length(text);
        if (length == 0) {
          to += "\xef\xbf\xbd";
          length = 1;
        } else {
          to += text.substr(0, length);
        }
    }
    text.remove_prefix(length);
  }
  to += '"';
}

void append_json_number(std::string& to, double number) {
  if (!std::isfinite(number)) {
    to += "null";
    return;
  }
  char text[32];
  // As bare digits it would be a whole number that no 64 bits hold, which readers of JSON refuse.
  const bool large = std::fabs(number) >= 1e18;
  const auto done = large ? std::to_chars(text, text + sizeof text, number, std::chars_format::scientific)
                          : std::to_chars(text, text + sizeof text, number);
  to.append(text, done.ptr);
}

bool is_json(Bytes payload) {
  return parse(payload, [](simdjson::dom::element) { return true; });
}

void append_json_payload(std::string& to, Bytes payload) {
  const auto text = as_text(payload);
  // A line break between tokens is JSON, but would break NDJSON.
  if (text.find_first_of("\r\n") == std::string_view::npos && is_json(payload)) {
    to += text;
  } else if (parse(payload, [&](simdjson::dom::element element) {
               to += simdjson::minify(element);
               return true;
             })) {
    return;
  } else {
    append_json_string(to, text);
  }
}

}  // namespace skerry::codec
