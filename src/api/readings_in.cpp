// simdjson checks that it is JSON; a small scanner, which may then trust it, finds where each object begins and ends.
#include "api/readings_in.hpp"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "api/limits.hpp"
#include "base/time.hpp"
#include "record/record.hpp"

namespace skerry::api {
namespace {

using simdjson::dom::element;
using Readings = std::vector<ReadingIn>;

std::unexpected<InputError> wrong(std::size_t index, std::string field, std::string detail) {
  return std::unexpected(InputError{index, std::move(field), std::move(detail)});
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The elements of an array that is known to be valid JSON.
class Elements {
 public:
  explicit Elements(std::string_view array) : text_(array), at_(1) {}

  std::string_view next() {
    while (is_space(text_[at_]) || text_[at_] == ',') ++at_;
    const auto from = at_;
    int depth = 0;
    bool in_string = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (in_string) {
        if (c == '\\') ++at_;
        if (c == '"') in_string = false;
        continue;
      }
      if (c == '"') in_string = true;
      if ((c == ',' || c == ']') && depth == 0) break;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    }
    return trimmed(text_.substr(from, at_ - from));
  }

 private:
  std::string_view text_;
  std::size_t at_;
};

// A key twice has two readings (RFC 8259 4): which one a rule would judge is anybody's guess.
std::optional<std::string> repeated_key(const simdjson::dom::object& object) {
  std::vector<std::string_view> keys;
  for (const auto field : object) keys.push_back(field.key);
  std::ranges::sort(keys);
  const auto twice = std::ranges::adjacent_find(keys);
  if (twice == keys.end()) return {};
  return std::string(*twice);
}

std::optional<std::string> wrong_timestamp(const element& value) {
  std::string_view text;
  double number = 0;
  if (value.is_null()) return {};
  if (value.get(text) == simdjson::SUCCESS) {
    if (parse_time(text)) return {};
    return "is no time; RFC 3339 such as 2026-01-31T23:59:59.123Z, or a number of seconds or milliseconds since 1970, "
           "is";
  }
  if (value.is_number() && value.get(number) == simdjson::SUCCESS) {
    if (time_of_number(number)) return {};
    return "is out of range for a time";
  }
  return "must be text (RFC 3339) or a number";
}

std::expected<ReadingIn, InputError> reading_of(const element& value, std::string_view raw, std::size_t index) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return wrong(index, "", "a reading must be a JSON object");
  if (const auto key = repeated_key(object)) return wrong(index, *key, "is there more than once");
  ReadingIn reading;
  reading.object = raw;
  element field;
  std::string_view device;
  if (object.at_key("device_id").get(field) != simdjson::SUCCESS) return wrong(index, "device_id", "is missing");
  if (field.get(device) != simdjson::SUCCESS) return wrong(index, "device_id", "must be text");
  if (const auto checked = record::check_device_id(device); !checked)
    return wrong(index, "device_id", checked.error().text());
  reading.device = device;
  if (object.at_key("timestamp").get(field) == simdjson::SUCCESS) {
    if (auto why = wrong_timestamp(field)) return wrong(index, "timestamp", std::move(*why));
  }
  return reading;
}

std::string why(simdjson::error_code code) {
  if (code == simdjson::DEPTH_ERROR) return "is nested deeper than " + std::to_string(json_depth_max) + " levels";
  return "is not valid JSON: " + std::string(simdjson::error_message(code));
}

class Parser {
 public:
  simdjson::error_code parse(std::string_view text, element& into) {
    // The copy gives simdjson the padding it reads past the end.
    if (const auto code = parser_.allocate(std::max<std::size_t>(text.size(), 64), json_depth_max)) return code;
    return parser_.parse(text.data(), text.size()).get(into);
  }

 private:
  simdjson::dom::parser parser_;
};

std::expected<Readings, InputError> parse_lines(std::string_view body) {
  Parser parser;
  Readings readings;
  std::size_t line_number = 0;
  while (!body.empty()) {
    ++line_number;
    const auto end = body.find('\n');
    const auto line = trimmed(body.substr(0, end));
    body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
    if (line.empty()) continue;
    const auto index = readings.size();
    if (index == readings_per_post_max)
      return wrong(index, "", "at most " + std::to_string(readings_per_post_max) + " readings are taken at once");
    element value;
    if (const auto code = parser.parse(line, value))
      return wrong(index, "", "line " + std::to_string(line_number) + " " + why(code));
    auto reading = reading_of(value, line, index);
    if (!reading) return std::unexpected(std::move(reading.error()));
    readings.push_back(std::move(*reading));
  }
  return readings;
}

std::expected<Readings, InputError> parse_document(std::string_view body) {
  Parser parser;
  Readings readings;
  element value;
  const auto text = trimmed(body);
  if (const auto code = parser.parse(text, value)) {
    std::string detail = "the body " + why(code);
    if (text.starts_with('{') && text.find("\n{") != std::string_view::npos)
      detail += "; readings on a line each need Content-Type: application/x-ndjson";
    return wrong(0, "", std::move(detail));
  }
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) {
    auto reading = reading_of(value, text, 0);
    if (!reading) return std::unexpected(std::move(reading.error()));
    readings.push_back(std::move(*reading));
    return readings;
  }
  Elements raw(text);
  for (const auto each : array) {
    const auto index = readings.size();
    if (index == readings_per_post_max)
      return wrong(index, "", "at most " + std::to_string(readings_per_post_max) + " readings are taken at once");
    auto reading = reading_of(each, raw.next(), index);
    if (!reading) return std::unexpected(std::move(reading.error()));
    readings.push_back(std::move(*reading));
  }
  return readings;
}

}  // namespace

std::expected<std::vector<ReadingIn>, InputError> parse_readings(std::string_view body, BodyFormat format) {
  if (trimmed(body).empty()) return wrong(0, "", "the body is empty");
  auto readings = format == BodyFormat::ndjson ? parse_lines(body) : parse_document(body);
  if (readings && readings->empty()) return wrong(0, "", "there is no reading in the body");
  return readings;
}

}  // namespace skerry::api
