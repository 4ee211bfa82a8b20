// `skerry up` and `skerry edge`: start a gateway, say where it is, and wait for the end.
#include <malloc.h>
#include <csignal>
#include <cstdio>
#include <string>

#include "base/logger.hpp"
#include "cli/cli.hpp"
#include "cli/demo_supervisor.hpp"
#include "cli/lan.hpp"
#include "cli/signals.hpp"
#include "cli/supervisor.hpp"
#include "cloud/cloud.hpp"
#include "cloud/settings.hpp"
#include "demo/demo.hpp"
#include "edge/gateway.hpp"
#include "edge/parts.hpp"

namespace skerry::cli {

Result<std::unique_ptr<edge::Gateway>> start_gateway(const StartOptions& options, const api::Demo& demo, Files* files,
                                                     std::function<std::unique_ptr<Loop>(Loop&)> network) {
  const auto config = TRY(load_config(options));
  edge::configure_logger(config);
  TRY(system_files().make_dirs(options.data_dir));
  auto gateway = edge::Gateway::start({.config = config,
                                       .data_dir = options.data_dir,
                                       .demo = demo,
                                       .files = files,
                                       .network = std::move(network),
                                       .read_config = [options] { return load_config(options); },
                                       .alive = [] { tell_supervisor("WATCHDOG=1"); }});
  malloc_trim(0);  // what starting took, and running does not need
  return gateway;
}

void print_welcome(const Welcome& welcome, const UpOptions& options) {
  const auto mqtt = std::to_string(welcome.mqtt);
  const auto http = std::to_string(welcome.http);
  std::string text = "\n  Skerry " SKERRY_VERSION "   gateway " + welcome.gateway_id + "   data " + options.data_dir;
  if (!welcome.demo.empty()) text += "   demo " + welcome.demo;
  text += "\n\n  Page    http://127.0.0.1:" + http + "/\n";
  text += "  MQTT    127.0.0.1:" + mqtt + "\n";
  if (welcome.cloud_http != 0)
    text += "  Cloud   http://127.0.0.1:" + std::to_string(welcome.cloud_http) + "/api/v1/readings\n";
  text += "\n";
  if (options.lan_text) text += options.lan_text(welcome.mqtts, welcome.https);
  text += "  Make a device of your own appear:\n\n";
  text += "    mosquitto_pub -h 127.0.0.1 -p " + mqtt +
          " -q 1 -t sensors/my-device/data -m '{\"temperature\":21.5,\"humidity\":40}'\n\n";
  text +=
      "    curl http://127.0.0.1:" + http +
      "/api/v1/readings -H 'Content-Type: application/json' -d '{\"device_id\":\"my-device\",\"temperature\":85}'\n\n";
  text += "  The second one is too hot, so an alert fires. What is acknowledged is on disk";
  text += welcome.demo.empty()
              ? ".\n"
              : ":\n  kill -9 the gateway (docs/demos.md says how); it comes back by itself, with all of it.\n";
  text += "  Ctrl-C ends Skerry; the next start goes on where this one ended.\n\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

namespace {

Result<config::Config> load_cloud_config(const StartOptions& options) {
  return config::Config::load(system_files(), cloud::schema(), options.config_file, config::system_environment(),
                              options.sets);
}

// Of `skerry up`: a cloud side in the same process, on its own ports where the gateway is on its own, else on any.
Result<std::unique_ptr<cloud::Cloud>> start_cloud_beside(UpOptions& options) {
  const auto edge_config = TRY(load_config(options));
  if (!edge_config.text("cloud.url").empty()) return nullptr;
  StartOptions own{.data_dir = join_path(options.data_dir, "cloud")};
  own.sets.push_back("port_offset=" + std::to_string(edge_config.integer("port_offset")));
  if (edge_config.origin("http.port") != config::Config::Origin::fallback)
    own.sets.insert(own.sets.end(), {"http.port=0", "link.port=0"});
  const auto config = TRY(config::Config::load(system_files(), cloud::schema(), "", {}, own.sets));
  auto started = TRY(cloud::Cloud::start(config, own.data_dir));
  options.sets.push_back("cloud.url=ws://127.0.0.1:" + std::to_string(started->ports().at("link")));
  return started;
}

}  // namespace

int cloud(const StartOptions& options) {
  block_signals();
  const auto config = load_cloud_config(options);
  if (!config) return failed(config.error());
  edge::configure_logger(*config);
  auto started = cloud::Cloud::start(*config, options.data_dir);
  if (!started) return failed(started.error());
  logger::info(
      "cloud", "ready",
      {{"http", (*started)->ports().at("http")}, {"link", (*started)->ports().at("link")}, {"data", options.data_dir}});
  tell_supervisor("READY=1");
  int number = wait_for_signal();
  while (number == SIGHUP) number = wait_for_signal();
  tell_supervisor("STOPPING=1");
  logger::info("cloud", "ending", {{"signal", number}});
  started->reset();
  return 0;
}

int up(const UpOptions& asked) {
  auto options = asked;
  block_signals();
  if (options.lan) {
    auto text = prepare_lan(options);
    if (!text) return failed(text.error());
    options.lan_text = std::move(*text);
  }
  std::unique_ptr<demo::Demo> demo;
  if (options.demo != "none") {
    auto loaded = demo::Demo::load(options.demo, {options.speed, options.original_clock, options.once, options.seed});
    if (!loaded) return failed(loaded.error());
    demo = std::move(*loaded);
  }
  auto beside = start_cloud_beside(options);
  if (!beside) return failed(beside.error());
  const auto cloud_http = *beside ? (*beside)->ports().at("http") : std::uint16_t{0};
  if (demo) return supervise(options, cloud_http, std::move(demo));
  auto gateway = start_gateway(options);
  if (!gateway) return failed(gateway.error());
  auto& node = (*gateway)->node();
  auto ports = node.ports();
  print_welcome({node.gateway_id(), ports["mqtt"], ports["http"], cloud_http, "", ports["mqtts"], ports["https"]},
                options);
  wait_for_signal();
  std::puts("\n  Ending: what was acknowledged is on disk.");
  gateway->reset();
  beside->reset();
  return 0;
}

int edge(const StartOptions& options) {
  block_signals();
  auto gateway = start_gateway(options);
  if (!gateway) return failed(gateway.error());
  auto& node = (*gateway)->node();
  logger::info("edge", "ready",
               {{"gateway", node.gateway_id()},
                {"mqtt", node.ports().contains("mqtt") ? node.ports().at("mqtt") : 0},
                {"http", node.ports().at("http")},
                {"data", options.data_dir}});
  tell_supervisor("READY=1");
  int number = wait_for_signal();
  for (; number == SIGHUP; number = wait_for_signal()) (*gateway)->reload("SIGHUP");
  tell_supervisor("STOPPING=1");
  logger::info("edge", "ending", {{"signal", number}});
  gateway->reset();
  return 0;
}

}  // namespace skerry::cli
