// The schema of a gateway, and the settings that need more than a look-up.
#include "edge/settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "edge/security.hpp"
#include "edge/uplink.hpp"

namespace skerry::edge {

namespace key = config::key;

namespace {

constexpr auto live = config::Effect::live;        // a reload applies it: Node::apply()
constexpr auto restart = config::Effect::restart;  // counts from the next start

// clang-format off
config::Schema of_ground() {
  return {
      key::text("gateway.id", "", restart, "Name of this gateway; empty: drawn once and kept in the data folder."),
      key::text("site.time_zone", "", restart, "Time zone of the site, as the tz database names it (Europe/Berlin): the page's clock; empty: this machine's."),
      key::integer("port_offset", 0, "ports", 0, 50000, restart, "Added to every port, so that several gateways run side by side."),
      key::text("listen.host", "127.0.0.1", restart, "Address that all doors listen on."),
      key::boolean("listen.insecure", false, restart, "Allow listen.host to be reachable from outside without TLS and accounts."),

      key::choice("logging.level", "info", {"debug", "info", "warn", "error", "off"}, live, "Least important event to tell."),
      key::choice("logging.format", "text", {"text", "json"}, live, "How events are written to standard error."),

      key::choice("log.commit", "balanced", {"balanced", "fast"}, live, "balanced: readings wait for company, for the flash's sake; fast: nothing waits."),
      key::duration("log.window_max", "20ms", 0, 1, live, "Longest that a reading waits for company (balanced)."),
      key::number("log.window_above", 50, "arrivals per second", 0, 1e6, live, "From so many arrivals on readings wait (balanced)."),
      key::bytes("log.segment_bytes", "16MiB", 1048576, 1073741824, restart, "Size of one journal file."),
      key::bytes("log.tail_bytes_max", "1MiB", 65536, 268435456, restart, "Newest records kept in memory for readers."),
      key::bytes("log.waiting_bytes_max", "8MiB", 65536, 268435456, restart, "Appended and not yet on disk; beyond it doors push back."),
      key::bytes("log.budget", "0B", 0, 1e15, restart, "Disk that the log may use for all its files before the least important records are trimmed; 0: what the disk has room for, less log.disk_reserve."),
      key::number("log.disk_reserve", 0.15, "share of the disk", 0, 0.9, restart, "Stays free where log.budget is 0."),
      key::duration("log.low_keep", "1h", 0, 31536000, restart, "Records of class low (analytics, diagnostics, logs) go when they are older; 0: they stay while there is room."),
      key::map("local.fields", restart, "Fields that never leave the gateway: topic filter to their names, with spaces between (sensors/+/data: operator badge). Alerts, analytics and whatever else is made here lose them too; rules, history and the API here see them."),
      key::map("log.classes", restart, "Class of a topic: filter to critical, high, medium or low; the first match decides, and a map of one's own replaces the default one."),
  };
}

config::Schema of_doors() {
  return {
      key::boolean("mqtt.enabled", true, restart, "Listen for MQTT."),
      key::integer("mqtt.port", 1883, "port", 0, 65535, restart, "MQTT; 0: the system chooses."),
      key::bytes("mqtt.packet_bytes_max", "1MiB", 256, 256000000, restart, "Longest packet taken."),
      key::duration("mqtt.session_expiry_max", "7d", 0, 31536000, live, "Longest that an absent client's session is kept; counts for clients that connect from then on."),
      key::integer("mqtt.receive_maximum", 256, "messages", 1, 65535, restart, "Unacknowledged messages a client may send, and we send to it."),
      key::integer("mqtt.connections_max", 20000, "clients", 1, 1000000, live, "Clients at once; lowering it ends no connection."),
      key::integer("mqtt.sessions_max", 200000, "sessions", 1, 10000000, live, "Sessions, of connected clients and of absent ones."),
      key::integer("mqtt.subscriptions_per_session_max", 1000, "subscriptions", 1, 100000, live, "Subscriptions of one client."),
      key::integer("mqtt.retained_max", 1000000, "topics", 0, 10000000, live, "Topics with a retained message; one more is delivered and not retained."),
      key::integer("mqtt.inflight_max", 2048, "messages", 1, 65535, restart, "Unacknowledged messages to one client, where it allows so many."),
      key::integer("mqtt.topic_alias_max", 32, "aliases", 0, 65535, restart, "Topic aliases a client may use (MQTT 5)."),
      key::bytes("mqtt.unsent_bytes_max", "256KiB", 4096, 67108864, restart, "For one client; beyond it messages wait for the client in the log."),
      key::duration("mqtt.keep_alive_max", "0s", 0, 65535, live, "Longest keep-alive a client may ask for; 0s: any, also none."),
      key::duration("mqtt.connect_within", "10s", 1, 300, restart, "From a connection to its CONNECT."),
      key::duration("commands.not_after", "30s", 1, 86400, restart, "How long a command may wait for its device, where it does not say itself."),
      key::boolean("coap.enabled", true, restart, "Listen for CoAP."),
      key::integer("coap.port", 5683, "port", 0, 65535, restart, "CoAP over UDP; 0: the system chooses."),
      key::text("coap.cooling_controller", "", restart, "Where the cooling rule calls, coap://HOST:PORT; empty: the rule does not run."),
      key::map("coap.targets", restart, "Further CoAP servers that pipelines may call: name to coap://HOST:PORT."),
      key::integer("http.port", 8080, "port", 0, 65535, restart, "Page, API, health, metrics; 0: the system chooses."),
      key::bytes("http.body_bytes_max", "16MiB", 1024, 268435456, live, "Longest request body taken."),
      key::integer("http.connections_max", 1024, "connections", 1, 100000, live, "Connections at once; one more is answered 503."),
      key::bytes("http.stream_bytes_max", "1MiB", 262144, 67108864, restart, "Unsent to one client of the event stream; beyond it the client is dropped."),
      key::duration("http.idle_max", "75s", 1, 3600, restart, "Between two requests of a connection."),
      key::duration("http.request_max", "30s", 1, 3600, restart, "From the first byte of a request to its last."),
      key::integer("http.query_threads", 1, "threads", 0, 16, restart, "Threads that answer queries of readings."),
      key::text("http.allowed_hosts", "", live, "Names, besides this host's loopback names, that the page may be reached by (comma between)."),
  };
}

config::Schema of_readers() {
  return {
      key::boolean("pipelines.shipped", true, live, "Run the pipelines that come with Skerry."),
      key::text("pipelines.dir", "", live, "Folder with pipelines of your own (*.sql); empty: pipelines in the data folder. A reload reads it again."),
      key::integer("pipelines.keys_max", 100000, "keys", 1, 10000000, restart, "Keys (devices) that one window of a rule remembers; the least recently seen goes first."),
      key::integer("pipelines.window_rows_max", 200000, "rows", 1, 10000000, restart, "Rows of one key in one window; the oldest goes first."),
      key::integer("alerts.kept", 4096, "alerts", 16, 1000000, restart, "Newest alerts kept in memory; older ones are read from the log."),
      key::integer("commands.kept", 4096, "commands", 16, 100000, restart, "Newest commands kept in memory; older ones are read from the log."),
      key::map("twin.rules", restart, "Which side's value counts where gateway and cloud changed a desired field apart: filter of id/field (+/limit) to timestamp_based, edge_wins, cloud_wins, max or min; the first match decides."),
      key::integer("history.devices_max", 100000, "devices", 1, 10000000, restart, "Devices remembered with their last reading."),
  };
}
// clang-format on

}  // namespace

config::Schema schema() {
  config::Schema all;
  for (auto&& part : {of_ground(), of_doors(), security_schema(), of_readers(), uplink_schema()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

config::Sections sections() {
  return {
      {"gateway", "Who this gateway is."},
      {"site", "Where it stands."},
      {"listen", "Where it listens."},
      {"logging", "What it tells its operator, on standard error."},
      {"log", "The durable log: what is acknowledged is on disk."},
      {"local", "What never leaves the gateway."},
      {"mqtt", "The MQTT door."},
      {"coap", "The CoAP door, and CoAP servers that rules may call."},
      {"commands", "Commands to devices."},
      {"alerts", "Alerts."},
      {"http", "The HTTP door: page, API, health, metrics."},
      {"security", "Who needs an identity, and what it may."},
      {"mqtts", "The MQTT door with TLS."},
      {"ws", "The MQTT door over WebSocket."},
      {"coaps", "The CoAP door with DTLS."},
      {"https", "The HTTPS door with mutual TLS."},
      {"tls", "What the doors with TLS share."},
      {"pki", "The site's certificates."},
      {"risk", "How unusual a session is, and what follows."},
      {"pipelines", "Rules in SQL."},
      {"twin", "What is desired of devices, and what they reported."},
      {"history", "Devices and their readings."},
      {"cloud", "The cloud side that this gateway reports to."},
      {"sync", "What goes to the cloud."},
      {"link", "The ways to the cloud, and how the link is shared by what waits for it."},
      {"failover", "What happens while the link to the cloud is down, and when it is back."},
  };
}

Result<record::ClassRules> class_rules(const config::Config& config) {
  const auto& pairs = config.map("log.classes");
  if (pairs.empty()) return record::ClassRules();
  std::vector<record::ClassRules::Rule> rules;
  for (const auto& [filter, class_name] : pairs) {
    if (const auto ok = record::check_filter(filter); !ok)
      return fail(Code::invalid, ok.error().what, config.where("log.classes") + ": log.classes: " + filter);
    const auto cls = record::class_named(class_name);
    if (!cls)
      return fail(Code::invalid, "is \"" + class_name + "\"; expected critical, high, medium or low",
                  config.where("log.classes") + ": log.classes: " + filter);
    rules.push_back({filter, *cls});
  }
  return record::ClassRules(std::move(rules));
}

namespace {

constexpr std::string_view zones = "/usr/share/zoneinfo/";

bool is_zone_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && name.front() != '/' && std::ranges::all_of(name, fits);
}

// What /etc/localtime leads to; a machine without it lives in UTC.
std::string zone_of_machine() {
  if (const char* set = std::getenv("TZ"); set != nullptr) {
    std::string_view name(set);
    if (name.starts_with(':')) name.remove_prefix(1);
    if (is_zone_name(name)) return std::string(name);
  }
  std::error_code none;
  const auto target = std::filesystem::read_symlink("/etc/localtime", none).string();
  const auto at = target.find("zoneinfo/");
  const auto name = at == std::string::npos ? std::string() : target.substr(at + 9);
  return is_zone_name(name) && name != "Etc/UTC" ? name : "UTC";
}

}  // namespace

Result<std::string> time_zone(const config::Config& config) {
  const auto& name = config.text("site.time_zone");
  if (name.empty()) return zone_of_machine();
  std::error_code none;
  const bool known =
      !std::filesystem::exists(zones, none) || std::filesystem::is_regular_file(std::string(zones) + name, none);
  if (is_zone_name(name) && known) return name;
  return fail(
      Code::invalid,
      "is no time zone that this machine knows; a name of the tz database is expected, like Europe/Berlin or UTC",
      config.where("site.time_zone") + ": site.time_zone");
}

Result<std::uint16_t> port(const config::Config& config, std::string_view key) {
  const auto number = config.integer(key);
  if (number == 0) return 0;
  const auto moved = number + config.integer("port_offset");
  if (moved > 65535)
    return fail(Code::invalid, "with port_offset it is " + std::to_string(moved) + "; the last port is 65535",
                config.where(key) + ": " + std::string(key));
  return static_cast<std::uint16_t>(moved);
}

bool listens_on_loopback(const config::Config& config) {
  const auto& host = config.text("listen.host");
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<std::string> listen_host(const config::Config& config) {
  const auto& host = config.text("listen.host");
  if (listens_on_loopback(config) || config.flag("listen.insecure")) return host;
  return fail(
      Code::denied,
      "is reachable from outside, and the doors there have no TLS. Keep 127.0.0.1 and let devices and people in by "
      "TLS (tls.host), or set "
      "listen.insecure=true where the network itself keeps strangers out",
      config.where("listen.host") + ": listen.host=" + host);
}

Result<record::ClassMask> sync_classes(const config::Config& config) {
  record::ClassMask classes = 0;
  std::string_view rest = config.text("sync.classes");
  while (!rest.empty()) {
    const auto one = rest.substr(0, rest.find(','));
    const auto cls = record::class_named(one);
    if (!cls)
      return fail(Code::invalid,
                  "holds \"" + std::string(one) + "\"; expected critical, high, medium or low, with commas",
                  config.where("sync.classes") + ": sync.classes");
    classes |= record::mask(*cls);
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return classes;
}

Result<sync::LocalFields> local_fields(const config::Config& config) {
  auto fields = sync::LocalFields::of(config.map("local.fields"));
  if (!fields)
    return fail(fields.error().code, fields.error().what,
                config.where("local.fields") + ": local.fields: " + fields.error().where);
  return fields;
}

Result<twin::Rules> twin_rules(const config::Config& config) {
  auto rules = twin::Rules::of(config.map("twin.rules"), config.choice("failover.recovery.conflict_resolution"));
  if (!rules)
    return fail(rules.error().code, rules.error().what,
                config.where("twin.rules") + ": twin.rules: " + rules.error().where);
  return rules;
}

Result<> check(const config::Config& config) {
  TRY(uplink_options(config, {}, {}));
  TRY(class_rules(config));
  TRY(local_fields(config));
  TRY(twin_rules(config));
  TRY(listen_host(config));
  TRY(time_zone(config));
  TRY(identity_options(config, {}));
  for (const auto& key : config.schema()) {
    if (key.name.ends_with(".port")) TRY(port(config, key.name));
  }
  return {};
}

}  // namespace skerry::edge
