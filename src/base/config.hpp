// Configuration: every key is declared, with a type, a default and a sentence; its value comes from the first of
// flag (--set key=value), environment (SKERRY_KEY with . as __), file (YAML) and default that has it.
//
// What is not declared is an error that names the nearest key. Durations are written 20ms, 30s, 24h; sizes 64KiB, 1MiB.
// A key is one line of a schema (namespace key); the annotated default file, `config show`, the API's list and the
// answer to "does it need a restart" all come from that line.
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
// When a changed value counts: from a reload on, or from the next start.
enum class Effect : std::uint8_t { restart, live };

struct Key {
  std::string name;  // dotted: log.window_max
  Type type = Type::text;
  std::string fallback;  // the default, as it would be written
  std::string help;      // one sentence
  double least = 0;      // for numbers, bytes and durations (seconds); both 0: any
  double most = 0;
  std::vector<std::string> choices{};
  std::string unit{};  // of numbers: what is counted
  Effect effect = Effect::restart;
};

using Schema = std::vector<Key>;
using Environment = std::map<std::string, std::string>;

// A line each: name, default, (unit, least and most,) effect, help. Durations: least and most in seconds.
namespace key {
Key text(std::string name, std::string fallback, Effect effect, std::string help);
Key boolean(std::string name, bool fallback, Effect effect, std::string help);
Key integer(std::string name, std::int64_t fallback, std::string unit, double least, double most, Effect effect,
            std::string help);
Key number(std::string name, double fallback, std::string unit, double least, double most, Effect effect,
           std::string help);
Key duration(std::string name, std::string fallback, double least, double most, Effect effect, std::string help);
Key bytes(std::string name, std::string fallback, double least, double most, Effect effect, std::string help);
Key choice(std::string name, std::string fallback, std::vector<std::string> choices, Effect effect, std::string help);
Key map(std::string name, Effect effect, std::string help);
}  // namespace key

Environment system_environment();  // only what begins with SKERRY_

class Config {
 public:
  enum class Origin : std::uint8_t { fallback, file, environment, flag };

  // `file` may be empty. Errors say file:line or variable, the key, and what was expected. The first of them is the
  // result; all of them are added to `all` where it is given.
  static Result<Config> load(Files& files, const Schema& schema, std::string_view file, const Environment& environment,
                             const std::vector<std::string>& sets, std::vector<Error>* all = nullptr);

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
  // Where it was given: file:line, the variable, `--set …`, or `default`.
  const std::string& where(std::string_view name) const;
  const Schema& schema() const { return schema_; }

 private:
  struct Value {
    std::string text;  // as given
    double number = 0;
    std::vector<std::pair<std::string, std::string>> pairs{};
    Origin origin = Origin::fallback;
    std::string where{};
  };

  const Value& value(std::string_view name, Type type) const;
  Result<> set(std::string_view name, std::string_view text, Origin origin, const std::string& where);
  Result<> set_given(const std::string& name, std::string_view text,
                     std::vector<std::pair<std::string, std::string>> pairs, const std::string& where);

  Schema schema_;
  std::map<std::string, Value, std::less<>> values_;
};

// What differs between two configurations of one schema, in its order.
struct Change {
  std::string key;
  std::string from;  // as written
  std::string to;
  Effect effect = Effect::restart;
};
std::vector<Change> changes(const Config& before, const Config& after);

// The part of a name before its first dot -> a line about those keys, for the annotated file.
using Sections = std::map<std::string, std::string, std::less<>>;
// A YAML file with every key as a comment with its default, unit, range and meaning: what is uncommented counts.
std::string annotated(const Schema& schema, const Sections& sections);
// `between 64KiB and 256MiB`; empty: any.
std::string range(const Key& key);
// One key as a JSON object: key, value, origin, where, default, type, unit, least, most, choices, takes_effect, help.
std::string describe(const Config& config, const Key& key);

std::string_view name(Config::Origin origin);
std::string_view name(Type type);
std::string_view name(Effect effect);
// The one of `names` with the fewest edits to `wrong`, or empty when none is near.
std::string nearest(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace skerry::config
