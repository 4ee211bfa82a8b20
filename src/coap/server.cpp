// Serving: which handler, and when its answer leaves.
#include "coap/server.hpp"

#include <arpa/inet.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <mutex>

#include "base/logger.hpp"
#include "base/ports.hpp"

namespace skerry::coap {
namespace {

constexpr std::size_t reason_bytes_max = 512;  // a diagnostic payload goes in one datagram
constexpr auto blocks_answer_max = std::chrono::seconds{2};

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    coap_startup();
    coap_set_log_level(LOG_WARNING);
    coap_set_log_handler([](coap_log_t, const char* text) {
      std::string_view line(text);
      while (line.ends_with('\n')) line.remove_suffix(1);
      logger::debug("coap", "libcoap", {{"says", line}});
    });
  });
}

LibServer& owner(const coap_session_t* session) {
  return *static_cast<LibServer*>(coap_get_app_data(coap_session_get_context(session)));
}

bool is_change(Method method) { return method != Method::get; }

}  // namespace

Result<std::unique_ptr<Server>> Server::make(NetLoop& loop, metrics::Registry& metrics, Settle settle) {
  auto server = std::make_unique<LibServer>(loop, metrics, std::move(settle));
  TRY(server->start());
  return server;
}

Responder::~Responder() {
  if (answer_ && !answer_->response) respond(problem(500, "the request was dropped: a fault of this program"));
}

void Responder::respond(Response response) {
  if (!answer_ || answer_->response) return;
  answer_->response = std::move(response);
  if (answer_->late) answer_->late();
}

LibServer::LibServer(NetLoop& loop, metrics::Registry& metrics, Settle settle)
    : loop_(loop), metrics_(metrics), settle_(std::move(settle)) {}

LibServer::~LibServer() {
  *alive_ = false;
  watch_.reset();
  timer_.reset();
  calls_.reset();
  for (auto& [id, answer] : late_) answer->late = nullptr;
  if (context_ != nullptr) coap_free_context(context_);
  dtls_.reset();  // the context told it of its last sessions
}

Result<> LibServer::start() {
  start_library();
  context_ = coap_new_context(nullptr);
  if (context_ == nullptr) return fail(Code::io, "libcoap could not be started");
  coap_set_app_data(context_, this);
  coap_context_set_block_mode(context_, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
  calls_ = std::make_unique<Calls>(loop_, context_, metrics_);
  coap_register_response_handler(
      context_, [](coap_session_t* session, const coap_pdu_t*, const coap_pdu_t* received, const coap_mid_t) {
        owner(session).calls_->answered(session, received);
        return COAP_RESPONSE_OK;
      });
  coap_register_nack_handler(context_, [](coap_session_t* session, const coap_pdu_t*, const coap_nack_reason_t reason,
                                          const coap_mid_t) { owner(session).calls_->failed(session, reason); });
  auto* rest = coap_resource_unknown_init2(&LibServer::on_request, 0);
  for (const auto method : {COAP_REQUEST_GET, COAP_REQUEST_POST, COAP_REQUEST_DELETE})
    coap_register_request_handler(rest, method, &LibServer::on_request);
  coap_add_resource(context_, rest);
  const int fd = coap_context_get_coap_fd(context_);
  if (fd < 0) return fail(Code::unsupported, "libcoap was built without epoll");
  watch_ = loop_.watch(fd, [this] { turn(); });
  return {};
}

void LibServer::route(Method method, std::string path, Handler handler) {
  routes_[{std::move(path), method}] = std::move(handler);
}

void LibServer::route_below(Method method, std::string prefix, Handler handler) {
  below_[{std::move(prefix), method}] = std::move(handler);
}

void LibServer::offered_below(std::string prefix, TypeOf type) { types_below_[std::move(prefix)] = std::move(type); }

void LibServer::offer(std::string_view path, std::string_view type) {
  if (offered_.size() >= resources_max || offered_.contains(std::string(path))) return;
  const auto name = escaped(path);
  coap_str_const_t uri{name.size(), reinterpret_cast<const std::uint8_t*>(name.data())};
  auto* resource = coap_resource_init(coap_new_str_const(uri.s, uri.length), COAP_RESOURCE_FLAGS_RELEASE_URI);
  for (const auto method : {COAP_REQUEST_GET, COAP_REQUEST_POST, COAP_REQUEST_PUT, COAP_REQUEST_DELETE})
    coap_register_request_handler(resource, method, &LibServer::on_request);
  coap_resource_set_get_observable(resource, 1);
  const auto attribute = [resource](std::string_view key, const std::string& value) {
    coap_add_attr(resource, coap_make_str_const(std::string(key).c_str()), coap_make_str_const(value.c_str()), 0);
  };
  attribute("rt", '"' + std::string(type) + '"');
  attribute("ct", "50");
  coap_add_resource(context_, resource);
  offered_.emplace(path, resource);
}

bool LibServer::changed(std::string_view path) {
  const auto found = offered_.find(std::string(path));
  if (found == offered_.end() || coap_resource_notify_observers(found->second, nullptr) == 0) return false;
  turn_soon();
  return true;
}

Result<std::uint16_t> LibServer::listen_secure(const Address& address, SecureOptions options) {
  dtls_ = std::make_unique<Dtls>(context_, metrics_);
  TRY(dtls_->start(std::move(options)));
  coap_register_event_handler(context_, [](coap_session_t* session, const coap_event_t event) {
    owner(session).dtls_->event(session, event);
    return 0;
  });
  return listen_by(address, COAP_PROTO_DTLS);
}

void LibServer::recheck() {
  if (!dtls_) return;
  dtls_->recheck();
  turn_soon();
}

Result<std::uint16_t> LibServer::listen_by(const Address& address, coap_proto_t protocol) {
  coap_address_t local;
  coap_address_init(&local);
  const auto host = address.host == "localhost" ? std::string("127.0.0.1") : address.host;
  if (::inet_pton(AF_INET, host.c_str(), &local.addr.sin.sin_addr) == 1) {
    local.addr.sin.sin_family = AF_INET;
    local.size = sizeof local.addr.sin;
  } else if (::inet_pton(AF_INET6, host.c_str(), &local.addr.sin6.sin6_addr) == 1) {
    local.addr.sin6.sin6_family = AF_INET6;
    local.size = sizeof local.addr.sin6;
  } else {
    return fail(Code::invalid, "is no IP address to listen on", address.host);
  }
  coap_address_set_port(&local, address.port);
  auto* endpoint = coap_new_endpoint(context_, &local, protocol);
  if (endpoint == nullptr) {
    if (errno == EACCES) return fail(Code::denied, "cannot listen: permission denied", address.text());
    const auto holder = port_holder(address.port);
    return fail(Code::busy, "the UDP port is in use" + (holder.empty() ? std::string{} : " by " + holder),
                address.text());
  }
  turn_soon();
  // "127.0.0.1:5683 UDP" or "… DTLS": the one way to learn which port the system chose.
  const std::string_view text(coap_endpoint_str(endpoint));
  const auto digits = text.substr(text.rfind(':') + 1);
  std::uint16_t port = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

// ---- turns ----

bool LibServer::more_to_read() const {
  pollfd one{coap_context_get_coap_fd(context_), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

void LibServer::turn() {
  coap_io_process(context_, COAP_IO_NO_WAIT);
  coap_tick_t now;
  coap_ticks(&now);
  const auto next_ms = coap_io_prepare_epoll(context_, now);
  if (next_ms == 0) {
    timer_.reset();
  } else {
    timer_ = loop_.after(std::chrono::milliseconds{next_ms}, [this] { turn(); });
  }
}

void LibServer::turn_soon() {
  if (std::exchange(turn_posted_, true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    turn_posted_ = false;
    turn();
  });
}

// ---- one request ----

void LibServer::on_request(coap_resource_t* resource, coap_session_t* session, const coap_pdu_t* request,
                           const coap_string_t* query, coap_pdu_t* response) {
  owner(session).serve({resource, session, request, query, response});
}

const Handler* LibServer::handler_of(Method method, std::string_view path, bool& path_known) const {
  path_known = false;
  const auto exact = routes_.find(std::pair(std::string(path), method));
  if (exact != routes_.end()) return &exact->second;
  for (const auto& [key, handler] : routes_) path_known = path_known || key.first == path;
  for (const auto& [key, handler] : below_) {
    if (!path.starts_with(key.first) || path.size() == key.first.size()) continue;
    path_known = true;
    if (key.second == method) return &handler;
  }
  return nullptr;
}

void LibServer::serve(const Exchange& exchange) {
  if (serve_late(exchange)) return;
  const Received received(exchange.session, exchange.request);
  auto request = received.view();
  if (is_secure(exchange.session)) {
    request.speaker = dtls_->speaker(exchange.session);
    if (request.speaker == nullptr) return answer(exchange, problem(401, "this identity is not believed"));
  }
  if (received.ambiguous())
    return answer(exchange, problem(400, "a segment of the path is empty, holds '/', or is not UTF-8"));
  if (received.announced_bytes() > body_bytes_max || request.body.size() > body_bytes_max)
    return answer(exchange, problem(413, "at most " + std::to_string(body_bytes_max) + " bytes are taken"));
  if (request.observe && serve_anew(exchange, request)) return;
  bool path_known = false;
  const auto* handler = handler_of(request.method, request.path, path_known);
  if (handler == nullptr) {
    return answer(exchange, path_known ? problem(405, "this method is not allowed here")
                                       : problem(404, "there is no such resource; GET /.well-known/core lists them"));
  }
  auto pending = std::make_shared<Responder::Answer>();
  (*handler)(request, Responder(pending));
  // In pieces the request can't be handed to libcoap again, so its answer must ride on the last piece.
  if (!pending->response && (received.in_blocks() || (is_change(request.method) && !more_to_read())))
    settle_(received.in_blocks() ? std::chrono::milliseconds{blocks_answer_max} : piggyback_max);
  if (pending->response) return answer(exchange, std::move(*pending->response));
  if (received.in_blocks()) return answer(exchange, problem(503, "the disk took too long; it may have been taken"));
  put_off(exchange, std::move(pending));
}

// The request is acknowledged without an answer; when there is one, libcoap asks for it again.
void LibServer::put_off(const Exchange& exchange, std::shared_ptr<Responder::Answer> pending) {
  auto* async = late_.size() < waiting_max ? coap_register_async(exchange.session, exchange.request, 0) : nullptr;
  if (async == nullptr) return answer(exchange, problem(503, "too many requests wait; it may have been taken"));
  const auto id = late_next_++;
  coap_async_set_app_data(async, reinterpret_cast<void*>(id));  // NOLINT: an id, not a pointer
  pending->late = [this, async] {
    coap_async_trigger(async);
    turn_soon();
  };
  late_.emplace(id, std::move(pending));
}

// libcoap notes an observer only for a path that it knows when the request comes: make it known, and ask again.
bool LibServer::serve_anew(const Exchange& exchange, const Request& request) {
  if (offered_.size() >= resources_max || offered_.contains(std::string(request.path))) return false;
  for (const auto& [prefix, type_of] : types_below_) {
    if (!request.path.starts_with(prefix)) continue;
    const auto type = type_of(request.path);
    if (!type) return false;
    offer(request.path, *type);
    auto* async = coap_register_async(exchange.session, exchange.request, 0);
    if (async == nullptr) return false;
    coap_async_trigger(async);
    turn_soon();
    return true;
  }
  return false;
}

bool LibServer::serve_late(const Exchange& exchange) {
  auto* async = coap_find_async(exchange.session, coap_pdu_get_token(exchange.request));
  if (async == nullptr) return false;
  const auto id = reinterpret_cast<std::uintptr_t>(coap_async_get_app_data(async));
  if (id == 0) return false;  // serve_anew()
  const auto found = late_.find(id);
  if (found == late_.end()) return true;
  if (!found->second->response) return true;  // a repetition; the answer is on its way
  auto response = std::move(*found->second->response);
  late_.erase(found);
  answer(exchange, std::move(response));
  return true;
}

void LibServer::answer(const Exchange& exchange, Response response) {
  metrics_
      .counter("skerry_coap_requests_total", "Requests to the CoAP door, by the code of their answer.",
               {{"code", std::to_string(response.status / 100) + (response.status % 100 < 10 ? ".0" : ".") +
                             std::to_string(response.status % 100)}})
      .add();
  coap_pdu_set_code(exchange.response, code_of(response.status));
  for (const auto& segment : response.location) {
    coap_add_option(exchange.response, COAP_OPTION_LOCATION_PATH, segment.size(),
                    reinterpret_cast<const std::uint8_t*>(segment.data()));
  }
  if (response.body.empty()) {
    coap_opt_iterator_t at;  // RFC 7959 2.3: the answer names the block that it answers
    const auto* block = coap_check_option(exchange.request, COAP_OPTION_BLOCK1, &at);
    if (block != nullptr)
      coap_add_option(exchange.response, COAP_OPTION_BLOCK1, coap_opt_length(block), coap_opt_value(block));
    return;
  }
  if (response.status / 100 != 2) {
    const auto length = std::min(response.body.size(), reason_bytes_max);
    coap_add_data(exchange.response, length, reinterpret_cast<const std::uint8_t*>(response.body.data()));
    return;
  }
  auto* body = new std::string(std::move(response.body));  // libcoap says when it no longer needs it
  const auto release = [](coap_session_t*, void* kept) { delete static_cast<std::string*>(kept); };
  coap_add_data_large_response(exchange.resource, exchange.session, exchange.request, exchange.response, exchange.query,
                               static_cast<std::uint16_t>(response.format), static_cast<int>(max_age.count()), 0,
                               body->size(), reinterpret_cast<const std::uint8_t*>(body->data()), release, body);
}

}  // namespace skerry::coap
