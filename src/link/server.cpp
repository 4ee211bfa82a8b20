// The cloud's side of the link: a Receiver for each connection.
#include <map>

#include "base/logger.hpp"
#include "base/tls.hpp"
#include "http/websocket.hpp"
#include "link/link.hpp"

namespace skerry::link {
namespace {

class ServerImpl;

class Peer final : public ConnectionHandler {
 public:
  struct Setup {
    bool loopback = false;
    std::string gateway;  // whom its certificate speaks for; empty: there is none
    Mono now{};
  };
  Peer(ServerImpl& server, Server::Id id, std::unique_ptr<Connection> connection, Chance& chance, Setup setup)
      : server_(server),
        id_(id),
        connection_(std::move(connection)),
        socket_({.role = http::WebSocket::Role::server,
                 .path = std::string(path),
                 .protocol = std::string(subprotocol),
                 .message_bytes_max = message_bytes_up,
                 .loopback = setup.loopback},
                chance),
        certified_(std::move(setup.gateway)),
        receiver_({.gateway = certified_}, setup.now) {}

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void give(sync::ReceiverOut& out);
  void end(const std::string& why);

  ServerImpl& server_;
  Server::Id id_;
  std::unique_ptr<Connection> connection_;
  http::WebSocket socket_;
  const std::string certified_;
  sync::Receiver receiver_;
  bool gone_ = false;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(const Deps& deps, Options options, Submit submit)
      : ServerImpl(deps, deps.metrics, std::move(options), std::move(submit)) {}
  ServerImpl(const Deps& deps, metrics::Registry& metrics, Options options, Submit submit)
      : deps_(deps),
        options_(std::move(options)),
        submit_(std::move(submit)),
        open_(metrics.gauge("skerry_link_connections", "Open connections of gateways.")),
        malformed_(metrics.counter("skerry_sync_malformed_total", "Frames of gateways that were none.")),
        refused_(metrics.counter("skerry_link_connections_refused_total", "Connections refused: there were too many.")),
        reloads_failed_(metrics.counter("skerry_link_credentials_failed_total",
                                        "Times that the link's changed certificate files could not be used.")) {}
  ~ServerImpl() override {
    listener_.reset();
    tick_.reset();
    peers_.clear();
  }
  ServerImpl(const ServerImpl&) = delete;
  ServerImpl& operator=(const ServerImpl&) = delete;

  Result<> secure();
  Result<std::uint16_t> listen(const Address& address) override {
    const bool loopback = address.host == "localhost" || address.host == "::1" || address.host.starts_with("127.");
    const auto arrived = [this, loopback](std::unique_ptr<Connection> c) { accept(std::move(c), loopback); };
    listener_ = TRY(tls_ ? tls_->listen(deps_.loop, address, arrived) : deps_.loop.listen(address, arrived));
    tick();
    return listener_->port();
  }
  void outcome(Id id, const sync::Outcome& outcome) override {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    sync::ReceiverOut out;
    found->second->receiver_.on_outcome(outcome, out);
    found->second->give(out);
  }
  void failed(Id id, const Error& error) override {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    sync::ReceiverOut out;
    found->second->receiver_.on_ledger_failed(error, out);
    found->second->give(out);
  }
  std::size_t connections() const override { return peers_.size(); }
  std::vector<std::string> gateways() const override {
    std::vector<std::string> all;
    for (const auto& [id, peer] : peers_) {
      if (peer->receiver_.ready()) all.push_back(peer->receiver_.gateway());
    }
    return all;
  }

  void look(std::string_view gateway) override {
    std::vector<Id> ids;
    for (const auto& [id, peer] : peers_) {
      if (peer->receiver_.ready() && peer->receiver_.gateway() == gateway) ids.push_back(id);
    }
    for (const auto id : ids) {
      const auto found = peers_.find(id);
      if (found == peers_.end()) continue;
      sync::ReceiverOut out;
      found->second->receiver_.look(out);
      found->second->give(out);
    }
  }

  void submit(Id id, sync::Job job) { submit_(id, std::move(job)); }
  Mono now() { return deps_.loop.clock().mono(); }
  void malformed() { malformed_.add(); }
  void other_gateway(std::string_view certified, std::string_view named) {
    deps_.metrics
        .counter("skerry_link_certificates_refused_total", "Gateways whose certificate was refused, by reason.",
                 {{"reason", "other_gateway"}})
        .add();
    logger::warn("link", "a gateway names itself as another than its certificate does",
                 {{"certificate", certified}, {"gateway", named}});
  }
  void gone(Peer& peer) {
    const auto found = peers_.find(peer.id_);
    if (found == peers_.end()) return;
    std::shared_ptr<Peer> kept = std::move(found->second);  // it may be running right now
    peers_.erase(found);
    open_.set(static_cast<double>(peers_.size()));
    deps_.loop.post([kept] {});
  }

 private:
  void accept(std::unique_ptr<Connection> connection, bool loopback);
  void tick();
  void reload();
  void judge_again();
  Judge::Verdict judge(Bytes leaf, const Address& peer);

  Deps deps_;
  Options options_;
  Submit submit_;
  Credentials credentials_;
  std::optional<Judge> judge_;
  std::shared_ptr<tls::Server> tls_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Timer> tick_;
  Mono reload_at_{};
  Mono judge_at_{};
  std::map<Id, std::unique_ptr<Peer>> peers_;
  Id next_id_ = 1;
  metrics::Gauge& open_;
  metrics::Counter& malformed_;
  metrics::Counter& refused_;
  metrics::Counter& reloads_failed_;
};

// ---- who may connect ----

Result<> ServerImpl::secure() {
  credentials_ = TRY(load_credentials(deps_.files, *options_.credentials));
  auto judge = Judge::make(credentials_, options_.any_role);
  if (!judge) return fail(judge.error().code, judge.error().what, options_.credentials->trusted);
  judge_ = std::move(*judge);
  tls::ServerOptions options{.chain_pem = credentials_.certificate, .key_pem = credentials_.key};
  options.client = tls::ClientCertificate::required;
  options.authorities_pem = credentials_.trusted;
  options.only_13 = true;
  options.door = "link";
  options.verify = [this](Bytes leaf, const Address& peer) {
    switch (this->judge(leaf, peer).fault) {
      case identity::Fault::none: return tls::Verdict::good;
      case identity::Fault::expired: return tls::Verdict::expired;
      case identity::Fault::unknown_ca: return tls::Verdict::unknown_ca;
      case identity::Fault::revoked: return tls::Verdict::revoked;
      case identity::Fault::wrong_use: return tls::Verdict::unsupported;
      default: return tls::Verdict::bad;
    }
  };
  auto made = tls::Server::make(options, deps_.metrics);
  if (!made) return fail(made.error().code, made.error().what, options_.credentials->certificate);
  tls_ = std::move(*made);
  reload_at_ = now() + credentials_every;
  judge_at_ = now() + judge_again_every;
  return {};
}

Judge::Verdict ServerImpl::judge(Bytes leaf, const Address& peer) {
  auto verdict = judge_->judge(leaf, deps_.loop.clock().wall());
  if (verdict.good()) return verdict;
  deps_.metrics
      .counter("skerry_link_certificates_refused_total", "Gateways whose certificate was refused, by reason.",
               {{"reason", verdict.reason}})
      .add();
  logger::warn("link", "a gateway's certificate is refused",
               {{"from", peer.text()}, {"reason", verdict.reason}, {"why", verdict.what}});
  return verdict;
}

// New files count for connections to come; what cannot be used changes nothing.
void ServerImpl::reload() {
  reload_at_ = now() + credentials_every;
  auto loaded = load_credentials(deps_.files, *options_.credentials);
  if (loaded && *loaded == credentials_) return;
  Result<> done;
  if (!loaded) done = std::unexpected(loaded.error());
  if (done) {
    auto judge = Judge::make(*loaded, options_.any_role);
    if (judge) done = tls_->reload(loaded->certificate, loaded->key);
    if (!judge) done = std::unexpected(judge.error());
    if (done) judge_ = std::move(*judge);
  }
  if (!done) {
    reloads_failed_.add();
    logger::error("link", "the link's certificate files cannot be used; what was read before goes on to count",
                  {{"why", done.error().text()}});
    return;
  }
  credentials_ = std::move(*loaded);
  logger::info("link", "the link's certificate files were read again", {});
  judge_again();
}

void ServerImpl::judge_again() {
  judge_at_ = now() + judge_again_every;
  std::vector<Peer*> over;
  for (const auto& [id, peer] : peers_) {
    if (!judge(peer->connection_->peer_certificate(), peer->connection_->peer()).good()) over.push_back(peer.get());
  }
  for (auto* const peer : over) peer->end("its certificate no longer holds");
}

void ServerImpl::accept(std::unique_ptr<Connection> connection, bool loopback) {
  if (peers_.size() >= connections_max) {
    refused_.add();
    return;
  }
  Peer::Setup setup{loopback && !tls_, {}, now()};
  if (tls_) {  // again: a session that resumes is not asked during its handshake
    const auto verdict = judge(connection->peer_certificate(), connection->peer());
    if (!verdict.good()) return;
    setup.gateway = verdict.gateway;
  }
  auto& raw = *connection;
  auto peer = std::make_unique<Peer>(*this, next_id_++, std::move(connection), deps_.chance, std::move(setup));
  auto& handler = *peer;
  peers_.emplace(handler.id_, std::move(peer));
  open_.set(static_cast<double>(peers_.size()));
  deps_.loop.start(raw, handler);
}

void ServerImpl::tick() {
  std::vector<Id> ids;
  for (const auto& [id, peer] : peers_) ids.push_back(id);
  for (const auto id : ids) {
    const auto found = peers_.find(id);
    if (found == peers_.end()) continue;
    sync::ReceiverOut out;
    found->second->receiver_.on_tick(now(), out);
    found->second->give(out);
  }
  if (tls_ && now() >= reload_at_) reload();
  if (tls_ && now() >= judge_at_) judge_again();
  tick_ = deps_.loop.after(std::chrono::seconds{1}, [this] { tick(); });
}

// ---- a connection ----

void Peer::on_bytes(Bytes bytes) {
  std::vector<http::WebSocket::Event> events;
  Buffer answer;
  socket_.on_bytes(bytes, events, answer);
  if (!answer.empty()) connection_->send(answer);
  for (const auto& event : events) {
    if (gone_) return;
    using Kind = http::WebSocket::Event::Kind;
    if (event.kind == Kind::ended) return end(event.why);
    if (event.kind != Kind::message) continue;
    sync::ReceiverOut out;
    const auto malformed = receiver_.malformed();
    receiver_.on_frame(event.message, server_.now(), out);
    if (receiver_.malformed() > malformed) server_.malformed();
    give(out);
  }
}

void Peer::give(sync::ReceiverOut& out) {
  if (out.close && !certified_.empty() && receiver_.gateway() != certified_ && !receiver_.gateway().empty())
    server_.other_gateway(certified_, receiver_.gateway());
  Buffer bytes;
  for (const auto& frame : out.frames) socket_.send(frame, false, bytes);
  if (out.close) socket_.close(1000, "", bytes);
  if (!bytes.empty()) connection_->send(bytes);
  for (auto& job : out.jobs) server_.submit(id_, std::move(job));
  if (out.close) end(out.why);
}

void Peer::end(const std::string& why) {
  if (gone_) return;
  gone_ = true;
  logger::info("link", "a gateway's connection ends", {{"gateway", receiver_.gateway()}, {"why", why}});
  connection_->close();
  server_.gone(*this);
}

void Peer::on_closed(const Error& why) {
  if (gone_) return;
  gone_ = true;
  logger::info("link", "a gateway's connection is gone", {{"gateway", receiver_.gateway()}, {"why", why.text()}});
  server_.gone(*this);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::make(const Deps& deps, const Options& options, Submit submit) {
  auto server = std::make_unique<ServerImpl>(deps, options, std::move(submit));
  if (options.credentials) TRY(server->secure());
  return server;
}

}  // namespace skerry::link
