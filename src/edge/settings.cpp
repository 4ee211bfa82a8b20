// The schema of a gateway, and the settings that need more than a look-up.
#include "edge/settings.hpp"

namespace skerry::edge {

using config::Type;

config::Schema schema() {
  return {
      {"gateway.id", Type::text, "", "name of this gateway; empty: drawn once and kept in the data folder"},
      {"port_offset", Type::integer, "0", "added to every port, so that several gateways run side by side", 0, 50000},
      {"listen.host", Type::text, "127.0.0.1", "address that all doors listen on"},
      {"listen.insecure", Type::boolean, "false",
       "allow listen.host to be reachable from outside without TLS and accounts"},
      {"logging.level",
       Type::choice,
       "info",
       "least important event to tell",
       0,
       0,
       {"debug", "info", "warn", "error", "off"}},
      {"logging.format", Type::choice, "text", "how events are written to standard error", 0, 0, {"text", "json"}},

      {"log.commit",
       Type::choice,
       "balanced",
       "balanced: readings wait for company, for the flash's sake; fast: nothing waits",
       0,
       0,
       {"balanced", "fast"}},
      {"log.window_max", Type::duration, "20ms", "longest that a reading waits for company (balanced)", 0, 1},
      {"log.window_above", Type::number, "50", "arrivals a second from which on readings wait", 0, 1e6},
      {"log.segment_bytes", Type::bytes, "16MiB", "size of one journal file", 1048576, 1073741824},
      {"log.tail_bytes_max", Type::bytes, "4MiB", "newest records kept in memory for readers", 65536, 268435456},
      {"log.waiting_bytes_max", Type::bytes, "8MiB", "appended and not yet on disk; beyond it doors push back", 65536,
       268435456},
      {"log.classes", Type::map, "",
       "class of a topic: filter to critical, high, medium or low, the first match decides"},

      {"mqtt.enabled", Type::boolean, "true", "listen for MQTT"},
      {"mqtt.port", Type::integer, "1883", "MQTT; 0: the system chooses", 0, 65535},
      {"mqtt.packet_bytes_max", Type::bytes, "1MiB", "longest packet taken; MQTT's own end is 256 MB", 256, 268435455},
      {"mqtt.session_expiry_max", Type::duration, "7d", "longest that an absent client's session is kept", 0, 31536000},
      {"mqtt.receive_maximum", Type::integer, "256", "unacknowledged messages a client may send, and we send to it", 1,
       65535},
      {"mqtt.connections_max", Type::integer, "20000", "clients at once", 1, 1000000},

      {"commands.not_after", Type::duration, "30s",
       "how long a command may wait for its device, where it does not say itself", 1, 86400},

      {"http.port", Type::integer, "8080", "page, API, health, metrics; 0: the system chooses", 0, 65535},
      {"http.body_bytes_max", Type::bytes, "16MiB", "longest request body taken", 1024, 268435456},
      {"http.query_threads", Type::integer, "1", "threads that answer queries of readings", 0, 16},
      {"http.allowed_hosts", Type::text, "",
       "names, besides this host's loopback names, that the page may be reached by (comma between)"},

      {"pipelines.shipped", Type::boolean, "true", "run the pipelines that come with Skerry"},
      {"pipelines.dir", Type::text, "",
       "folder with pipelines of your own (*.sql); empty: pipelines in the data folder"},
      {"history.devices_max", Type::integer, "100000", "devices remembered with their last reading", 1, 10000000},
  };
}

Result<record::ClassRules> class_rules(const config::Config& config) {
  const auto& pairs = config.map("log.classes");
  if (pairs.empty()) return record::ClassRules();
  std::vector<record::ClassRules::Rule> rules;
  for (const auto& [filter, class_name] : pairs) {
    if (const auto ok = record::check_filter(filter); !ok)
      return fail(Code::invalid, ok.error().what, "log.classes: " + filter);
    const auto cls = record::class_named(class_name);
    if (!cls)
      return fail(Code::invalid, "is \"" + class_name + "\"; expected critical, high, medium or low",
                  "log.classes: " + filter);
    rules.push_back({filter, *cls});
  }
  return record::ClassRules(std::move(rules));
}

Result<std::uint16_t> port(const config::Config& config, std::string_view key) {
  const auto number = config.integer(key);
  if (number == 0) return 0;
  const auto moved = number + config.integer("port_offset");
  if (moved > 65535)
    return fail(Code::invalid, "with port_offset it is " + std::to_string(moved) + "; the last port is 65535",
                std::string(key));
  return static_cast<std::uint16_t>(moved);
}

Result<std::string> listen_host(const config::Config& config) {
  const auto& host = config.text("listen.host");
  const bool loopback = host == "localhost" || host == "::1" || host.starts_with("127.");
  if (loopback || config.flag("listen.insecure")) return host;
  return fail(Code::denied,
              "is reachable from outside, and this gateway has neither TLS nor accounts yet. Keep 127.0.0.1, or set "
              "listen.insecure=true where the network itself keeps strangers out",
              "listen.host=" + host);
}

}  // namespace skerry::edge
