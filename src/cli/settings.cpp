// `skerry config`, and how every command comes to its settings.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.hpp"
#include "edge/settings.hpp"

namespace skerry::cli {

int failed(const Error& error) {
  std::fprintf(stderr, "skerry: %s\n", error.text().c_str());
  return 1;
}

Result<config::Config> load_config(const StartOptions& options) {
  return config::Config::load(system_files(), edge::schema(), options.config_file, config::system_environment(),
                              options.sets);
}

namespace {

Result<config::Config> load_and_check(const StartOptions& options) {
  auto config = TRY(load_config(options));
  TRY(edge::class_rules(config));
  TRY(edge::listen_host(config));
  return config;
}

}  // namespace

int config_check(const StartOptions& options) {
  const auto config = load_and_check(options);
  if (!config) return failed(config.error());
  std::printf("%s: ok\n", options.config_file.c_str());
  return 0;
}

int config_show(const StartOptions& options) {
  const auto config = load_and_check(options);
  if (!config) return failed(config.error());
  if (options.json) {
    nlohmann::ordered_json all;
    for (const auto& key : config->schema()) {
      all[key.name] = {{"value", config->written(key.name)},
                       {"origin", config::name(config->origin(key.name))},
                       {"default", key.fallback},
                       {"type", config::name(key.type)},
                       {"help", key.help}};
    }
    std::printf("%s\n", all.dump(2).c_str());
    return 0;
  }
  std::size_t widest = 0;
  for (const auto& key : config->schema()) widest = std::max(widest, key.name.size());
  for (const auto& key : config->schema()) {
    const auto value = config->written(key.name);
    std::printf("%-*s  %-14s %-11s %s\n", static_cast<int>(widest), key.name.c_str(),
                value.empty() ? "\"\"" : value.c_str(), std::string(config::name(config->origin(key.name))).c_str(),
                key.help.c_str());
  }
  return 0;
}

}  // namespace skerry::cli
