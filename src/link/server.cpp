// The cloud's side of the link: a Receiver for each connection.
#include <map>

#include "base/logger.hpp"
#include "http/websocket.hpp"
#include "link/link.hpp"

namespace skerry::link {
namespace {

class ServerImpl;

class Peer final : public ConnectionHandler {
 public:
  Peer(ServerImpl& server, Server::Id id, std::unique_ptr<Connection> connection, Chance& chance, bool loopback,
       Mono now)
      : server_(server),
        id_(id),
        connection_(std::move(connection)),
        socket_({.role = http::WebSocket::Role::server,
                 .path = std::string(path),
                 .protocol = std::string(subprotocol),
                 .message_bytes_max = message_bytes_up,
                 .loopback = loopback},
                chance),
        receiver_({}, now) {}

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void give(sync::ReceiverOut& out);
  void end(const std::string& why);

  ServerImpl& server_;
  Server::Id id_;
  std::unique_ptr<Connection> connection_;
  http::WebSocket socket_;
  sync::Receiver receiver_;
  bool gone_ = false;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(Loop& loop, Chance& chance, metrics::Registry& metrics, Submit submit)
      : loop_(loop),
        chance_(chance),
        submit_(std::move(submit)),
        open_(metrics.gauge("skerry_link_connections", "Open connections of gateways.")),
        malformed_(metrics.counter("skerry_sync_malformed_total", "Frames of gateways that were none.")),
        refused_(
            metrics.counter("skerry_link_connections_refused_total", "Connections refused: there were too many.")) {}
  ~ServerImpl() override {
    listener_.reset();
    tick_.reset();
    peers_.clear();
  }
  ServerImpl(const ServerImpl&) = delete;
  ServerImpl& operator=(const ServerImpl&) = delete;

  Result<std::uint16_t> listen(const Address& address) override {
    const bool loopback = address.host == "localhost" || address.host == "::1" || address.host.starts_with("127.");
    listener_ =
        TRY(loop_.listen(address, [this, loopback](std::unique_ptr<Connection> c) { accept(std::move(c), loopback); }));
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

  void submit(Id id, sync::Job job) { submit_(id, std::move(job)); }
  Mono now() { return loop_.clock().mono(); }
  void malformed() { malformed_.add(); }
  void gone(Peer& peer) {
    const auto found = peers_.find(peer.id_);
    if (found == peers_.end()) return;
    std::shared_ptr<Peer> kept = std::move(found->second);  // it may be running right now
    peers_.erase(found);
    open_.set(static_cast<double>(peers_.size()));
    loop_.post([kept] {});
  }

 private:
  void accept(std::unique_ptr<Connection> connection, bool loopback) {
    if (peers_.size() >= connections_max) {
      refused_.add();
      return;
    }
    auto& raw = *connection;
    auto peer = std::make_unique<Peer>(*this, next_id_++, std::move(connection), chance_, loopback, now());
    auto& handler = *peer;
    peers_.emplace(handler.id_, std::move(peer));
    open_.set(static_cast<double>(peers_.size()));
    loop_.start(raw, handler);
  }
  void tick() {
    std::vector<Id> ids;
    for (const auto& [id, peer] : peers_) ids.push_back(id);
    for (const auto id : ids) {
      const auto found = peers_.find(id);
      if (found == peers_.end()) continue;
      sync::ReceiverOut out;
      found->second->receiver_.on_tick(now(), out);
      found->second->give(out);
    }
    tick_ = loop_.after(std::chrono::seconds{1}, [this] { tick(); });
  }

  Loop& loop_;
  Chance& chance_;
  Submit submit_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Timer> tick_;
  std::map<Id, std::unique_ptr<Peer>> peers_;
  Id next_id_ = 1;
  metrics::Gauge& open_;
  metrics::Counter& malformed_;
  metrics::Counter& refused_;
};

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

std::unique_ptr<Server> Server::make(Loop& loop, Chance& chance, metrics::Registry& metrics, Submit submit) {
  return std::make_unique<ServerImpl>(loop, chance, metrics, std::move(submit));
}

}  // namespace skerry::link
