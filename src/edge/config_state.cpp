// What the API and the metrics say about settings.
#include "edge/config_state.hpp"

#include "codec/json.hpp"

namespace skerry::edge {
namespace {

std::vector<std::string> waiting_keys(const config::Config& started, const config::Config& latest) {
  std::vector<std::string> keys;
  for (const auto& change : config::changes(started, latest)) {
    if (change.effect == config::Effect::restart) keys.push_back(change.key);
  }
  return keys;
}

std::string json_array(const std::vector<std::string>& texts) {
  std::string all = "[";
  for (const auto& each : texts) {
    if (all.size() > 1) all += ',';
    codec::append_json_string(all, each);
  }
  return all + "]";
}

}  // namespace

ConfigState::ConfigState(const config::Config& started, Wall now, metrics::Registry& metrics)
    : started_(started),
      latest_(std::make_shared<const config::Config>(started)),
      loaded_at_(now),
      applied_total_(metrics.counter("skerry_config_reloads_total", "Reloads of the settings, by what became of them.",
                                     {{"result", "applied"}})),
      refused_total_(metrics.counter("skerry_config_reloads_total", "Reloads of the settings, by what became of them.",
                                     {{"result", "refused"}})),
      restart_needed_(
          metrics.gauge("skerry_config_restart_needed_keys", "Keys whose new value counts only after a restart.")),
      last_ok_(metrics.gauge("skerry_config_last_reload_successful", "1: the settings on disk are the ones in use.")) {
  last_ok_.set(1);
}

std::shared_ptr<const config::Config> ConfigState::latest() const {
  const std::scoped_lock lock(mutex_);
  return latest_;
}

void ConfigState::refused(const Error& why, Wall now) {
  const std::scoped_lock lock(mutex_);
  ++refusals_;
  last_error_ = format_rfc3339(to_event(now)) + " " + why.text();
  refused_total_.add();
  last_ok_.set(0);
}

void ConfigState::applied(const config::Config& config, Wall now) {
  const std::scoped_lock lock(mutex_);
  latest_ = std::make_shared<const config::Config>(config);
  loaded_at_ = now;
  ++reloads_;
  last_error_.clear();
  applied_total_.add();
  last_ok_.set(1);
  restart_needed_.set(static_cast<double>(waiting_keys(started_, config).size()));
}

std::string ConfigState::restart_needed() const { return json_array(waiting_keys(started_, *latest())); }

std::string ConfigState::status() const {
  const auto waiting = restart_needed();
  const std::scoped_lock lock(mutex_);
  std::string text = R"({"loaded_at":")" + format_rfc3339(to_event(loaded_at_)) + R"(","reloads":)" +
                     std::to_string(reloads_) + R"(,"refused":)" + std::to_string(refusals_) + R"(,"last_error":)";
  if (last_error_.empty()) {
    text += "null";
  } else {
    codec::append_json_string(text, last_error_);
  }
  return text + R"(,"restart_needed":)" + waiting + "}";
}

std::string ConfigState::items() const {
  const auto config = latest();
  std::string all;
  for (const auto& key : config->schema()) {
    if (!all.empty()) all += ',';
    all += config::describe(*config, key);
  }
  return all;
}

}  // namespace skerry::edge
