// Logger: what the program tells its operator, as readable lines or as JSON, one event a line.
//
// The name is logger because `log` is the durable log, the spine of Skerry.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace skerry::logger {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

// A named value. Secrets never go in.
struct Field {
  std::string_view key;
  std::string value;
  bool is_number = false;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  template <typename N>
    requires std::is_arithmetic_v<N>
  Field(std::string_view k, N v) : key(k), value(std::to_string(v)), is_number(true) {}
};
using Fields = std::initializer_list<Field>;

void configure(Level level, Format format);  // to standard error; once, before threads start
// `room` is the room that speaks; `event` says what happened in plain words, without values.
void write(Level level, std::string_view room, std::string_view event, Fields fields);

inline void debug(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::debug, room, event, fields);
}
inline void info(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::info, room, event, fields);
}
inline void warn(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::warn, room, event, fields);
}
inline void error(std::string_view room, std::string_view event, Fields fields = {}) {
  write(Level::error, room, event, fields);
}

}  // namespace skerry::logger
