// Reads what libcoap received: path, query, body, and the name by which a repetition is known.
#include "coap/message.hpp"

#include <openssl/evp.h>

#include <array>

#include "record/record.hpp"

namespace skerry::coap {
namespace {

std::string_view value_of(const coap_opt_t* option) {
  return {reinterpret_cast<const char*>(coap_opt_value(option)), coap_opt_length(option)};
}

std::string hex(std::span<const unsigned char> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto b : bytes) {
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  return text;
}

// A repetition is the same datagram from the same place (RFC 7252 4.5). What it asks for is part of the name: a client
// that starts anew at the same port may draw the same message id.
std::string exchange_of(const coap_pdu_t* pdu, const Request& request) {
  Buffer all;
  append_counted(all, as_bytes(request.peer));
  append_le<std::uint16_t>(all, static_cast<std::uint16_t>(coap_pdu_get_mid(pdu)));
  const auto token = coap_pdu_get_token(pdu);
  append_counted(all, std::as_bytes(std::span(token.s, token.length)));
  append_byte(all, static_cast<std::uint8_t>(request.method));
  append_counted(all, as_bytes(request.path));
  append_counted(all, as_bytes(request.query));
  append_bytes(all, request.body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  std::size_t length = 0;
  INVARIANT(EVP_Q_digest(nullptr, "SHA256", nullptr, all.data(), all.size(), digest.data(), &length) == 1);
  return hex(std::span(digest).first(12));
}

bool plain_in_path(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~!$'()*+,;=:@&").find(c) != std::string_view::npos;
}

}  // namespace

std::string text_of(const coap_address_t* address) {
  std::array<unsigned char, 80> text{};
  const auto length = coap_print_addr(address, text.data(), text.size());
  return {reinterpret_cast<const char*>(text.data()), length};
}

Received::Received(coap_session_t* session, const coap_pdu_t* pdu)
    : method_(static_cast<Method>(coap_pdu_get_code(pdu))),
      peer_(text_of(coap_session_get_addr_remote(session))),
      confirmable_(coap_pdu_get_type(pdu) == COAP_MESSAGE_CON) {
  coap_opt_iterator_t at;
  coap_option_iterator_init(pdu, &at, COAP_OPT_ALL);
  while (const auto* option = coap_option_next(&at)) {
    const auto value = value_of(option);
    switch (at.number) {
      case COAP_OPTION_URI_PATH:
        if (!path_.empty()) path_ += '/';
        path_ += value;
        ambiguous_ = ambiguous_ || value.empty() || value.find('/') != std::string_view::npos;
        break;
      case COAP_OPTION_URI_QUERY:
        if (!query_.empty()) query_ += '&';
        query_ += value;
        break;
      case COAP_OPTION_CONTENT_FORMAT:
        format_ = static_cast<Format>(coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)));
        break;
      case COAP_OPTION_BLOCK1: in_blocks_ = true; break;
      case COAP_OPTION_OBSERVE:
        observe_ = coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option)) == COAP_OBSERVE_ESTABLISH;
        break;
      default: break;
    }
  }
  ambiguous_ = ambiguous_ || !record::is_utf8(path_);
  std::size_t length = 0;
  std::size_t offset = 0;
  const std::uint8_t* data = nullptr;
  if (coap_get_data_large(pdu, &length, &data, &offset, &total_bytes_) != 0)
    body_ = std::as_bytes(std::span(data, length));
  exchange_ = exchange_of(pdu, view());
}

Request Received::view() const {
  return {.method = method_,
          .path = path_,
          .query = query_,
          .format = format_,
          .body = body_,
          .peer = peer_,
          .exchange = exchange_,
          .confirmable = confirmable_,
          .observe = observe_ && method_ == Method::get};
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  auto rest = query;
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto equals = one.find('=');
    if (one.substr(0, equals) == name)
      return equals == std::string_view::npos ? std::string_view{} : one.substr(equals + 1);
  }
  return {};
}

std::string escaped(std::string_view path) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : path) {
    if (plain_in_path(c) || c == '/') {
      text += c;
      continue;
    }
    const auto b = static_cast<unsigned char>(c);
    text += '%';
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  return text;
}

coap_pdu_code_t code_of(Status status) { return static_cast<coap_pdu_code_t>(((status / 100) << 5) | (status % 100)); }
Status status_of(coap_pdu_code_t code) { return (static_cast<int>(code) >> 5) * 100 + (static_cast<int>(code) & 31); }

Response json(std::string body, Status status) { return {status, Format::json, std::move(body), {}}; }
Response problem(Status status, std::string_view reason) { return {status, Format::none, std::string(reason), {}}; }

Response problem(const Error& error) {
  switch (error.code) {
    case Code::invalid:
    case Code::exists: return problem(400, error.text());
    case Code::not_found: return problem(404, error.text());
    case Code::denied: return problem(403, error.text());
    case Code::unsupported: return problem(415, error.text());
    case Code::full:
    case Code::busy:
    case Code::io: return problem(503, error.text());
    case Code::damaged:
    case Code::closed: break;
  }
  return problem(500, error.text());
}

}  // namespace skerry::coap
