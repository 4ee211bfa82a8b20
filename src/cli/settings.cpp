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
  auto config = TRY(config::Config::load(system_files(), edge::schema(), options.config_file,
                                         config::system_environment(), options.sets));
  TRY(edge::check(config));
  return config;
}

int config_check(const StartOptions& options) {
  std::vector<Error> wrong;
  const auto config = config::Config::load(system_files(), edge::schema(), options.config_file,
                                           config::system_environment(), options.sets, &wrong);
  if (config) {
    if (const auto fits = edge::check(*config); !fits) wrong.push_back(fits.error());
  }
  for (const auto& each : wrong) failed(each);
  if (!wrong.empty()) return 1;
  std::printf("%s: ok\n", options.config_file.c_str());
  return 0;
}

int config_default() {
  std::fputs(config::annotated(edge::schema(), edge::sections()).c_str(), stdout);
  return 0;
}

namespace {

Result<std::string> ask_to_reload(const ApiOptions& options) {
  return TRY(HttpClient::connect(options))->body("POST", "/api/v1/config/reload");
}

std::string listed(const nlohmann::json& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name.get<std::string>();
  return all;
}

}  // namespace

int reload(const ReloadOptions& options) {
  const auto answer = ask_to_reload(options);
  if (!answer) return failed(answer.error());
  const auto said = nlohmann::json::parse(*answer, nullptr, false);
  if (options.json || !said.is_object()) {
    std::printf("%s\n", answer->c_str());
    return 0;
  }
  for (const auto& change : said["changed"]) {
    const auto text = [&](const char* member) { return change[member].get<std::string>(); };
    std::printf("%s: %s -> %s%s\n", text("key").c_str(), text("from").c_str(), text("to").c_str(),
                text("takes_effect") == "live" ? "" : "  (needs a restart)");
  }
  for (const char* what : {"added", "changed", "removed"}) {
    const auto names = listed(said["pipelines"][what]);
    if (!names.empty()) std::printf("pipelines %s: %s\n", what, names.c_str());
  }
  if (const auto waiting = listed(said["restart_needed"]); !waiting.empty())
    std::printf("waiting for a restart: %s\n", waiting.c_str());
  std::puts("reloaded");
  return 0;
}

int config_show(const StartOptions& options) {
  const auto config = load_config(options);
  if (!config) return failed(config.error());
  if (options.json) {
    std::string all = "[";
    for (const auto& key : config->schema()) all += (all.size() == 1 ? "\n" : ",\n") + config::describe(*config, key);
    std::printf("%s\n]\n", all.c_str());
    return 0;
  }
  std::size_t widest = 0;
  for (const auto& key : config->schema()) widest = std::max(widest, key.name.size());
  for (const auto& key : config->schema()) {
    const auto value = config->written(key.name);
    std::printf("%-*s  %-15s %-11s %-7s  %s\n", static_cast<int>(widest), key.name.c_str(),
                value.empty() ? "\"\"" : value.c_str(), std::string(config::name(config->origin(key.name))).c_str(),
                std::string(config::name(key.effect)).c_str(), key.help.c_str());
  }
  return 0;
}

}  // namespace skerry::cli
