// Putting a gateway together, in the order data takes.
#include "edge/node.hpp"

#include <unistd.h>

#include <algorithm>
#include <future>

#include "base/logger.hpp"
#include "edge/parts.hpp"
#include "edge/settings.hpp"
#include "edge/snapshot.hpp"
#include "edge/uplink.hpp"

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

}  // namespace

Node::Node(const Seams& seams, const config::Config& config, std::string data_dir, api::Demo demo)
    : seams_(seams), config_(config), data_dir_(std::move(data_dir)), demo_(std::move(demo)) {}

Node::~Node() {
  end_coap();
  api_.reset();
  uplink_.reset();
  broker_.reset();
  security_.reset();
  readers_.reset();
}

Result<std::unique_ptr<Node>> Node::open(const Seams& seams, const config::Config& config, const std::string& data_dir,
                                         const api::Demo& demo) {
  std::unique_ptr<Node> node(new Node(seams, config, data_dir, demo));
  if (TRY(seams.files.exists(join_path(data_dir, restore_mark))))
    return fail(Code::damaged, "a restore into this folder has not ended; run it again", data_dir);
  TRY(seams.files.make_dirs(join_path(data_dir, "state")));
  TRY(listen_host(config));
  node->classes_ = TRY(class_rules(config));
  node->config_state_ = std::make_unique<ConfigState>(config, seams.clock.wall(), node->metrics_);
  node->gateway_id_ = TRY(find_gateway_id(seams, config, data_dir));
  TRY(node->open_log());
  TRY(node->open_readers());
  TRY(node->open_uplink());
  TRY(node->open_doors());
  return node;
}

Result<> Node::open_log() {
  log_ = TRY(log::Log::open(seams_.files, seams_.clock, join_path(data_dir_, "log"), log_options(config_), metrics_));
  saver_ = std::make_unique<log::Saver>(seams_.files, *log_);
  return {};
}

Result<bool> Node::keep_house() {
  const bool more = TRY(save_states());
  return TRY(log_->tidy()) || more;
}

Result<bool> Node::save_states() { return saver_->work(); }

Result<> Node::open_readers() {
  const auto state = join_path(data_dir_, "state");
  auto pipelines = TRY(find_pipelines(seams_.files, config_, data_dir_, demo_.name));
  const auto not_after = std::chrono::floor<std::chrono::milliseconds>(config_.duration("commands.not_after"));
  engine_ = TRY(
      stream::Engine::open({*log_,
                            seams_.files,
                            seams_.clock,
                            metrics_,
                            classes_,
                            {.keys_max = static_cast<std::size_t>(config_.integer("pipelines.keys_max")),
                             .window_rows_max = static_cast<std::size_t>(config_.integer("pipelines.window_rows_max")),
                             .command_ttl = not_after},
                            saver_.get()},
                           state, std::move(pipelines)));
  act::Options act_options;
  act_options.ttl_default = not_after;
  act_options.alerts_kept = static_cast<std::size_t>(config_.integer("alerts.kept"));
  act_options.commands_kept = static_cast<std::size_t>(config_.integer("commands.kept"));
  act_options.checkpoint_path = join_path(state, "act.checkpoint");
  act_options.saver = saver_.get();
  act_options.classes = act::classes_of(classes_);
  tracker_ = TRY(act::Tracker::open(*log_, seams_.files, act_options, metrics_));
  auto rules = TRY(twin_rules(config_));
  twins_ = TRY(twin::Twins::open(*log_, seams_.files, seams_.clock,
                                 {.gateway = gateway_id_,
                                  .rules = std::move(rules),
                                  .checkpoint_path = join_path(state, "twin.checkpoint"),
                                  .saver = saver_.get(),
                                  .classes = classes_},
                                 metrics_));
  history::Options history_options;
  history_options.devices_max = static_cast<std::size_t>(config_.integer("history.devices_max"));
  history_options.checkpoint_path = join_path(state, "history.checkpoint");
  history_options.saver = saver_.get();
  history_options.classes = history::classes_of_readings(classes_);
  history_options.rows_matter = history::rows_matter(classes_);
  history_ = TRY(history::History::open(*log_, seams_.files, history_options, metrics_));
  exchanges_ = TRY(coap::Exchanges::open(*log_, seams_.files, seams_.clock,
                                         join_path(state, "coap-exchanges.checkpoint"), saver_.get()));
  auto asked = action_options(config_, classes_, join_path(state, "coap-actions.checkpoint"));
  asked.saver = saver_.get();
  actions_ = TRY(coap::Actions::open(
      *log_, seams_.files, seams_.clock, asked, metrics_, [this](const std::string& id, const coap::Call& call) {
        if (auto* caller = caller_.load()) return caller->call(id, call);
        actions_->ended(id, {coap::Outcome::Kind::refused, 0, "the CoAP door is closed"});
      }));

  readers_ = std::make_unique<Readers>(*log_, seams_.clock, metrics_);
  readers_->add(*engine_);  // decides
  readers_->add(*tracker_);
  readers_->add(*twins_);
  readers_->add(*history_);
  readers_->add(*exchanges_);
  readers_->add(*actions_);
  readers_->add_tick([this](Wall now) { return tracker_->on_tick(now); });
  return {};
}

Result<> Node::open_uplink() {
  if (config_.text("cloud.url").empty() || seams_.uplink_loop == nullptr) return {};
  auto options = TRY(uplink_options(config_, gateway_id_, data_dir_));
  inbox_ = std::make_unique<CloudInbox>(*tracker_, *twins_, *log_, seams_.clock, newest_record());
  options.inbox = inbox_.get();
  options.local = TRY(local_fields(config_));
  options.local_before = TRY(sync::note_local_fields(
      seams_.files, join_path(join_path(data_dir_, "state"), sync::local_fields_name), options.local));
  uplink_ = TRY(link::Uplink::open({*seams_.uplink_loop, *log_, seams_.files, seams_.chance, metrics_}, options));
  return {};
}

api::Link Node::link_for_api() const {
  if (!uplink_) return {};
  return {.status = [this] { return link_json(uplink_->status()); },
          .devices = [this](std::string_view cursor,
                            std::size_t limit) { return link_devices_json(uplink_->devices(), cursor, limit); }};
}

std::string Node::uplink_for_api() const { return uplink_ ? uplink_json(uplink_->status()) : "null"; }

Result<> Node::open_doors() {
  security_ = TRY(Security::open(seams_, config_, data_dir_, gateway_id_, metrics_));
  broker_ = TRY(mqtt::Broker::open({seams_.mqtt_loop, *log_, seams_.files, seams_.chance, metrics_, classes_,
                                    security_ ? &security_->access() : nullptr, saver_.get()},
                                   join_path(data_dir_, "state"), mqtt_options(config_)));

  const auto zone = TRY(time_zone(config_));
  api_ = TRY(api::Api::open(
      {.loop = seams_.http_loop,
       .log = *log_,
       .history = *history_,
       .act = *tracker_,
       .metrics = metrics_,
       .chance = seams_.chance,
       .classes = classes_,
       .info = {SKERRY_VERSION, gateway_id_, zone, seams_.clock.wall()},
       .demo = demo_on_loopback(),
       .pipelines = [this] { return pipelines_for_api(); },
       .ports = [this] { return ports_; },
       .configuration = {.items = [this] { return config_state_->items(); },
                         .status = [this] { return config_state_->status(); }},
       .housekeeping = housekeeping_for_api(),
       .uplink = [this] { return uplink_for_api(); },
       .link = link_for_api(),
       .decision_seconds = &metrics_.histogram("skerry_decision_seconds",
                                               "From a reading's arrival to the command or alert it caused, appended."),
       .commit_seconds = &metrics_.histogram("skerry_log_commit_seconds", "One group commit: write and sync."),
       .twins = twins_.get(),
       .identity = security_ ? &security_->identity() : nullptr,
       .login_needed = !anonymous_api(config_)},
      api_options(config_)));
  if (security_) api_->gate(security_->gate());
  return {};
}

// By the time somebody asks, whoever runs the node has said what it serves; the simulation serves nothing.
api::Housekeeping Node::housekeeping_for_api() {
  const auto cannot = [](const api::Done& done) { done(fail(Code::unsupported, "this gateway cannot do that")); };
  return {
      .reload = [this, cannot](
                    api::Done done) { housekeeping_.reload ? housekeeping_.reload(std::move(done)) : cannot(done); },
      .snapshot =
          [this, cannot](api::Done done) {
            housekeeping_.snapshot ? housekeeping_.snapshot(std::move(done)) : cannot(done);
          },
      .drop_snapshot =
          [this, cannot](std::string id, api::Done done) {
            housekeeping_.drop_snapshot ? housekeeping_.drop_snapshot(std::move(id), std::move(done)) : cannot(done);
          }};
}

// Whoever can reach the page could break the gateway, so that is for loopback only.
api::Demo Node::demo_on_loopback() const {
  auto demo = demo_;
  if (!listens_on_loopback(config_)) demo.act = {};
  return demo;
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

// A floor for a clock whose battery died.
Wall Node::newest_record() const {
  const auto end = log_->committed_end();
  if (end == log_->begin()) return {};
  const auto chunk = log_->read({end.value - 1}, {.committed_only = true});
  return chunk && !chunk->empty() ? chunk->records().back().appended_at : Wall{};
}

Result<> Node::listen_mqtt() {
  if (security_) {
    const auto tls = security_->listen_mqtts(*broker_);
    if (!tls) return std::unexpected(say_what_to_set(tls.error(), "mqtts.port"));
    if (*tls) ports_["mqtts"] = **tls;
    const auto ws = security_->listen_ws(*broker_);
    if (!ws) return std::unexpected(say_what_to_set(ws.error(), "ws.port"));
    if (*ws) ports_["ws"] = **ws;
  }
  if (!config_.flag("mqtt.enabled")) return {};
  const auto chosen = broker_->listen({TRY(listen_host(config_)), TRY(port(config_, "mqtt.port"))});
  if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "mqtt.port"));
  ports_["mqtt"] = *chosen;
  return {};
}

Result<> Node::listen_coap(NetLoop& loop) {
  const bool plain = config_.flag("coap.enabled") && config_.choice("security.mode") != "strict";
  const bool secure = security_ && config_.flag("coaps.enabled");
  if (!config_.flag("coap.enabled") && !secure) return {};
  coap_api_ = TRY(api::CoapApi::open({.loop = loop,
                                      .log = *log_,
                                      .history = *history_,
                                      .exchanges = *exchanges_,
                                      .actions = *actions_,
                                      .metrics = metrics_,
                                      .classes = classes_,
                                      .retained = [this](const std::string& topic) { return retained(topic); }}));
  if (plain) {
    const auto chosen = coap_api_->listen({TRY(listen_host(config_)), TRY(port(config_, "coap.port"))});
    if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "coap.port"));
    ports_["coap"] = *chosen;
  }
  if (secure) {
    const auto chosen = security_->listen_coaps(loop, *coap_api_);
    if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "coaps.port"));
    if (*chosen) ports_["coaps"] = **chosen;
  }
  caller_ = coap_api_.get();
  return {};
}

// The broker lives on the MQTT loop; a look into its index is waited for.
std::optional<record::Position> Node::retained(const std::string& topic) {
  const auto found = std::make_shared<std::promise<std::optional<record::Position>>>();
  auto answer = found->get_future();
  seams_.mqtt_loop.post([this, topic, found] { found->set_value(broker_->retained(topic)); });
  if (answer.wait_for(std::chrono::seconds{1}) != std::future_status::ready) return {};  // the loop has ended
  return answer.get();
}

void Node::end_coap() {
  caller_ = nullptr;
  if (security_) security_->end_coaps();
  coap_api_.reset();
}

Result<> Node::listen_http() {
  if (security_) {
    const auto tls = security_->listen_https(*api_);
    if (!tls) return std::unexpected(say_what_to_set(tls.error(), "https.port"));
    if (*tls) ports_["https"] = **tls;
    security_->start(*broker_, newest_record());
  }
  const auto chosen = api_->listen({TRY(listen_host(config_)), TRY(port(config_, "http.port"))});
  if (!chosen) return std::unexpected(say_what_to_set(chosen.error(), "http.port"));
  ports_["http"] = *chosen;
  return {};
}

}  // namespace skerry::edge
