// The server: accepts, checks who asks, finds the handler, counts.
#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include "http/files.hpp"
#include "http/guard.hpp"
#include "http/gzip.hpp"
#include "http/http.hpp"
#include "http/peer.hpp"
#include "http/router.hpp"
#include "http/text.hpp"

namespace skerry::http {

// Outlives the server as long as answers are owed; `peers` empties when the server goes.
class Responder::Target : public std::enable_shared_from_this<Responder::Target> {
 public:
  explicit Target(Loop& loop) : loop_(&loop) {}

  Loop* loop_;
  std::atomic<std::thread::id> thread_{};  // of the loop, once a connection came
  std::map<std::uint64_t, std::unique_ptr<Peer>> peers;
  std::vector<std::unique_ptr<Peer>> going;

  Peer* find(std::uint64_t id) {
    const auto found = peers.find(id);
    return found == peers.end() ? nullptr : found->second.get();
  }
  void answer(std::uint64_t connection, std::uint64_t request, Response response) {
    if (auto* const peer = find(connection)) peer->answer(request, std::move(response));
  }
};

namespace {

class StreamImpl final : public Stream {
 public:
  StreamImpl(std::weak_ptr<Responder::Target> target, std::uint64_t connection)
      : target_(std::move(target)), connection_(connection) {}
  ~StreamImpl() override { StreamImpl::close(); }
  StreamImpl(const StreamImpl&) = delete;
  StreamImpl& operator=(const StreamImpl&) = delete;
  bool send(std::string_view text) override {
    auto* const peer = find();
    return peer != nullptr && peer->send_stream(text);
  }
  bool open() const override { return find() != nullptr; }
  void close() override {
    if (auto* const peer = find()) peer->end();
  }

 private:
  Peer* find() const {
    const auto target = target_.lock();
    auto* const peer = target ? target->find(connection_) : nullptr;
    return peer != nullptr && peer->streaming() ? peer : nullptr;
  }
  std::weak_ptr<Responder::Target> target_;
  std::uint64_t connection_;
};

}  // namespace

Responder::Responder(std::shared_ptr<Target> target, std::uint64_t connection, std::uint64_t request)
    : target_(std::move(target)), connection_(connection), request_(request) {}
Responder::Responder(Responder&& other) noexcept
    : target_(std::exchange(other.target_, nullptr)), connection_(other.connection_), request_(other.request_) {}
Responder::~Responder() {
  if (target_) respond(problem(500, "no answer was made for this request; the gateway's log says more"));
}

void Responder::respond(Response response) {
  const auto target = std::exchange(target_, nullptr);
  INVARIANT(target != nullptr);
  if (target->thread_.load() == std::this_thread::get_id())
    return target->answer(connection_, request_, std::move(response));
  target->loop_->post([weak = std::weak_ptr(target), connection = connection_, request = request_,
                       response = std::move(response)]() mutable {
    if (const auto held = weak.lock()) held->answer(connection, request, std::move(response));
  });
}

std::shared_ptr<Stream> Responder::stream(std::string_view content_type, std::function<void()> closed) {
  const auto target = std::exchange(target_, nullptr);
  INVARIANT(target != nullptr);
  auto* const peer = target->find(connection_);
  if (peer == nullptr || !peer->begin_stream(request_, content_type, std::move(closed))) return nullptr;
  return std::make_shared<StreamImpl>(target, connection_);
}

namespace {

class ServerImpl final : public Server, public PeerOwner {
 public:
  ServerImpl(Loop& loop, metrics::Registry& metrics, const Options& options)
      : loop_(loop),
        metrics_(metrics),
        options_(options),
        target_(std::make_shared<Responder::Target>(loop)),
        seconds_(metrics.histogram("skerry_http_request_seconds", "from a request's first byte to its answer")),
        open_(metrics.gauge("skerry_http_connections", "open HTTP connections")),
        streams_(metrics.gauge("skerry_http_streams", "open event streams")),
        dropped_(metrics.counter("skerry_http_streams_dropped_total",
                                 "event streams dropped because the client did not read")),
        refused_(metrics.counter("skerry_http_connections_refused_total",
                                 "connections refused because http.connections_max was reached")) {}

  ~ServerImpl() override {
    listeners_.clear();
    tick_.reset();
    target_->going.clear();
    const auto peers = std::exchange(target_->peers, {});
  }
  ServerImpl(const ServerImpl&) = delete;
  ServerImpl& operator=(const ServerImpl&) = delete;

  void route(std::string_view method, std::string_view pattern, Handler handler) override {
    router_.add(method, pattern, std::move(handler));
  }
  void assets(std::span<const Asset> assets) override {
    for (auto& [path, handler] : file_handlers(assets)) router_.add("GET", path, std::move(handler));
  }
  void gate(Gate gate) override { gate_ = std::move(gate); }
  std::vector<RouteName> routes() const override { return router_.names(); }
  Result<std::uint16_t> listen(const Address& address, const Listen& through) override;
  std::size_t connections() const override { return target_->peers.size(); }
  void reconfigure(const Options& options) override {
    options_.body_bytes_max = options.body_bytes_max;
    options_.hosts = options.hosts;
    options_.connections_max = options.connections_max;
  }

 private:
  void handle(Peer& peer, RawRequest& raw) override;
  void accept(std::unique_ptr<Connection> connection, bool loopback);
  void tick();
  std::optional<Response> guard(const Peer& peer, const RawRequest& raw, std::string_view host) const;
  std::optional<Response> unpack(RawRequest& raw) const;

  void counted(int status, std::optional<double> seconds) override {
    auto& counter = codes_[status];
    if (counter == nullptr) {
      counter = &metrics_.counter("skerry_http_requests_total", "HTTP requests by the code of their answer",
                                  {{"code", std::to_string(status)}});
    }
    counter->add();
    if (seconds) seconds_.observe(*seconds);
  }
  void stream_dropped() override { dropped_.add(); }
  void stream_ended() override { streams_.add(-1); }
  void gone(Peer& peer) override {
    const auto found = target_->peers.find(peer.id());
    INVARIANT(found != target_->peers.end());
    // It may be running right now: it goes when the turn is over.
    if (target_->going.empty()) {
      loop_.at_turn_end([weak = std::weak_ptr(target_)] {
        if (const auto held = weak.lock()) held->going.clear();
      });
    }
    target_->going.push_back(std::move(found->second));
    target_->peers.erase(found);
    open_.set(static_cast<double>(target_->peers.size()));
  }
  const std::string& date() override {
    const auto now = std::chrono::floor<std::chrono::seconds>(loop_.clock().wall());
    if (date_.empty() || now != date_of_) {
      date_of_ = now;
      date_ = imf_date(now);
    }
    return date_;
  }
  Loop& loop() override { return loop_; }
  const Options& options() const override { return options_; }

  Loop& loop_;
  metrics::Registry& metrics_;
  Options options_;
  std::shared_ptr<Responder::Target> target_;
  metrics::Histogram& seconds_;
  metrics::Gauge& open_;
  metrics::Gauge& streams_;
  metrics::Counter& dropped_;
  metrics::Counter& refused_;
  Router router_;
  Gate gate_;
  std::map<int, metrics::Counter*> codes_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unique_ptr<Timer> tick_;
  std::uint64_t next_id_ = 1;
  std::string date_;
  std::chrono::sys_seconds date_of_{};
};

Result<std::uint16_t> ServerImpl::listen(const Address& address, const Listen& through) {
  const bool loopback = is_loopback_address(address.host);
  const Loop::Accept taken = [this, loopback](std::unique_ptr<Connection> c) { accept(std::move(c), loopback); };
  auto listener = TRY(through ? through(address, taken) : loop_.listen(address, taken));
  const auto port = listener->port();
  listeners_.push_back(std::move(listener));
  if (!tick_) tick_ = loop_.after(std::chrono::seconds{1}, [this] { tick(); });
  return port;
}

void ServerImpl::accept(std::unique_ptr<Connection> connection, bool loopback) {
  target_->thread_ = std::this_thread::get_id();
  if (target_->peers.size() >= options_.connections_max) {
    refused_.add();
    connection->send(skerry::as_bytes(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    connection->close();
    return;
  }
  auto& raw = *connection;
  auto peer = std::make_unique<Peer>(*this, std::move(connection), next_id_++, loopback);
  auto& handler = *peer;
  target_->peers.emplace(peer->id(), std::move(peer));
  open_.set(static_cast<double>(target_->peers.size()));
  loop_.start(raw, handler);
}

void ServerImpl::tick() {
  const auto now = loop_.clock().mono();
  std::vector<Peer*> peers;
  for (const auto& [id, peer] : target_->peers) peers.push_back(peer.get());
  for (auto* const peer : peers) peer->on_tick(now);  // those that leave live until the turn ends
  tick_ = loop_.after(std::chrono::seconds{1}, [this] { tick(); });
}

// The host asked for: of the target where that is absolute (RFC 9112 3.2.2), else of the header.
struct Place {
  std::string_view host;
  std::string_view path;
  std::string_view query;
  bool good = false;
};

Place place_of(std::string_view target, std::string_view host) {
  Place place{.host = host};
  if (target == "*") {
    place.path = target;
    place.good = true;
    return place;
  }
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    const auto slash = std::min(target.find('/'), target.find('?'));
    place.host = target.substr(0, slash);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const auto question = target.find('?');
  place.path = target.substr(0, question);
  if (question != std::string_view::npos) place.query = target.substr(question + 1);
  place.good = place.path.starts_with('/') && target.find('#') == std::string_view::npos;
  return place;
}

std::optional<Response> ServerImpl::guard(const Peer& peer, const RawRequest& raw, std::string_view host) const {
  const Request view{.headers = raw.headers};
  if (!(raw.http_1_0 && host.empty()) && !host_allowed(host, peer.loopback(), options_.hosts)) {
    return problem(
        421, "this gateway is not asked by that name; http.allowed_hosts lists further names (against DNS rebinding)");
  }
  const bool safe = raw.method == "GET" || raw.method == "HEAD" || raw.method == "OPTIONS";
  const auto origin = view.header("origin");
  if (!safe && !origin.empty() && !origin_allowed(origin, host, options_.origins)) {
    return problem(403, "a page of another origin may not change anything here");
  }
  return {};
}

std::optional<Response> ServerImpl::unpack(RawRequest& raw) const {
  const Request view{.headers = raw.headers};
  const auto coding = view.header("content-encoding");
  if (coding.empty() || same_name(coding, "identity") || raw.body.empty()) return {};
  if (!same_name(coding, "gzip")) {
    auto answer = problem(415, "the only content coding taken here is gzip");
    answer.headers.push_back({"Accept-Encoding", "gzip"});
    return answer;
  }
  auto plain = gunzip(raw.body, options_.body_bytes_max);
  if (!plain) return problem(plain.error());
  raw.body = std::move(*plain);
  return {};
}

void ServerImpl::handle(Peer& peer, RawRequest& raw) {
  Responder responder(target_, peer.id(), peer.request_number());
  const Request headers{.headers = raw.headers};
  const auto place = place_of(raw.target, headers.header("host"));
  if (!place.good)
    return responder.respond(problem(400, "the request target is neither a path nor an http address (RFC 9112 3.2)"));
  if (auto refused = guard(peer, raw, place.host)) return responder.respond(std::move(*refused));
  const auto found = router_.find(raw.method, place.path);
  const auto allow = place.path == "*" ? std::string("GET, HEAD, POST, OPTIONS") : found.allow;
  if (found.bad_encoding) return responder.respond(problem(400, "the path is badly percent-encoded"));
  if (found.handler == nullptr && allow.empty())
    return responder.respond(problem(404, "nothing is at this path; /api/v1/openapi.json lists what there is"));
  if (found.handler == nullptr) {
    Response answer;
    answer.status = 204;
    if (raw.method != "OPTIONS") answer = problem(405, "this path does not know that method; it knows " + allow);
    answer.headers.push_back({"Allow", allow});
    return responder.respond(std::move(answer));
  }
  if (auto refused = unpack(raw)) return responder.respond(std::move(*refused));
  Request request{.method = raw.method,
                  .target = raw.target,
                  .path = place.path,
                  .query = place.query,
                  .body = raw.body,
                  .headers = raw.headers,
                  .segments = found.segments,
                  .peer = &peer.address(),
                  .certificate = peer.certificate(),
                  .secure = peer.is_secure()};
  if (auto refused = gate_ ? gate_(request) : std::nullopt) return responder.respond(std::move(*refused));
  const auto streams_before = peer.streaming();
  (*found.handler)(request, std::move(responder));
  if (peer.streaming() && !streams_before) streams_.add(1);
}

}  // namespace

std::unique_ptr<Server> Server::make(Loop& loop, metrics::Registry& metrics, const Options& options) {
  return std::make_unique<ServerImpl>(loop, metrics, options);
}

}  // namespace skerry::http
