// Settings into options of the parts.
#include "edge/parts.hpp"

#include "base/embedded.hpp"
#include "base/logger.hpp"

namespace skerry::embedded {
std::span<const Embedded> pipelines();       // compiled in by cmake/embed.cmake
std::span<const Embedded> demo_pipelines();  // one a demo, by its name
}  // namespace skerry::embedded

namespace skerry::edge {
namespace {

std::string name_of(std::string_view file) {
  const auto dot = file.rfind('.');
  return std::string(file.substr(0, dot));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (comma != 0) all.emplace_back(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return all;
}

}  // namespace

Result<std::vector<stream::PipelineText>> find_pipelines(Files& files, const config::Config& config,
                                                         const std::string& data_dir, std::string_view demo) {
  std::vector<stream::PipelineText> all;
  if (config.flag("pipelines.shipped")) {
    for (const auto& each : embedded::pipelines()) {
      // Without a controller there is nobody to ask for cooling.
      if (each.name == "cooling.sql" && config.text("coap.cooling_controller").empty()) continue;
      all.push_back({name_of(each.name), std::string(each.bytes)});
    }
  }
  for (const auto& each : embedded::demo_pipelines()) {
    if (name_of(each.name) == demo) all.push_back({name_of(each.name), std::string(each.bytes)});
  }
  const auto& set = config.text("pipelines.dir");
  const auto dir = set.empty() ? join_path(data_dir, "pipelines") : set;
  if (!TRY(files.exists(dir))) {
    if (!set.empty()) return fail(Code::not_found, "there is no such folder", "pipelines.dir=" + set);
    return all;
  }
  for (auto& own : TRY(stream::read_pipelines(files, dir))) {
    std::erase_if(all, [&own](const auto& each) { return each.name == own.name; });
    all.push_back(std::move(own));
  }
  return all;
}

log::Options log_options(const config::Config& config) {
  return {
      .profile = config.choice("log.commit") == "fast" ? log::Profile::fast : log::Profile::balanced,
      .window_max = config.duration("log.window_max"),
      .window_above_per_second = config.number("log.window_above"),
      .segment_bytes = config.bytes("log.segment_bytes"),
      .tail_bytes_max = config.bytes("log.tail_bytes_max"),
      .waiting_bytes_max = config.bytes("log.waiting_bytes_max"),
      .budget_bytes = config.bytes("log.budget"),
      .disk_reserve = config.number("log.disk_reserve"),
      .cache_duration =
          std::chrono::floor<std::chrono::seconds>(config.duration("failover.offline_mode.cache_duration")),
      .low_keep = std::chrono::floor<std::chrono::seconds>(config.duration("log.low_keep")),
  };
}

mqtt::Options mqtt_options(const config::Config& config) {
  mqtt::Options options;
  options.packet_bytes_max = static_cast<std::uint32_t>(config.bytes("mqtt.packet_bytes_max"));
  options.receive_maximum = static_cast<std::uint16_t>(config.integer("mqtt.receive_maximum"));
  options.connections_max = static_cast<std::size_t>(config.integer("mqtt.connections_max"));
  options.session_expiry_s_max =
      static_cast<std::uint32_t>(config.duration("mqtt.session_expiry_max").count() / 1'000'000);
  options.sessions_max = static_cast<std::size_t>(config.integer("mqtt.sessions_max"));
  options.subscriptions_per_session_max =
      static_cast<std::size_t>(config.integer("mqtt.subscriptions_per_session_max"));
  options.retained_max = static_cast<std::size_t>(config.integer("mqtt.retained_max"));
  options.inflight_max = static_cast<std::uint16_t>(config.integer("mqtt.inflight_max"));
  options.topic_alias_max = static_cast<std::uint16_t>(config.integer("mqtt.topic_alias_max"));
  options.unsent_bytes_max = config.bytes("mqtt.unsent_bytes_max");
  options.keep_alive_s_max = static_cast<std::uint16_t>(config.duration("mqtt.keep_alive_max").count() / 1'000'000);
  options.connect_within = std::chrono::ceil<std::chrono::seconds>(config.duration("mqtt.connect_within"));
  options.command_expiry = std::chrono::ceil<std::chrono::seconds>(config.duration("commands.not_after"));
  return options;
}

api::Options api_options(const config::Config& config) {
  api::Options options;
  options.act.ttl_default = std::chrono::floor<std::chrono::milliseconds>(config.duration("commands.not_after"));
  options.http.body_bytes_max = config.bytes("http.body_bytes_max");
  options.http.connections_max = static_cast<std::size_t>(config.integer("http.connections_max"));
  options.http.stream_bytes_max = config.bytes("http.stream_bytes_max");
  options.http.idle_max = std::chrono::ceil<std::chrono::seconds>(config.duration("http.idle_max"));
  options.http.request_max = std::chrono::ceil<std::chrono::seconds>(config.duration("http.request_max"));
  for (const char* names : {"http.allowed_hosts", "tls.names"}) {
    for (const auto& host : split(config.text(names))) options.http.hosts.push_back(host);
  }
  options.query_threads = static_cast<int>(config.integer("http.query_threads"));
  return options;
}

coap::ActionOptions action_options(const config::Config& config, const record::ClassRules& classes,
                                   std::string checkpoint_path) {
  coap::ActionOptions options;
  for (const auto& [name, url] : config.map("coap.targets")) options.targets[name] = url;
  if (const auto& url = config.text("coap.cooling_controller"); !url.empty())
    options.targets["cooling_controller"] = url;
  options.not_after = std::chrono::floor<std::chrono::milliseconds>(config.duration("commands.not_after"));
  options.checkpoint_path = std::move(checkpoint_path);
  options.classes = classes;
  return options;
}

void configure_logger(const config::Config& config) {
  const auto& level = config.choice("logging.level");
  logger::configure(level == "debug"  ? logger::Level::debug
                    : level == "info" ? logger::Level::info
                    : level == "warn" ? logger::Level::warn
                    : level == "off"  ? logger::Level::off
                                      : logger::Level::error,
                    config.choice("logging.format") == "json" ? logger::Format::json : logger::Format::text);
}

}  // namespace skerry::edge
