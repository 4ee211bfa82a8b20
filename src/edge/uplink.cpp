// The keys of the link to the cloud, what they make of it, and its status as JSON.
#include "edge/uplink.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "edge/settings.hpp"
#include "sync/log_source.hpp"

namespace skerry::edge {

namespace key = config::key;

// clang-format off
config::Schema queue_schema() {
  constexpr auto restart = config::Effect::restart;
  struct Line {
    const char* cls;
    std::int64_t size;
    double share;
  };
  config::Schema all;
  for (const auto& [cls, size, share] : {Line{"critical", 100, 30}, Line{"high", 500, 40}, Line{"medium", 1000, 20}, Line{"low", 2000, 10}}) {
    const auto at = "link.queues." + std::string(cls) + ".";
    all.push_back(key::integer(at + "size", size, "messages", 1, 1e6, restart, "That wait for the link before others leave the queue; what is too much of critical first takes places of the lowest class."));
    all.push_back(key::number(at + "share", share, "percent", 0.1, 100, restart, "Of the link while all classes wait; what one does not use goes to the others in proportion."));
    all.push_back(key::duration(at + "ttl", "30s", 0.1, 31536000, restart, "After it a message leaves the queue."));
    all.push_back(key::choice(at + "late", "backlog", {"backlog", "drop"}, restart, "What becomes of a message that leaves the queue: it is sent later, or dropped, which the cloud is told (a declared gap)."));
  }
  return all;
}

config::Schema link_schema() {
  constexpr auto restart = config::Effect::restart;
  config::Schema all{
      key::map("link.ways", restart, "Further ways to the same cloud: a name to what is not as with the way main (cloud.url, priority=1): an address wss://host:8091, interface=NAME, source=ADDRESS, priority=2, cost=0, server_name=NAME. Of those that work the least priority is used, among equals the least cost. An entry main adds to that way."),
      key::duration("link.back_every", "60s", 1, 86400, restart, "While another than the best way is used, better ones are looked at so often; one that answers steadily is gone back to."),
      key::text("link.bandwidth", "adaptive", restart, "What the link may use: a rate like 2Mbit or 256kbit (per second, headers counted), or adaptive: what it is found to take."),
      key::duration("link.cycle", "100ms", 0.01, 10, restart, "How often queues are looked at: fill, age, size, congestion."),
      key::number("link.congestion.mild_above", 0.5, "fill ratio", 0, 1, restart, "Mean of the last fill ratios above which congestion is mild."),
      key::number("link.congestion.mild_bandwidth", 0.8, "share of link.bandwidth", 0.01, 1, restart, "That is used then, where link.bandwidth is a rate."),
      key::number("link.congestion.severe_above", 0.8, "fill ratio", 0, 1, restart, "Above which it is severe."),
      key::number("link.congestion.severe_bandwidth", 0.6, "share of link.bandwidth", 0.01, 1, restart, "That is used then."),
      key::integer("link.congestion.samples", 100, "fill ratios", 1, 100000, restart, "One a cycle, that the mean is made of."),
      key::text("link.congestion_control", "bbr", restart, "How TCP finds out what the way takes, where the kernel has it (bbr, cubic, reno); empty: as the system is set."),
      key::integer("link.devices_max", 2000, "devices", 1, 1000000, restart, "Whose statistics are kept; the one silent longest goes."),
  };
  auto queues = queue_schema();
  all.insert(all.end(), queues.begin(), queues.end());
  return all;
}

config::Schema uplink_schema() {
  constexpr auto restart = config::Effect::restart;
  config::Schema all{
      key::text("cloud.url", "", restart, "Where the cloud side is: wss://host:8091, or ws://127.0.0.1:8091 on this machine; empty: there is none."),
      key::text("cloud.ca", "", restart, "PEM file with the authorities that the cloud's certificate must come from; with wss://. Files are read again at each connection."),
      key::text("cloud.certificate", "", restart, "PEM file with this gateway's certificate, then its issuers; its common name is gateway.id."),
      key::text("cloud.key", "", restart, "PEM file with its private key."),
      key::text("cloud.server_name", "", restart, "Name or address that the cloud's certificate must hold; empty: the host of cloud.url."),
      key::text("sync.classes", "critical,high,medium", restart, "Classes of records that go to the cloud (comma between); low holds analytics and diagnostics."),
      key::duration("sync.linger", "200ms", 0, 60, restart, "How long records of class medium and low wait for company on their way to the cloud."),
      key::duration("failover.network_timeout", "30s", 1, 3600, restart, "A link to the cloud that has said nothing for so long, though it was asked, counts as down; the next way is tried."),
      key::boolean("failover.offline_mode.enabled", true, restart, "Keep for the cloud what comes in while the link is down."),
      key::duration("failover.offline_mode.cache_duration", "24h", 60, 31536000, restart, "How much of it there must be room for."),
      key::choice("failover.recovery.sync_strategy", "incremental", {"incremental"}, restart, "On return: only what the cloud has not acknowledged is sent."),
      key::choice("failover.recovery.conflict_resolution", "timestamp_based", {"timestamp_based", "edge_wins", "cloud_wins"}, restart, "Which side wins where both have changed the same field of a twin apart, and twin.rules says nothing: the later one, or always the same side."),
  };
  auto link = link_schema();
  all.insert(all.end(), link.begin(), link.end());
  return all;
}
// clang-format on

namespace {

Result<sync::QueuesOptions> queues_options(const config::Config& config) {
  sync::QueuesOptions options;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto at = "link.queues." + std::string(record::name(static_cast<record::Class>(c))) + ".";
    options.classes[c] = {
        .size = static_cast<std::uint64_t>(config.integer(at + "size")),
        .share = config.number(at + "share") / 100,
        .ttl = std::chrono::floor<std::chrono::milliseconds>(config.duration(at + "ttl")),
        .drop_late = config.choice(at + "late") == "drop",
    };
  }
  options.cycle = std::chrono::floor<std::chrono::milliseconds>(config.duration("link.cycle"));
  auto rate = parse_rate(config.text("link.bandwidth"));
  if (!rate) return fail(Code::invalid, rate.error().what, config.where("link.bandwidth") + ": link.bandwidth");
  options.bandwidth = *rate;
  options.mild_above = config.number("link.congestion.mild_above");
  options.mild_bandwidth = config.number("link.congestion.mild_bandwidth");
  options.severe_above = config.number("link.congestion.severe_above");
  options.severe_bandwidth = config.number("link.congestion.severe_bandwidth");
  options.samples = static_cast<std::size_t>(config.integer("link.congestion.samples"));
  if (options.severe_above < options.mild_above)
    return fail(Code::invalid, "is below link.congestion.mild_above",
                config.where("link.congestion.severe_above") + ": link.congestion.severe_above");
  return options;
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Result<std::uint64_t> parse_rate(std::string_view text) {
  if (text == "adaptive") return std::uint64_t{0};
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(read.ptr, static_cast<std::size_t>(text.data() + text.size() - read.ptr));
  if (unit.ends_with("/s")) unit.remove_suffix(2);
  const double bits = unit == "bit" ? 1 : unit == "kbit" ? 1e3 : unit == "Mbit" ? 1e6 : unit == "Gbit" ? 1e9 : 0;
  if (read.ec != std::errc{} || bits == 0)
    return fail(Code::invalid, "is \"" + std::string(text) + "\"; expected adaptive, or a rate like 2Mbit or 256kbit");
  const auto bytes = number * bits / 8;
  if (!(bytes >= 1'000) || bytes > 1e12) return fail(Code::invalid, "is no rate of a link: 8kbit is the least");
  return static_cast<std::uint64_t>(bytes);
}

Result<link::UplinkOptions> uplink_options(const config::Config& config, const std::string& gateway,
                                           const std::string& data_dir) {
  link::UplinkOptions options;
  options.classes = TRY(sync_classes(config));
  options.queues = TRY(queues_options(config));
  if (config.text("cloud.url").empty()) return options;
  options.ways = TRY(uplink_ways(config));
  options.back_every = std::chrono::floor<std::chrono::milliseconds>(config.duration("link.back_every"));
  options.credentials = {.trusted = config.text("cloud.ca"),
                         .certificate = config.text("cloud.certificate"),
                         .key = config.text("cloud.key"),
                         .revoked = {}};
  const bool tls = std::ranges::any_of(options.ways, [](const auto& way) { return way.url.tls; });
  for (const auto* const name : {"cloud.ca", "cloud.certificate", "cloud.key"}) {
    if (tls && config.text(name).empty())
      return fail(Code::invalid, "is needed with wss://: a PEM file (`skerry pki issue ID --role gateway` makes one)",
                  name);
  }
  options.congestion_control = config.text("link.congestion_control");
  options.devices_max = static_cast<std::size_t>(config.integer("link.devices_max"));
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
                             {"way", status.way},
                             {"up", status.up},
                             {"phase", sync::name(status.phase)},
                             {"epoch", std::to_string(status.epoch)},
                             {"backlog_records", status.backlog}};
  all["live_delay_seconds"] =
      status.live_delay ? nlohmann::ordered_json(seconds(*status.live_delay)) : nlohmann::ordered_json();
  for (std::size_t c = 0; c < record::class_count; ++c)
    all["acknowledged"][record::name(static_cast<record::Class>(c))] = status.acknowledged[c];
  if (status.refused) all["refused"] = {{"reason", sync::name(status.refused->reason)}, {"why", status.refused->why}};
  if (status.trouble) {
    all["trouble"] = status.trouble->text;
    all["trouble_kind"] = status.trouble->kind;
  }
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string link_json(const link::UplinkStatus& status) {
  using Json = nlohmann::ordered_json;
  const auto& shares = status.shares;
  Json queues = Json::object();
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& own = shares.options[c];
    const auto& queue = shares.queues[c];
    queues[std::string(record::name(static_cast<record::Class>(c)))] = {{"size", own.size},
                                                                        {"share", own.share},
                                                                        {"ttl_seconds", seconds(own.ttl)},
                                                                        {"late", own.drop_late ? "drop" : "backlog"},
                                                                        {"waiting", queue.waiting},
                                                                        {"oldest_seconds", seconds(queue.oldest)},
                                                                        {"backlog", queue.backlog},
                                                                        {"sent", queue.sent},
                                                                        {"sent_bytes", queue.sent_bytes},
                                                                        {"share_now", queue.share},
                                                                        {"displaced", queue.displaced},
                                                                        {"expired", queue.expired},
                                                                        {"dropped", queue.dropped}};
  }
  Json all{
      {"up", status.up}, {"way", status.way}, {"congestion", sync::name(shares.congestion)}, {"fill", shares.fill}};
  all["bandwidth_bytes_per_second"] = shares.bandwidth == 0 ? Json() : Json(shares.bandwidth);
  all["budget_bytes_per_second"] = shares.bandwidth == 0 ? Json() : Json(shares.budget);
  all["rate_bytes_per_second"] = shares.rate == 0 ? Json() : Json(shares.rate);
  all["frame_bytes"] = shares.frame_bytes;
  all["unacknowledged_bytes"] = shares.unacknowledged;
  if (const auto& path = shares.path) {
    all["path"] = {{"rtt_seconds", seconds(path->rtt)},
                   {"rtt_min_seconds", seconds(path->rtt_min)},
                   {"unsent_bytes", path->unsent},
                   {"segments_in_flight", path->in_flight},
                   {"segments_resent", path->resent}};
  }
  all["queues"] = std::move(queues);
  all.update(Json::parse(uplink_ways_json(status)));
  return all.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string link_devices_json(const link::Devices& devices, std::string_view cursor, std::size_t limit) {
  using Json = nlohmann::ordered_json;
  auto list = devices.list(cursor, limit + 1);
  const bool more = list.size() > limit;
  if (more) list.pop_back();
  Json items = Json::array();
  for (const auto& each : list) {
    Json item{{"device_id", each.device}};
    for (std::size_t c = 0; c < record::class_count; ++c) {
      const auto& counts = each.classes[c];
      if (counts.packets == 0) continue;
      item[std::string(record::name(static_cast<record::Class>(c)))] = {
          {"packets", counts.packets},
          {"bytes", counts.bytes},
          {"latency_seconds", counts.waited_s / static_cast<double>(counts.packets)},
          {"latency_seconds_max", counts.waited_s_max}};
    }
    items.push_back(std::move(item));
  }
  return Json{{"items", std::move(items)}, {"next", more ? Json(list.back().device) : Json()}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace skerry::edge
