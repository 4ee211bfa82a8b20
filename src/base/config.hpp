// Configuration: every key is declared, with a type, a default and a sentence; its value comes from the first of
// flag (--set key=value), environment (SKERRY_KEY with . as __), file (YAML) and default that has it.
//
// What is not declared is an error that names the nearest key. Durations are written 20ms, 30s, 24h; sizes 64KiB, 1MiB.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"

namespace skerry::config {

enum class Type : std::uint8_t { text, integer, number, boolean, duration, bytes, choice, map };

struct Key {
  std::string name;  // dotted: log.window_max
  Type type = Type::text;
  std::string fallback;  // the default, as it would be written
  std::string help;      // one sentence
  double least = 0;      // for numbers, bytes and durations (seconds); both 0: any
  double most = 0;
  std::vector<std::string> choices{};
};

using Schema = std::vector<Key>;
using Environment = std::map<std::string, std::string>;

Environment system_environment();  // only what begins with SKERRY_

class Config {
 public:
  enum class Origin : std::uint8_t { fallback, file, environment, flag };

  // `file` may be empty. Errors say file:line or variable, the key, and what was expected.
  static Result<Config> load(Files& files, const Schema& schema, std::string_view file, const Environment& environment,
                             const std::vector<std::string>& sets);

  // The key must be declared with that type: asking for another is a bug.
  const std::string& text(std::string_view name) const { return value(name, Type::text).text; }
  const std::string& choice(std::string_view name) const { return value(name, Type::choice).text; }
  std::int64_t integer(std::string_view name) const {
    return static_cast<std::int64_t>(value(name, Type::integer).number);
  }
  double number(std::string_view name) const { return value(name, Type::number).number; }
  bool flag(std::string_view name) const { return value(name, Type::boolean).number != 0; }
  std::uint64_t bytes(std::string_view name) const {
    return static_cast<std::uint64_t>(value(name, Type::bytes).number);
  }
  std::chrono::microseconds duration(std::string_view name) const {
    return std::chrono::microseconds{static_cast<std::int64_t>(value(name, Type::duration).number * 1e6)};
  }
  const std::vector<std::pair<std::string, std::string>>& map(std::string_view name) const {
    return value(name, Type::map).pairs;
  }

  Origin origin(std::string_view name) const;
  std::string written(std::string_view name) const;  // as it was given
  const Schema& schema() const { return schema_; }

 private:
  struct Value {
    std::string text;  // as given
    double number = 0;
    std::vector<std::pair<std::string, std::string>> pairs{};
    Origin origin = Origin::fallback;
  };

  const Value& value(std::string_view name, Type type) const;
  Result<> set(std::string_view name, std::string_view text, Origin origin, const std::string& where);

  Schema schema_;
  std::map<std::string, Value, std::less<>> values_;
};

std::string_view name(Config::Origin origin);
std::string_view name(Type type);
// The one of `names` with the fewest edits to `wrong`, or empty when none is near.
std::string nearest(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace skerry::config
