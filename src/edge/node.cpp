// Putting a gateway together, in the order data takes.
#include "edge/node.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/embedded.hpp"
#include "base/logger.hpp"
#include "edge/settings.hpp"

namespace skerry::embedded {
std::span<const Embedded> pipelines();  // compiled in by cmake/embed.cmake
}

namespace skerry::edge {
namespace {

Error with_where(Error error, std::string where) {
  error.where = error.where.empty() ? std::move(where) : where + ": " + error.where;
  return error;
}

// Drawn once and kept: a gateway keeps its name when its host is renamed.
Result<std::string> find_gateway_id(const Seams& seams, const config::Config& config, const std::string& data_dir) {
  if (const auto& id = config.text("gateway.id"); !id.empty()) {
    if (const auto ok = record::check_device_id(id); !ok) return std::unexpected(with_where(ok.error(), "gateway.id"));
    return id;
  }
  const auto path = join_path(data_dir, "gateway-id");
  if (auto kept = read_file(seams.files, path, 256)) {
    std::string id(as_text(*kept));
    while (!id.empty() && (id.back() == '\n' || id.back() == '\r')) id.pop_back();
    if (record::check_device_id(id)) return id;
    return fail(Code::damaged, "is no gateway id; remove the file to draw a new one", path);
  }
  static constexpr std::string_view letters = "abcdefghjkmnpqrstvwxyz23456789";
  std::string id = "skerry-";
  for (int i = 0; i < 6; ++i) id += letters[seams.chance.below(letters.size())];
  TRY(replace_file(seams.files, path, as_bytes(id + "\n")));
  return id;
}

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

// The shipped ones, then the site's own; one of the site's with a shipped one's name takes its place.
Result<std::vector<stream::PipelineText>> find_pipelines(Files& files, const config::Config& config,
                                                         const std::string& data_dir) {
  std::vector<stream::PipelineText> all;
  if (config.flag("pipelines.shipped")) {
    for (const auto& each : embedded::pipelines()) all.push_back({name_of(each.name), std::string(each.bytes)});
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

}  // namespace

Node::Node(const Seams& seams, const config::Config& config, std::string data_dir, std::string demo)
    : seams_(seams), config_(config), data_dir_(std::move(data_dir)), demo_(std::move(demo)) {}

Node::~Node() {
  api_.reset();
  broker_.reset();
  readers_.reset();
}

Result<std::unique_ptr<Node>> Node::open(const Seams& seams, const config::Config& config, const std::string& data_dir,
                                         const std::string& demo) {
  std::unique_ptr<Node> node(new Node(seams, config, data_dir, demo));
  TRY(seams.files.make_dirs(join_path(data_dir, "state")));
  TRY(listen_host(config));
  node->classes_ = TRY(class_rules(config));
  node->gateway_id_ = TRY(find_gateway_id(seams, config, data_dir));
  TRY(node->open_log());
  TRY(node->open_readers());
  TRY(node->open_doors());
  return node;
}

Result<> Node::open_log() {
  const log::Options options{
      .profile = config_.choice("log.commit") == "fast" ? log::Profile::fast : log::Profile::balanced,
      .window_max = config_.duration("log.window_max"),
      .window_above_per_second = config_.number("log.window_above"),
      .segment_bytes = config_.bytes("log.segment_bytes"),
      .tail_bytes_max = config_.bytes("log.tail_bytes_max"),
      .waiting_bytes_max = config_.bytes("log.waiting_bytes_max"),
  };
  log_ = TRY(log::Log::open(seams_.files, seams_.clock, join_path(data_dir_, "log"), options, metrics_));
  return {};
}

Result<> Node::open_readers() {
  const auto state = join_path(data_dir_, "state");
  auto pipelines = TRY(find_pipelines(seams_.files, config_, data_dir_));
  const auto not_after = std::chrono::floor<std::chrono::milliseconds>(config_.duration("commands.not_after"));
  engine_ =
      TRY(stream::Engine::open({*log_, seams_.files, seams_.clock, metrics_, classes_, {.command_ttl = not_after}},
                               state, std::move(pipelines)));
  act::Options act_options;
  act_options.ttl_default = not_after;
  act_options.checkpoint_path = join_path(state, "act.checkpoint");
  act_options.classes = act::classes_of(classes_);
  tracker_ = TRY(act::Tracker::open(*log_, seams_.files, act_options, metrics_));
  history::Options history_options;
  history_options.devices_max = static_cast<std::size_t>(config_.integer("history.devices_max"));
  history_options.checkpoint_path = join_path(state, "history.checkpoint");
  history_options.classes = history::classes_of_readings(classes_);
  history_ = TRY(history::History::open(*log_, seams_.files, history_options, metrics_));

  readers_ = std::make_unique<Readers>(*log_, seams_.clock, metrics_);
  readers_->add(*engine_);  // decides
  readers_->add(*tracker_);
  readers_->add(*history_);
  readers_->add_tick([this](Wall now) { return tracker_->on_tick(now); });
  return {};
}

Result<> Node::open_doors() {
  mqtt::Options options;
  options.packet_bytes_max = static_cast<std::uint32_t>(config_.bytes("mqtt.packet_bytes_max"));
  options.receive_maximum = static_cast<std::uint16_t>(config_.integer("mqtt.receive_maximum"));
  options.connections_max = static_cast<std::size_t>(config_.integer("mqtt.connections_max"));
  options.session_expiry_s_max =
      static_cast<std::uint32_t>(config_.duration("mqtt.session_expiry_max").count() / 1'000'000);
  options.command_expiry = std::chrono::ceil<std::chrono::seconds>(config_.duration("commands.not_after"));
  broker_ = TRY(mqtt::Broker::open({seams_.mqtt_loop, *log_, seams_.files, seams_.chance, metrics_, classes_},
                                   join_path(data_dir_, "state"), options));

  api::Options api_options;
  api_options.act.ttl_default = std::chrono::floor<std::chrono::milliseconds>(config_.duration("commands.not_after"));
  api_options.http.body_bytes_max = config_.bytes("http.body_bytes_max");
  for (const auto& host : split(config_.text("http.allowed_hosts"))) api_options.http.hosts.push_back(host);
  api_options.query_threads = static_cast<int>(config_.integer("http.query_threads"));
  api_ = TRY(api::Api::open(
      {.loop = seams_.http_loop,
       .log = *log_,
       .history = *history_,
       .act = *tracker_,
       .metrics = metrics_,
       .chance = seams_.chance,
       .classes = classes_,
       .info = {SKERRY_VERSION, gateway_id_, demo_, seams_.clock.wall()},
       .pipelines = [this] { return pipelines_for_api(); },
       .ports = [this] { return ports_; },
       .decision_seconds = &metrics_.histogram("skerry_decision_seconds",
                                               "From a reading's arrival to the command or alert it caused, appended."),
       .commit_seconds = &metrics_.histogram("skerry_log_commit_seconds", "One group commit: write and sync.")},
      api_options));
  return {};
}

std::vector<api::Pipeline> Node::pipelines_for_api() const {
  std::vector<api::Pipeline> all;
  for (auto& each : engine_->pipelines()) {
    all.push_back({std::move(each.name), std::move(each.version), std::move(each.text), each.rows_in, each.rows_out,
                   each.late, each.errors});
  }
  return all;
}

namespace {

Error say_what_to_set(Error error, std::string_view key) {
  if (error.code == Code::busy)
    error.what += "; set " + std::string(key) + " or port_offset to another (0 lets the system choose)";
  return error;
}

}  // namespace

Result<> Node::listen_mqtt() {
  if (!config_.flag("mqtt.enabled")) return {};
  const auto chosen = broker_->listen({TRY(listen_host(config_)), TRY(port(config_, "mqtt.port"))});
  if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "mqtt.port"));
  ports_["mqtt"] = *chosen;
  return {};
}

Result<> Node::listen_http() {
  const auto chosen = api_->listen({TRY(listen_host(config_)), TRY(port(config_, "http.port"))});
  if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "http.port"));
  ports_["http"] = *chosen;
  return {};
}

}  // namespace skerry::edge
