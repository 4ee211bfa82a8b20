// Reading configuration: YAML by yaml-cpp, flattened to dotted keys; values checked against the schema.
#include "base/config.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

extern "C" char** environ;

namespace skerry::config {
namespace {

struct Unit {
  std::string_view suffix;
  double factor;
};
constexpr Unit duration_units[] = {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
constexpr Unit byte_units[] = {
    {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}};

std::optional<double> with_unit(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number)) return {};
  std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
  for (const auto& unit : units) {
    if (unit.suffix == suffix) return number * unit.factor;
  }
  return {};
}

// The number a text stands for, or what was expected instead.
std::expected<double, std::string> parse(const Key& key, std::string_view text) {
  switch (key.type) {
    case Type::text:
    case Type::map: return 0;
    case Type::choice: {
      if (std::ranges::find(key.choices, text) != key.choices.end()) return 0;
      std::string all;
      for (const auto& choice : key.choices) all += (all.empty() ? "" : ", ") + choice;
      return std::unexpected("one of " + all);
    }
    case Type::boolean:
      if (text == "true" || text == "yes" || text == "on") return 1;
      if (text == "false" || text == "no" || text == "off") return 0;
      return std::unexpected("true or false");
    case Type::integer: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc{} && end == text.data() + text.size()) return static_cast<double>(number);
      return std::unexpected("a whole number");
    }
    case Type::number:
      if (const auto number = with_unit(text, std::span(byte_units).last(1))) return *number;
      return std::unexpected("a number");
    case Type::duration:
      if (const auto number = with_unit(text, duration_units)) return *number;
      return std::unexpected("a duration such as 20ms, 30s or 24h");
    case Type::bytes:
      if (const auto number = with_unit(text, byte_units)) return *number;
      return std::unexpected("a size such as 64KiB or 1MiB");
  }
  return 0;
}

std::string plain(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  return {text, end};
}

struct Given {
  std::string name;
  std::string text;
  std::vector<std::pair<std::string, std::string>> pairs{};
  std::string where;
};

const Key* find(const Schema& schema, std::string_view name) {
  const auto at = std::ranges::find(schema, name, &Key::name);
  return at == schema.end() ? nullptr : &*at;
}

Result<> flatten(const YAML::Node& node, const std::string& prefix, const std::string& file, const Schema& schema,
                 std::vector<Given>& out) {
  const auto where = file + ":" + std::to_string(node.Mark().line + 1);
  if (node.IsNull() && prefix.empty()) return {};
  const Key* key = find(schema, prefix);
  if (node.IsMap() && key != nullptr && key->type == Type::map) {
    Given given{prefix, {}, {}, where};
    for (const auto& each : node) given.pairs.emplace_back(each.first.as<std::string>(), each.second.as<std::string>());
    out.push_back(std::move(given));
    return {};
  }
  if (node.IsMap()) {
    for (const auto& each : node) {
      const auto child = each.first.as<std::string>();
      TRY(flatten(each.second, prefix.empty() ? child : prefix + "." + child, file, schema, out));
    }
    return {};
  }
  if (prefix.empty()) return fail(Code::invalid, "is no mapping of keys to values", where);
  if (!node.IsScalar()) return fail(Code::invalid, prefix + " is a list or empty; one value was expected", where);
  out.push_back({prefix, node.as<std::string>(), {}, where});
  return {};
}

Result<std::vector<Given>> read_yaml(Files& files, std::string_view path, const Schema& schema) {
  const auto bytes = TRY(read_file(files, path, MiB));
  std::vector<Given> out;
  try {
    const auto root = YAML::Load(std::string(as_text(bytes)));
    TRY(flatten(root, "", std::string(path), schema, out));
  } catch (const YAML::Exception& e) {
    return fail(Code::invalid, "is no YAML: " + e.msg, std::string(path) + ":" + std::to_string(e.mark.line + 1));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> split_pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto one = text.substr(0, comma);
    const auto equals = one.find('=');
    pairs.emplace_back(one.substr(0, equals), equals == std::string_view::npos ? "" : one.substr(equals + 1));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return pairs;
}

std::string variable_of(std::string_view name) {
  std::string variable = "SKERRY_";
  for (const char c : name) {
    if (c == '.') {
      variable += "__";
    } else {
      variable += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
  }
  return variable;
}

}  // namespace

Environment system_environment() {
  Environment found;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view line(*each);
    const auto equals = line.find('=');
    if (line.starts_with("SKERRY_") && equals != std::string_view::npos) {
      found.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
  }
  return found;
}

std::string nearest(std::string_view wrong, const std::vector<std::string>& names) {
  std::string best;
  std::size_t best_edits = wrong.size() / 3 + 2;
  for (const auto& candidate : names) {
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= wrong.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 1; j < row.size(); ++j) {
        const auto edits =
            std::min({row[j] + 1, row[j - 1] + 1, diagonal + (wrong[i - 1] == candidate[j - 1] ? 0 : 1)});
        diagonal = std::exchange(row[j], edits);
      }
    }
    if (row.back() < best_edits) {
      best_edits = row.back();
      best = candidate;
    }
  }
  return best;
}

Result<> Config::set(std::string_view key_name, std::string_view text, Origin origin, const std::string& where) {
  const Key* key = find(schema_, key_name);
  if (key == nullptr) {
    std::vector<std::string> names;
    for (const auto& each : schema_) names.push_back(each.name);
    const auto near = nearest(key_name, names);
    return fail(Code::invalid,
                "there is no key " + std::string(key_name) + (near.empty() ? "" : "; did you mean " + near + "?"),
                where);
  }
  const auto number = parse(*key, text);
  if (!number) {
    return fail(Code::invalid, key->name + " is \"" + std::string(text) + "\"; expected " + number.error(), where);
  }
  if ((key->least != 0 || key->most != 0) && (*number < key->least || *number > key->most)) {
    return fail(Code::invalid,
                key->name + " is " + std::string(text) + "; it must lie between " + plain(key->least) + " and " +
                    plain(key->most),
                where);
  }
  values_.insert_or_assign(
      key->name,
      Value{std::string(text), *number, key->type == Type::map ? split_pairs(text) : decltype(Value::pairs){}, origin});
  return {};
}

Result<Config> Config::load(Files& files, const Schema& schema, std::string_view file, const Environment& environment,
                            const std::vector<std::string>& sets) {
  Config config;
  config.schema_ = schema;
  for (const auto& key : schema) TRY(config.set(key.name, key.fallback, Origin::fallback, "default"));
  if (!file.empty()) {
    for (const auto& given : TRY(read_yaml(files, file, schema))) {
      TRY(config.set(given.name, given.text, Origin::file, given.where));
      if (!given.pairs.empty()) config.values_.find(given.name)->second.pairs = given.pairs;
    }
  }
  for (const auto& key : schema) {
    const auto variable = variable_of(key.name);
    if (const auto found = environment.find(variable); found != environment.end()) {
      TRY(config.set(key.name, found->second, Origin::environment, variable));
    }
  }
  for (const auto& each : sets) {
    const auto equals = each.find('=');
    if (equals == std::string::npos) return fail(Code::invalid, "expected key=value", "--set " + each);
    TRY(config.set(each.substr(0, equals), each.substr(equals + 1), Origin::flag, "--set " + each));
  }
  return config;
}

const Config::Value& Config::value(std::string_view key_name, Type type) const {
  const Key* key = find(schema_, key_name);
  INVARIANT(key != nullptr);
  INVARIANT(key->type == type);
  return values_.find(key_name)->second;
}

Config::Origin Config::origin(std::string_view key_name) const {
  const auto at = values_.find(key_name);
  INVARIANT(at != values_.end());
  return at->second.origin;
}

std::string Config::written(std::string_view key_name) const {
  const auto at = values_.find(key_name);
  INVARIANT(at != values_.end());
  if (at->second.text.empty() && !at->second.pairs.empty()) {
    std::string all;
    for (const auto& [from, to] : at->second.pairs) all += (all.empty() ? "" : ",") + from + "=" + to;
    return all;
  }
  return at->second.text;
}

std::string_view name(Config::Origin origin) {
  switch (origin) {
    case Config::Origin::fallback: return "default";
    case Config::Origin::file: return "file";
    case Config::Origin::environment: return "environment";
    case Config::Origin::flag: return "flag";
  }
  return "default";
}

std::string_view name(Type type) {
  switch (type) {
    case Type::text: return "text";
    case Type::integer: return "integer";
    case Type::number: return "number";
    case Type::boolean: return "boolean";
    case Type::duration: return "duration";
    case Type::bytes: return "bytes";
    case Type::choice: return "choice";
    case Type::map: return "map";
  }
  return "text";
}

}  // namespace skerry::config
