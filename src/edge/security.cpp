// The doors with TLS, and the clockwork behind them.
#include "edge/security.hpp"

#include <mutex>

#include "api/worker.hpp"
#include "base/logger.hpp"
#include "base/secret_file.hpp"
#include "edge/coap_access.hpp"
#include "edge/http_access.hpp"
#include "edge/mqtt_access.hpp"
#include "edge/node.hpp"
#include "edge/settings.hpp"
#include "http/websocket_listen.hpp"

namespace skerry::edge {
namespace {

constexpr auto tick_every = std::chrono::milliseconds{200};
constexpr int ticks_between_rechecks = 15;  // tokens that run out are noticed within three seconds

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) all.emplace_back(part);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return all;
}

// Where relying parties find the list. A port that the system chooses is another at the next start.
Result<std::string> crl_url(const config::Config& config) {
  if (const auto& own = config.text("pki.crl_url"); !own.empty()) return own;
  const auto chosen = TRY(port(config, "https.port"));
  if (!config.flag("https.enabled") || chosen == 0) return std::string();
  const auto names = list_of(config.text("tls.names"));
  auto name = names.empty() ? std::string("localhost") : names.front();
  if (name.find(':') != std::string::npos) name = "[" + name + "]";
  return "https://" + name + ":" + std::to_string(chosen) + "/pki/crl.der";
}

bool is_set(const config::Config& config, std::string_view key) {
  return config.origin(key) != config::Config::Origin::fallback;
}

// `listen` at a door's own port. Where only the plain door beside it was given a port, this one must not stand in the
// way of a second gateway: it is the system's choice when that is 0, and when its own default is taken.
template <typename Try>
Result<std::uint16_t> listen_at(const config::Config& config, std::string_view key, std::string_view plain,
                                Try listen) {
  const bool follows = !is_set(config, key) && is_set(config, plain);
  if (follows && config.integer(plain) == 0) return listen(std::uint16_t{0});
  auto chosen = listen(TRY(port(config, key)));
  if (chosen || !follows || chosen.error().code != Code::busy) return chosen;
  logger::warn("edge", "the port is taken, so the system chooses another; ports.json says which",
               {{"key", key}, {"why", chosen.error().text()}});
  return listen(std::uint16_t{0});
}

class SecurityImpl final : public Security {
 public:
  SecurityImpl(const Seams& seams, const config::Config& config, std::unique_ptr<identity::Identity> identity,
               const std::string& data_dir, metrics::Registry& metrics)
      : seams_(seams),
        config_(config),
        metrics_(metrics),
        identity_(std::move(identity)),
        access_(*identity_),
        command_token_file_(command_token_path(data_dir)),
        command_token_(identity::base64url(identity::random_bytes(seams.chance, 32))) {}
  ~SecurityImpl() override {
    *alive_ = false;
    (void)seams_.files.remove(command_token_file_);
  }
  SecurityImpl(const SecurityImpl&) = delete;
  SecurityImpl& operator=(const SecurityImpl&) = delete;

  mqtt::Access& access() override { return access_; }
  identity::Identity& identity() override { return *identity_; }
  http::Gate gate() override { return http_gate(*identity_, anonymous_api(config_), command_token_); }
  Result<> tell_commands() { return replace_secret_file(seams_.files, command_token_file_, as_bytes(command_token_)); }

  Result<std::optional<std::uint16_t>> listen_mqtts(mqtt::Broker& broker) override {
    if (!config_.flag("mqtts.enabled")) return std::nullopt;
    auto options = TRY(server_options("mqtts"));
    options.client = config_.choice("mqtts.client_certificate") == "required" ? tls::ClientCertificate::required
                                                                              : tls::ClientCertificate::optional;
    options.verify = [this](Bytes leaf, const Address& peer) {
      const auto verdict = identity_->judge(leaf, false);
      if (!verdict.good()) (void)identity_->by_certificate(leaf, {peer.host, "mqtts"});  // counted, audited
      return alert_of(verdict.fault);
    };
    mqtts_ = TRY(tls::Server::make(options, metrics_));
    const auto through = [this](const Address& address, Loop::Accept accept) {
      return mqtts_->listen(seams_.mqtt_loop, address, std::move(accept));
    };
    return TRY(listen_at(config_, "mqtts.port", "mqtt.port", [&](std::uint16_t port) {
      return broker.listen({host(), port}, through);
    }));
  }

  // Plain on loopback unless ws.tls; elsewhere with TLS only.
  Result<std::optional<std::uint16_t>> listen_ws(mqtt::Broker& broker) override {
    if (!config_.flag("ws.enabled")) return std::nullopt;
    const bool secure = config_.flag("ws.tls");
    const auto at = secure ? host() : TRY(listen_host(config_));
    Listen below;
    if (secure) {
      auto options = TRY(server_options("ws"));
      options.client = tls::ClientCertificate::optional;
      ws_ = TRY(tls::Server::make(options, metrics_));
      below = [this](const Address& address, Loop::Accept accept) {
        return ws_->listen(seams_.mqtt_loop, address, std::move(accept));
      };
    }
    http::WebSocketDoor door;
    door.message_bytes_max = config_.bytes("mqtt.packet_bytes_max");
    const auto through = http::websocket_listen(seams_.mqtt_loop, below, door, seams_.chance);
    return TRY(listen_at(config_, "ws.port", "mqtt.port", [&](std::uint16_t port) {
      return broker.listen({at, port}, through);
    }));
  }

  Result<std::optional<std::uint16_t>> listen_https(api::Api& api) override {
    if (!config_.flag("https.enabled")) return std::nullopt;
    auto options = TRY(server_options("https"));
    options.client = tls::ClientCertificate::optional;  // judged by path: 401 says more than an alert
    https_ = TRY(tls::Server::make(options, metrics_));
    door_ = api::Https::add(api.server(), api.identity_worker(), *identity_);
    const auto through = [this](const Address& address, Loop::Accept accept) {
      return https_->listen(seams_.http_loop, address, std::move(accept));
    };
    return TRY(listen_at(config_, "https.port", "http.port", [&](std::uint16_t port) {
      return api.listen({host(), port}, through);
    }));
  }

  Result<std::optional<std::uint16_t>> listen_coaps(NetLoop& loop, api::CoapApi& coap) override {
    if (!config_.flag("coaps.enabled")) return std::nullopt;
    auto options = coap_access(*identity_);
    const auto files = TRY(identity_->server_files());
    options.chain_pem = files.chain_pem;
    options.key_pem = files.key_pem;
    const auto port = TRY(listen_at(config_, "coaps.port", "coap.port", [&](std::uint16_t chosen) {
      return coap.listen_secure({host(), chosen}, options);
    }));
    const std::scoped_lock lock(coap_mutex_);
    coap_loop_ = &loop;
    coap_ = &coap;
    return port;
  }

  void end_coaps() override {
    const std::scoped_lock lock(coap_mutex_);
    coap_loop_ = nullptr;
  }

  void start(mqtt::Broker& broker, Wall committed) override {
    identity_->raise_floor(committed);
    broker_ = &broker;
    tick();
  }

 private:
  std::string host() const {
    const auto& own = config_.text("tls.host");
    return own.empty() ? config_.text("listen.host") : own;
  }

  Result<tls::ServerOptions> server_options(const char* door) {
    const auto files = TRY(identity_->server_files());
    served_ = files.chain_pem;
    tls::ServerOptions options{.chain_pem = files.chain_pem, .key_pem = files.key_pem};
    options.authorities_pem = identity_->ca_pem();
    options.door = door;
    options.handshakes_per_second = config_.number("tls.handshakes_per_second");
    return options;
  }

  // Keeping house signs and syncs: beside the loop, which goes on when it is done.
  void tick() {
    keeper_.run([this, alive = alive_] {
      if (const auto done = identity_->tick(); !done)
        logger::error("edge", "identity could not keep its house", {{"why", done.error().text()}});
      seams_.http_loop.post([this, alive] {
        if (*alive) after_tick();
      });
    });
  }

  void after_tick() {
    const auto revision = identity_->revision();
    if (revision != revision_ || ++ticks_ >= ticks_between_rechecks) {
      revision_ = revision;
      ticks_ = 0;
      seams_.mqtt_loop.post([broker = broker_, alive = alive_] {
        if (*alive) broker->recheck();
      });
      on_coap([](api::CoapApi& coap) { coap.recheck(); });
      renew_server();
    }
    timer_ = seams_.http_loop.after(tick_every, [this] { tick(); });
  }

  void on_coap(std::function<void(api::CoapApi&)> work) {
    const std::scoped_lock lock(coap_mutex_);
    if (coap_loop_ == nullptr) return;
    coap_loop_->post([coap = coap_, work = std::move(work), alive = alive_] {
      if (*alive) work(*coap);
    });
  }

  void renew_server() {
    const auto files = identity_->server_files();
    if (!files || files->chain_pem == served_) return;
    served_ = files->chain_pem;
    on_coap([files = *files](api::CoapApi& coap) { coap.reload(files.chain_pem, files.key_pem); });
    for (const auto& server : {mqtts_, ws_, https_}) {
      if (!server) continue;
      if (const auto done = server->reload(files->chain_pem, files->key_pem); !done)
        logger::error("edge", "the server's new certificate cannot be used", {{"why", done.error().text()}});
    }
  }

  Seams seams_;
  config::Config config_;
  metrics::Registry& metrics_;
  std::unique_ptr<identity::Identity> identity_;
  MqttAccess access_;
  const std::string command_token_file_;
  const std::string command_token_;
  std::shared_ptr<tls::Server> mqtts_;
  std::shared_ptr<tls::Server> ws_;
  std::shared_ptr<tls::Server> https_;
  std::unique_ptr<api::Https> door_;
  std::string served_;
  mqtt::Broker* broker_ = nullptr;
  std::mutex coap_mutex_;  // of the two below
  NetLoop* coap_loop_ = nullptr;
  api::CoapApi* coap_ = nullptr;
  std::uint64_t revision_ = 0;
  int ticks_ = 0;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<std::atomic<bool>> alive_ = std::make_shared<std::atomic<bool>>(true);
  api::Worker keeper_{1};  // last: its thread ends first
};

}  // namespace

bool anonymous_api(const config::Config& config) {
  return config.flag("security.allow_anonymous") && config.choice("security.mode") != "strict";
}

Result<identity::Options> identity_options(const config::Config& config, std::string gateway_id) {
  identity::Options options;
  options.gateway_id = std::move(gateway_id);
  options.pki.flat = config.choice("pki.issuer") == "root";
  options.pki.ca_subject = config.text("pki.subject.ca");
  options.pki.device_subject = config.text("pki.subject.device");
  options.pki.name_suffix = config.text("pki.name_suffix");
  options.pki.server_names = list_of(config.text("tls.names"));
  options.pki.server_crl_url = TRY(crl_url(config));
  options.pki.device_valid = std::chrono::floor<std::chrono::seconds>(config.duration("pki.device_valid"));
  options.renew_after_expiry = std::chrono::floor<std::chrono::seconds>(config.duration("pki.renew_after_expiry"));
  options.refuse_stale_crl = config.choice("pki.crl_stale") == "refuse";
  options.renew_crl = config.flag("pki.crl_renew");
  options.per_minute_identity = static_cast<unsigned>(config.integer("security.identity_rate"));
  options.per_minute_address = static_cast<unsigned>(config.integer("security.address_rate"));
  options.weights.location = config.number("risk.location");
  options.weights.hour = config.number("risk.hour");
  options.weights.address = config.number("risk.address");
  options.weights.cloned = config.number("risk.cloned");
  options.weights.crl_stale = config.number("risk.crl_stale");
  options.weights.behaviour_above = config.number("risk.behaviour_above");
  options.weights.restricted_from = config.number("risk.restricted_from");
  options.weights.minimal_from = config.number("risk.minimal_from");
  options.weights.day_begins = static_cast<int>(config.integer("risk.day_begins"));
  options.weights.day_ends = static_cast<int>(config.integer("risk.day_ends"));
  options.suspicious = list_of(config.text("risk.suspicious"));
  options.time_zone = time_zone(config).value_or("UTC");
  options.policy_file = config.text("security.policy");
  options.allow_anonymous = anonymous_api(config);
  options.quarantine_clones = config.choice("security.cloned") == "quarantine";
  for (const auto& name : {"pki.subject.ca", "pki.subject.device"}) {
    if (const auto good = identity::parse_name(config.text(name)); !good)
      return fail(Code::invalid, good.error().text(), config.where(name) + ": " + name);
  }
  return options;
}

Result<std::unique_ptr<Security>> Security::open(const Seams& seams, const config::Config& config,
                                                 const std::string& data_dir, const std::string& gateway_id,
                                                 metrics::Registry& metrics) {
  const auto options = TRY(identity_options(config, gateway_id));
  const bool wanted = config.flag("mqtts.enabled") || config.flag("https.enabled") || config.flag("ws.enabled") ||
                      config.flag("coaps.enabled") || config.choice("security.mode") == "strict";
  if (!wanted) return nullptr;
  auto identity = TRY(identity::Identity::open(seams.files, seams.clock, seams.chance, metrics, data_dir, options));
  auto security = std::make_unique<SecurityImpl>(seams, config, std::move(identity), data_dir, metrics);
  TRY(security->tell_commands());
  return security;
}

}  // namespace skerry::edge
