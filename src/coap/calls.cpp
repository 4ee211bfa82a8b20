// Sending calls, and what their ends mean.
#include "coap/calls.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "coap/message.hpp"
#include "record/record.hpp"

namespace skerry::coap {
namespace {

struct Uri {
  std::string host;
  std::uint16_t port = COAP_DEFAULT_PORT;
  std::string path;
  std::string query;
};

std::string text(const coap_str_const_t& s) { return {reinterpret_cast<const char*>(s.s), s.length}; }

Result<Uri> split(std::string_view url) {
  coap_uri_t uri;
  if (coap_split_uri(reinterpret_cast<const std::uint8_t*>(url.data()), url.size(), &uri) < 0)
    return fail(Code::invalid, "is no URL; coap://host:port/path is", std::string(url));
  if (uri.scheme != COAP_URI_SCHEME_COAP) return fail(Code::unsupported, "only coap:// is called", std::string(url));
  Uri parts{text(uri.host), uri.port, text(uri.path), text(uri.query)};
  if (parts.host.empty()) return fail(Code::invalid, "names no host", std::string(url));
  return parts;
}

Result<coap_address_t> resolve(const Uri& uri) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const auto error = ::getaddrinfo(uri.host.c_str(), std::to_string(uri.port).c_str(), &hints, &found);
  if (error != 0 || found == nullptr)
    return fail(Code::not_found, std::string("cannot find the host: ") + ::gai_strerror(error), uri.host);
  coap_address_t address;
  coap_address_init(&address);
  address.size = found->ai_addrlen;
  std::memcpy(&address.addr, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

std::string_view name(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::answered: return "answered";
    case Outcome::Kind::refused: return "refused";
    case Outcome::Kind::unknown: return "unknown";
  }
  return "unknown";
}

}  // namespace

Result<> check_url(std::string_view url) {
  TRY(split(url));
  return {};
}

Calls::Calls(NetLoop& loop, coap_context_t* context, metrics::Registry& metrics)
    : loop_(loop), context_(context), metrics_(metrics) {}

Calls::~Calls() {
  *alive_ = false;
  for (auto& [session, call] : open_) coap_session_release(call.session);
}

void Calls::start(Call call, std::function<void(Outcome)> done) {
  if (open_.size() >= calls_max) return done({Outcome::Kind::refused, 0, "too many calls are under way"});
  auto sent = send(call);
  if (!sent) return done({Outcome::Kind::refused, 0, sent.error().text()});
  auto* session = *sent;
  auto over = loop_.after(call_time_max, [this, session] {
    end(session, {Outcome::Kind::unknown, 0, "no answer within " + std::to_string(call_time_max.count()) + " s"});
  });
  open_.emplace(session, Open{session, std::move(done), std::move(over)});
}

Result<coap_session_t*> Calls::send(const Call& call) {
  const auto uri = TRY(split(call.url));
  const auto address = TRY(resolve(uri));
  auto* session = coap_new_client_session(context_, nullptr, &address, COAP_PROTO_UDP);
  if (session == nullptr) return fail(Code::io, "cannot open a socket", call.url);
  coap_session_set_max_retransmit(session, call_repeats_max);
  auto* pdu = coap_new_pdu(COAP_MESSAGE_CON, static_cast<coap_pdu_code_t>(call.method), session);
  std::uint8_t token[8];
  std::size_t token_length = 0;
  coap_session_new_token(session, &token_length, token);
  coap_add_token(pdu, token_length, token);
  coap_optlist_t* options = nullptr;
  std::uint8_t scratch[1024];
  const auto add_all = [&](const std::string& from, std::uint16_t number, auto splitter) {
    if (from.empty()) return true;
    std::size_t length = sizeof scratch;
    int many = splitter(reinterpret_cast<const std::uint8_t*>(from.data()), from.size(), scratch, &length);
    if (many < 0) return false;
    for (const std::uint8_t* at = scratch; many > 0; --many, at += coap_opt_size(at))
      coap_insert_optlist(&options, coap_new_optlist(number, coap_opt_length(at), coap_opt_value(at)));
    return true;
  };
  bool ok = add_all(uri.path, COAP_OPTION_URI_PATH, coap_split_path) &&
            add_all(uri.query, COAP_OPTION_URI_QUERY, coap_split_query);
  const auto format_length = coap_encode_var_safe(scratch, 4, static_cast<unsigned>(call.format));
  coap_insert_optlist(&options, coap_new_optlist(COAP_OPTION_CONTENT_FORMAT, format_length, scratch));
  ok = ok && coap_add_optlist_pdu(pdu, &options) != 0;
  coap_delete_optlist(options);
  auto* body = new std::string(call.body);  // libcoap says when it no longer needs it
  const auto release = [](coap_session_t*, void* kept) { delete static_cast<std::string*>(kept); };
  ok = ok && coap_add_data_large_request(session, pdu, body->size(),
                                         reinterpret_cast<const std::uint8_t*>(body->data()), release, body) != 0;
  if (!ok) coap_delete_pdu(pdu);
  if (!ok || coap_send(session, pdu) == COAP_INVALID_MID) {
    coap_session_release(session);
    return fail(Code::io, "cannot send", call.url);
  }
  return session;
}

void Calls::answered(const coap_session_t* session, const coap_pdu_t* received) {
  std::size_t length = 0;
  const std::uint8_t* data = nullptr;
  std::string detail;
  if (coap_get_data(received, &length, &data) != 0)
    detail.assign(reinterpret_cast<const char*>(data), std::min<std::size_t>(length, 200));
  if (!record::is_utf8(detail)) detail.clear();
  end(session, {Outcome::Kind::answered, status_of(coap_pdu_get_code(received)), std::move(detail)});
}

void Calls::failed(const coap_session_t* session, coap_nack_reason_t reason) {
  switch (reason) {
    case COAP_NACK_TOO_MANY_RETRIES: return end(session, {Outcome::Kind::unknown, 0, "no acknowledgement"});
    case COAP_NACK_RST: return end(session, {Outcome::Kind::refused, 0, "it was rejected (RST)"});
    default: return end(session, {Outcome::Kind::refused, 0, "nobody listens there"});
  }
}

// The session is released later: libcoap may still be using it in the callback that brought us here.
void Calls::end(const coap_session_t* session, Outcome outcome) {
  const auto found = open_.find(session);
  if (found == open_.end()) return;
  auto call = std::move(found->second);
  open_.erase(found);
  metrics_
      .counter("skerry_coap_calls_total", "Calls to CoAP servers, by how they ended.",
               {{"outcome", std::string(name(outcome.kind))}})
      .add();
  loop_.post([alive = std::weak_ptr(alive_), kept = call.session] {
    if (!alive.expired()) coap_session_release(kept);
  });
  call.done(std::move(outcome));
}

}  // namespace skerry::coap
