// Configuration as text: keys from a line, the annotated file, a key as JSON, what has changed.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/config.hpp"

namespace skerry::config {
namespace {

std::string plain(double number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
  return {text, end};
}

// The largest unit that leaves a whole number.
std::string with_unit(double number, std::initializer_list<std::pair<double, std::string_view>> units) {
  for (const auto& [factor, suffix] : units) {
    const auto count = number / factor;
    if (count >= 1 && count == static_cast<double>(static_cast<std::int64_t>(count)))
      return plain(count) + std::string(suffix);
  }
  return plain(number);
}

std::string value_text(const Key& key, double number) {
  if (key.type == Type::bytes)
    return with_unit(number, {{1024.0 * 1024 * 1024 * 1024, "TiB"},
                              {1024.0 * 1024 * 1024, "GiB"},
                              {1048576, "MiB"},
                              {1024, "KiB"},
                              {1, "B"}});
  if (key.type == Type::duration)
    return number == 0
               ? "0s"
               : with_unit(number, {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}, {1e-3, "ms"}, {1e-6, "us"}});
  return plain(number);
}

std::string unit_of(const Key& key) {
  switch (key.type) {
    case Type::duration: return "duration";
    case Type::bytes: return "bytes";
    case Type::boolean: return "true or false";
    default: return key.unit;
  }
}

// Words of `text` in lines of at most `width` characters, each behind `indent` and "# ".
void append_comment(std::string& to, const std::string& indent, std::string_view text, std::size_t width) {
  std::string line;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    if (!line.empty() && indent.size() + 3 + line.size() + word.size() > width) {
      to += indent + "# " + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  to += indent + "# " + line + "\n";
}

// As YAML reads it back as the same text.
std::string yaml_value(const Key& key) {
  if (key.type == Type::map) return "{}";
  const bool plain_text =
      key.type != Type::text ||
      (!key.fallback.empty() && key.fallback.find_first_of(":#{}[],&*!|>'\"%@` ") == std::string::npos);
  return plain_text ? key.fallback : "\"" + key.fallback + "\"";
}

std::string facts_of(const Key& key) {
  std::string facts;
  const auto add = [&facts](const std::string& fact) { facts += (facts.empty() ? "" : ", ") + fact; };
  if (key.type == Type::choice) {
    std::string all;
    for (const auto& choice : key.choices) all += (all.empty() ? "" : " | ") + choice;
    add(all);
  }
  if (const auto unit = unit_of(key); !unit.empty()) add(unit);
  if (const auto between = range(key); !between.empty()) add(between);
  add(key.effect == Effect::live ? "live" : "needs a restart");
  return "[" + facts + "]";
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', at)) {
    parts.push_back(name.substr(at, dot - at));
    at = dot + 1;
  }
  parts.push_back(name.substr(at));
  return parts;
}

// In the schema's order, but the keys of one section together: YAML takes a section once.
Schema by_section(const Schema& schema) {
  std::map<std::string, std::size_t> first;
  const auto section = [](const Key& key) { return key.name.substr(0, key.name.find('.')); };
  for (const auto& key : schema) first.emplace(section(key), first.size());
  auto sorted = schema;
  std::ranges::stable_sort(sorted, {}, [&](const Key& key) { return first.at(section(key)); });
  return sorted;
}

}  // namespace

namespace key {

Key text(std::string name, std::string fallback, Effect effect, std::string help) {
  return {.name = std::move(name),
          .type = Type::text,
          .fallback = std::move(fallback),
          .help = std::move(help),
          .effect = effect};
}
Key boolean(std::string name, bool fallback, Effect effect, std::string help) {
  return {.name = std::move(name),
          .type = Type::boolean,
          .fallback = fallback ? "true" : "false",
          .help = std::move(help),
          .effect = effect};
}
Key integer(std::string name, std::int64_t fallback, std::string unit, double least, double most, Effect effect,
            std::string help) {
  return {std::move(name), Type::integer, std::to_string(fallback), std::move(help), least, most, {},
          std::move(unit), effect};
}
Key number(std::string name, double fallback, std::string unit, double least, double most, Effect effect,
           std::string help) {
  return {std::move(name), Type::number, plain(fallback), std::move(help), least, most, {}, std::move(unit), effect};
}
Key duration(std::string name, std::string fallback, double least, double most, Effect effect, std::string help) {
  return {std::move(name), Type::duration, std::move(fallback), std::move(help), least, most, {}, {}, effect};
}
Key bytes(std::string name, std::string fallback, double least, double most, Effect effect, std::string help) {
  return {std::move(name), Type::bytes, std::move(fallback), std::move(help), least, most, {}, {}, effect};
}
Key choice(std::string name, std::string fallback, std::vector<std::string> choices, Effect effect, std::string help) {
  return {std::move(name), Type::choice, std::move(fallback), std::move(help), 0, 0, std::move(choices), {}, effect};
}
Key map(std::string name, Effect effect, std::string help) {
  return {.name = std::move(name), .type = Type::map, .help = std::move(help), .effect = effect};
}

}  // namespace key

std::string range(const Key& key) {
  if (key.least == 0 && key.most == 0) return {};
  return "between " + value_text(key, key.least) + " and " + value_text(key, key.most);
}

std::vector<Change> changes(const Config& before, const Config& after) {
  std::vector<Change> all;
  for (const auto& key : after.schema()) {
    const auto from = before.written(key.name);
    const auto to = after.written(key.name);
    if (from != to) all.push_back({key.name, from, to, key.effect});
  }
  return all;
}

std::string annotated(const Schema& schema, const Sections& sections) {
  static constexpr std::size_t width = 110;
  std::string text;
  append_comment(
      text, "",
      "Settings of a gateway. Every key is here with its default; uncomment a line to change it. A value is "
      "taken from the first that has it: --set key=value, the environment (log.commit is SKERRY_LOG__COMMIT), "
      "this file, the default.",
      width);
  append_comment(text, "",
                 "After a change: `skerry config check FILE`, then `skerry reload` (or SIGHUP). Keys marked "
                 "\"live\" count from then on and no client is dropped; the others from the next start.",
                 width);
  append_comment(text, "", "Durations: 20ms, 30s, 5m, 24h, 7d. Sizes: 64KiB, 16MiB, 2GiB.", width);
  std::vector<std::string> open;  // the sections that stand open
  for (const auto& key : by_section(schema)) {
    const auto parts = parts_of(key.name);
    std::size_t same = 0;
    while (same + 1 < parts.size() && same < open.size() && open[same] == parts[same]) ++same;
    open.resize(same);
    if (same == 0) text += '\n';
    for (auto i = same; i + 1 < parts.size(); ++i) {
      const auto section = sections.find(parts[i]);
      if (i == 0 && section != sections.end()) append_comment(text, "", section->second, width);
      text += std::string(2 * i, ' ') + parts[i] + ":\n";
      open.push_back(parts[i]);
    }
    const std::string indent(2 * (parts.size() - 1), ' ');
    append_comment(text, indent, key.help + " " + facts_of(key), width);
    text += indent + "#" + parts.back() + ": " + yaml_value(key) + "\n";
  }
  return text;
}

std::string describe(const Config& config, const Key& key) {
  nlohmann::ordered_json one{{"key", key.name},
                             {"value", config.written(key.name)},
                             {"origin", name(config.origin(key.name))},
                             {"where", config.where(key.name)},
                             {"default", key.fallback},
                             {"type", name(key.type)},
                             {"unit", nullptr},
                             {"least", nullptr},
                             {"most", nullptr},
                             {"choices", key.choices},
                             {"takes_effect", name(key.effect)},
                             {"help", key.help}};
  if (const auto unit = key.type == Type::boolean ? std::string() : unit_of(key); !unit.empty()) one["unit"] = unit;
  if (key.least != 0 || key.most != 0) {
    one["least"] = value_text(key, key.least);
    one["most"] = value_text(key, key.most);
  }
  return one.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
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

std::string_view name(Effect effect) { return effect == Effect::live ? "live" : "restart"; }

}  // namespace skerry::config
