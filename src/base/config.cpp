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

// `log:` with nothing below it, as the annotated file has it.
bool is_section(const Schema& schema, std::string_view name) {
  return name.empty() || std::ranges::any_of(schema, [name](const Key& key) {
           return key.name.size() > name.size() && key.name.starts_with(name) && key.name[name.size()] == '.';
         });
}

Result<> flatten(const YAML::Node& node, const std::string& prefix, const std::string& file, const Schema& schema,
                 std::vector<Given>& out) {
  const auto where = file + ":" + std::to_string(node.Mark().line + 1);
  if (node.IsNull() && is_section(schema, prefix)) return {};
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

namespace {

Error unknown_key(const Schema& schema, std::string_view key_name, const std::string& where) {
  std::vector<std::string> names;
  for (const auto& each : schema) names.push_back(each.name);
  const auto near = nearest(key_name, names);
  return {Code::invalid,
          "there is no key " + std::string(key_name) + (near.empty() ? "" : "; did you mean " + near + "?"), where};
}

}  // namespace

Result<> Config::set(std::string_view key_name, std::string_view text, Origin origin, const std::string& where) {
  const Key* key = find(schema_, key_name);
  if (key == nullptr) return std::unexpected(unknown_key(schema_, key_name, where));
  const auto number = parse(*key, text);
  if (!number) {
    return fail(Code::invalid, key->name + " is \"" + std::string(text) + "\"; expected " + number.error(), where);
  }
  if ((key->least != 0 || key->most != 0) && (*number < key->least || *number > key->most)) {
    return fail(Code::invalid, key->name + " is " + std::string(text) + "; it must lie " + range(*key), where);
  }
  values_.insert_or_assign(key->name,
                           Value{std::string(text), *number,
                                 key->type == Type::map ? split_pairs(text) : decltype(Value::pairs){}, origin, where});
  return {};
}

Result<> Config::set_given(const std::string& key_name, std::string_view text,
                           std::vector<std::pair<std::string, std::string>> pairs, const std::string& where) {
  const auto before = values_.find(key_name);
  if (before != values_.end() && before->second.origin == Origin::file)
    return fail(Code::invalid, key_name + " is given twice, first at " + before->second.where, where);
  TRY(set(key_name, text, Origin::file, where));
  if (!pairs.empty()) values_.find(key_name)->second.pairs = std::move(pairs);
  return {};
}

Result<Config> Config::load(Files& files, const Schema& schema, std::string_view file, const Environment& environment,
                            const std::vector<std::string>& sets, std::vector<Error>* all) {
  Config config;
  config.schema_ = schema;
  std::vector<Error> wrong;
  const auto note = [&wrong](Result<> done) {
    if (!done) wrong.push_back(std::move(done.error()));
  };
  for (const auto& key : schema) note(config.set(key.name, key.fallback, Origin::fallback, "default"));
  if (!file.empty()) {
    auto read = read_yaml(files, file, schema);
    if (!read) wrong.push_back(read.error());
    for (auto& given : read ? *read : std::vector<Given>{})
      note(config.set_given(given.name, given.text, std::move(given.pairs), given.where));
  }
  for (const auto& key : schema) {
    const auto variable = variable_of(key.name);
    if (const auto found = environment.find(variable); found != environment.end())
      note(config.set(key.name, found->second, Origin::environment, variable));
  }
  for (const auto& each : sets) {
    const auto equals = each.find('=');
    note(equals == std::string::npos
             ? fail(Code::invalid, "expected key=value", "--set " + each)
             : config.set(each.substr(0, equals), each.substr(equals + 1), Origin::flag, "--set " + each));
  }
  if (all != nullptr) all->insert(all->end(), wrong.begin(), wrong.end());
  if (!wrong.empty()) return std::unexpected(std::move(wrong.front()));
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

const std::string& Config::where(std::string_view key_name) const {
  const auto at = values_.find(key_name);
  INVARIANT(at != values_.end());
  return at->second.where;
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

}  // namespace skerry::config
