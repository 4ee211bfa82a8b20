// Reads the body of POST /api/v1/readings: checks everything, keeps every object's bytes. Pure; any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace skerry::api {

enum class BodyFormat : std::uint8_t { json, ndjson };

struct ReadingIn {
  std::string device;
  std::string_view object;  // its bytes in the body, from '{' to '}'
};

struct InputError {
  std::size_t index = 0;  // of the reading, from 0; 0 also when the body as a whole is wrong
  std::string field;      // empty: the reading itself
  std::string detail;
};

// All readings, or what is wrong with the first bad one. Views into `body`.
std::expected<std::vector<ReadingIn>, InputError> parse_readings(std::string_view body, BodyFormat format);

}  // namespace skerry::api
