// The keys of the link to the cloud, what they make of it, and its status as JSON.
#include "edge/uplink.hpp"

#include <nlohmann/json.hpp>

#include "edge/settings.hpp"
#include "sync/log_source.hpp"

namespace skerry::edge {

namespace key = config::key;

// clang-format off
config::Schema uplink_schema() {
  constexpr auto restart = config::Effect::restart;
  return {
      key::text("cloud.url", "", restart, "Where the cloud side is: wss://host:8091, or ws://127.0.0.1:8091 on this machine; empty: there is none."),
      key::text("cloud.ca", "", restart, "PEM file with the authorities that the cloud's certificate must come from; with wss://. Files are read again at each connection."),
      key::text("cloud.certificate", "", restart, "PEM file with this gateway's certificate, then its issuers; its common name is gateway.id."),
      key::text("cloud.key", "", restart, "PEM file with its private key."),
      key::text("cloud.server_name", "", restart, "Name or address that the cloud's certificate must hold; empty: the host of cloud.url."),
      key::text("sync.classes", "critical,high,medium", restart, "Classes of records that go to the cloud (comma between); low holds analytics and diagnostics."),
      key::duration("sync.linger", "200ms", 0, 60, restart, "How long records of class medium and low wait for company on their way to the cloud."),
      key::duration("failover.network_timeout", "30s", 1, 3600, restart, "A link to the cloud that has said nothing for so long counts as down."),
      key::boolean("failover.offline_mode.enabled", true, restart, "Keep for the cloud what comes in while the link is down."),
      key::duration("failover.offline_mode.cache_duration", "24h", 60, 31536000, restart, "How much of it there must be room for."),
      key::choice("failover.recovery.sync_strategy", "incremental", {"incremental"}, restart, "On return: only what the cloud has not acknowledged is sent."),
      key::choice("failover.recovery.conflict_resolution", "timestamp_based", {"timestamp_based"}, restart, "Which side wins where both have changed the same: the later one."),
  };
}
// clang-format on

Result<link::UplinkOptions> uplink_options(const config::Config& config, const std::string& gateway,
                                           const std::string& data_dir) {
  link::UplinkOptions options;
  options.classes = TRY(sync_classes(config));
  if (config.text("cloud.url").empty()) return options;
  options.url = TRY(link::parse_url(config.text("cloud.url")));
  options.credentials = {.trusted = config.text("cloud.ca"),
                         .certificate = config.text("cloud.certificate"),
                         .key = config.text("cloud.key"),
                         .revoked = {}};
  options.server_name = config.text("cloud.server_name");
  for (const auto* const name : {"cloud.ca", "cloud.certificate", "cloud.key"}) {
    if (options.url.tls && config.text(name).empty())
      return fail(Code::invalid, "is needed with wss://: a PEM file (`skerry pki issue ID --role gateway` makes one)",
                  name);
  }
  options.gateway = gateway;
  options.software = "skerry " SKERRY_VERSION;
  options.state_path = join_path(join_path(data_dir, "state"), sync::state_name);
  const auto linger = std::chrono::floor<std::chrono::milliseconds>(config.duration("sync.linger"));
  options.linger[static_cast<std::size_t>(record::Class::medium)] = linger;
  options.linger[static_cast<std::size_t>(record::Class::low)] = linger;
  options.network_timeout = std::chrono::floor<std::chrono::milliseconds>(config.duration("failover.network_timeout"));
  return options;
}

std::string uplink_json(const link::UplinkStatus& status) {
  nlohmann::ordered_json all{{"url", status.url},
                             {"up", status.up},
                             {"phase", sync::name(status.phase)},
                             {"epoch", std::to_string(status.epoch)},
                             {"backlog_records", status.backlog}};
  for (std::size_t c = 0; c < record::class_count; ++c)
    all["acknowledged"][record::name(static_cast<record::Class>(c))] = status.acknowledged[c];
  if (status.refused) all["refused"] = {{"reason", sync::name(status.refused->reason)}, {"why", status.refused->why}};
  if (status.trouble) {
    all["trouble"] = status.trouble->text;
    all["trouble_kind"] = status.trouble->kind;
  }
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace skerry::edge
