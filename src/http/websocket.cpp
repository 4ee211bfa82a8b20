// The opening handshake, frames, and the close of a WebSocket.
#include "http/websocket.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "http/guard.hpp"
#include "http/reader.hpp"
#include "http/text.hpp"
#include "record/record.hpp"

namespace skerry::http {
namespace {

// RFC 6455 section 1.3.
constexpr std::string_view magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t response_bytes_max = 16 * KiB;

enum Opcode : std::uint8_t { op_more = 0, op_text = 1, op_binary = 2, op_close = 8, op_ping = 9, op_pong = 10 };
enum CloseCode : std::uint16_t { c_normal = 1000, c_protocol = 1002, c_no_utf8 = 1007, c_too_big = 1009 };

std::string base64(Bytes bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto length =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string accept_of(std::string_view key) {
  const auto text = std::string(key) + std::string(magic);
  std::array<std::byte, 20> digest{};
  unsigned length = 0;
  const auto done = ::EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &length,
                                 ::EVP_sha1(), nullptr);
  INVARIANT(done == 1);
  return base64(digest);
}

std::string_view header_of(std::span<const Header> headers, std::string_view name) {
  return Request{.headers = headers}.header(name);
}

// One of a comma-separated list, without regard to case.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (same_name(one, word)) return true;
  }
  return false;
}

// 16 bytes in base 64: 22 digits and two signs that fill up.
bool is_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") && std::ranges::all_of(key.substr(0, 22), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
         });
}

void mask(std::span<std::byte> bytes, const std::array<std::byte, 4>& key) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= key[i % 4];
}

std::string refusal(int status, std::string_view why) {
  const auto body = problem(status, why).body;
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason(status)) +
         "\r\nContent-Type: application/problem+json\r\nSec-WebSocket-Version: 13\r\nConnection: "
         "close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

WebSocket::WebSocket(Options options, Chance& chance) : options_(std::move(options)), chance_(chance) {}
WebSocket::~WebSocket() = default;

void WebSocket::end(std::string why, bool clean, std::vector<Event>& events) {
  state_ = State::ended;
  in_.clear();
  at_ = 0;
  events.push_back({.kind = Event::Kind::ended, .why = std::move(why), .clean = clean});
}

bool WebSocket::fail_with(std::uint16_t code, std::string_view why, std::vector<Event>& events, Buffer& out) {
  if (state_ == State::open) close(code, why, out);
  end(std::string(why), false, events);
  return false;
}

void WebSocket::start(Buffer& out) {
  INVARIANT(options_.role == Role::client);
  Buffer drawn;
  append_le(drawn, chance_.next());
  append_le(drawn, chance_.next());
  key_ = base64(drawn);
  std::string text =
      "GET " + options_.path + " HTTP/1.1\r\nHost: " + options_.host +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key_ +
      "\r\n";
  if (!options_.protocol.empty()) text += "Sec-WebSocket-Protocol: " + options_.protocol + "\r\n";
  for (const auto& h : options_.headers) text += h.name + ": " + h.value + "\r\n";
  append_bytes(out, as_bytes(text + "\r\n"));
}

Result<std::string> WebSocket::answer(std::string_view method, std::span<const Header> headers,
                                      std::string_view protocol) {
  if (method != "GET") return fail(Code::invalid, "a WebSocket is opened with GET");
  if (!lists(header_of(headers, "upgrade"), "websocket") || !lists(header_of(headers, "connection"), "upgrade"))
    return fail(Code::invalid, "this path is a WebSocket's: send Connection: Upgrade and Upgrade: websocket");
  if (header_of(headers, "sec-websocket-version") != "13")
    return fail(Code::unsupported, "the only version of WebSocket spoken here is 13");
  const auto key = header_of(headers, "sec-websocket-key");
  if (!is_key(key)) return fail(Code::invalid, "Sec-WebSocket-Key must be 16 bytes in base 64");
  if (!protocol.empty() && !lists(header_of(headers, "sec-websocket-protocol"), protocol))
    return fail(Code::invalid, "the subprotocol spoken here is " + std::string(protocol));
  std::string text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_of(key) + "\r\n";
  if (!protocol.empty()) text += "Sec-WebSocket-Protocol: " + std::string(protocol) + "\r\n";
  return text + "\r\n";
}

bool WebSocket::read_request(std::vector<Event>& events, Buffer& out) {
  if (!reader_) reader_ = std::make_unique<RequestReader>(RequestReader::Limits{.body_bytes_max = 0});
  const auto refuse = [&](int status, std::string_view why) {
    append_bytes(out, as_bytes(refusal(status, why)));
    end("refused an upgrade: " + std::string(why), false, events);
    return false;
  };
  const auto event = reader_->read(in_);
  if (event == RequestReader::Event::more) return false;
  if (event != RequestReader::Event::request)
    return refuse(event == RequestReader::Event::malformed ? reader_->status() : 400,
                  event == RequestReader::Event::malformed ? reader_->detail() : "an upgrade has no body");
  const auto& request = reader_->request();
  if (request.target != options_.path) return refuse(404, "the WebSocket here is at " + options_.path);
  if (!host_allowed(header_of(request.headers, "host"), options_.loopback, {}) && options_.loopback)
    return refuse(421, "this address is not asked by that name (against DNS rebinding)");
  // A client that is no browser names the host it asks; a page names the one it came from.
  const auto origin = header_of(request.headers, "origin");
  if (!origin.empty() && !origin_allowed(origin, header_of(request.headers, "host"), {}))
    return refuse(403, "pages of the web may not connect here");
  const auto text = answer(request.method, request.headers, options_.protocol);
  if (!text) return refuse(text.error().code == Code::unsupported ? 426 : 400, text.error().what);
  append_bytes(out, as_bytes(*text));
  reader_.reset();
  state_ = State::open;
  events.push_back({.kind = Event::Kind::opened});
  return true;
}

bool WebSocket::read_response(std::vector<Event>& events) {
  const auto head_end = in_.find("\r\n\r\n");
  if (head_end == std::string::npos) {
    if (in_.size() > response_bytes_max) end("the server's answer has no end", false, events);
    return false;
  }
  std::string_view head(in_.data(), head_end);
  std::vector<Header> headers;
  const auto status = head.substr(0, head.find("\r\n"));
  std::size_t at = status.size();
  while (at < head.size()) {
    at += 2;
    const auto line = head.substr(at, head.find("\r\n", at) - at);
    at += line.size();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
  }
  if (!status.starts_with("HTTP/1.1 101")) {
    end("the server does not upgrade: " + std::string(status), false, events);
    return false;
  }
  if (header_of(headers, "sec-websocket-accept") != accept_of(key_) ||
      !lists(header_of(headers, "upgrade"), "websocket") ||
      (!options_.protocol.empty() && header_of(headers, "sec-websocket-protocol") != options_.protocol)) {
    end("the server's answer is none to what was asked", false, events);
    return false;
  }
  at_ = head_end + 4;
  state_ = State::open;
  events.push_back({.kind = Event::Kind::opened});
  return true;
}

bool WebSocket::read_handshake(std::vector<Event>& events, Buffer& out) {
  return options_.role == Role::server ? read_request(events, out) : read_response(events);
}

void WebSocket::on_bytes(Bytes in, std::vector<Event>& events, Buffer& out) {
  if (state_ == State::ended) return;
  in_ += as_text(in);
  if (state_ == State::handshake && !read_handshake(events, out)) return;
  while ((state_ == State::open || state_ == State::closing) && read_frame(events, out)) {
  }
  if (at_ > 0) {
    in_.erase(0, at_);
    at_ = 0;
  }
}

// Takes one frame off in_. False: there is no whole one, or the end.
bool WebSocket::read_frame(std::vector<Event>& events, Buffer& out) {
  Reader reader(as_bytes(std::string_view(in_).substr(at_)));
  const auto first = reader.byte();
  const auto second = reader.byte();
  if (!reader.ok()) return false;
  const auto opcode = static_cast<std::uint8_t>(first & 0x0f);
  const bool fin = (first & 0x80) != 0;
  const bool masked = (second & 0x80) != 0;
  std::uint64_t length = second & 0x7f;
  if (length == 126) length = reader.be<std::uint16_t>();
  if (length == 127 && (second & 0x7f) == 127) length = reader.be<std::uint64_t>();
  if ((first & 0x70) != 0) return fail_with(c_protocol, "reserved bits without an extension", events, out);
  if (masked != (options_.role == Role::server))
    return fail_with(c_protocol, masked ? "a masked frame of a server" : "a frame of a client that is not masked",
                     events, out);
  const bool control = opcode >= op_close;
  if (opcode > op_pong || (opcode > op_binary && !control))
    return fail_with(c_protocol, "an opcode that there is not", events, out);
  if (control && (!fin || (second & 0x7f) > 125))
    return fail_with(c_protocol, "a control frame that is long or in parts", events, out);
  if (!reader.ok()) return false;
  if (!control && length + message_.size() > options_.message_bytes_max)
    return fail_with(c_too_big, "a message longer than is taken here", events, out);
  std::array<std::byte, 4> key{};
  if (masked) std::ranges::copy(reader.take(4), key.begin());
  const auto payload = reader.take(length);
  if (!reader.ok()) return false;
  at_ = in_.size() - reader.rest().size();
  Buffer plain(payload.begin(), payload.end());
  if (masked) mask(plain, key);
  if (control) return on_control(opcode, as_text(plain), events, out);
  if ((opcode == op_more) != in_message_) return fail_with(c_protocol, "a fragment out of place", events, out);
  if (!in_message_) text_ = opcode == op_text;
  in_message_ = !fin;
  if (message_.empty()) {
    message_ = std::move(plain);
  } else {
    append_bytes(message_, plain);
  }
  if (!fin) return true;
  auto whole = std::exchange(message_, {});
  if (text_ && !record::is_utf8(as_text(whole))) return fail_with(c_no_utf8, "a text that is not UTF-8", events, out);
  if (state_ == State::open)
    events.push_back({.kind = Event::Kind::message, .text = text_, .message = std::move(whole)});
  return true;
}

bool WebSocket::on_control(std::uint8_t opcode, std::string_view payload, std::vector<Event>& events, Buffer& out) {
  if (opcode == op_ping && state_ == State::open) write_frame(op_pong, as_bytes(payload), out);
  if (opcode != op_close) return true;
  if (payload.size() == 1) return fail_with(c_protocol, "a close code of one byte", events, out);
  const auto why = payload.size() > 2 ? payload.substr(2) : std::string_view{};
  if (!record::is_utf8(why)) return fail_with(c_no_utf8, "a close reason that is not UTF-8", events, out);
  const auto code = payload.size() >= 2 ? load_be<std::uint16_t>(as_bytes(payload).data()) : std::uint16_t{c_normal};
  if (state_ == State::open) write_frame(op_close, as_bytes(payload.substr(0, 2)), out);
  end("the other side closed with " + std::to_string(code) + (why.empty() ? "" : ": " + std::string(why)), true,
      events);
  return false;
}

void WebSocket::write_frame(std::uint8_t opcode, Bytes payload, Buffer& out) {
  const std::uint8_t masked = options_.role == Role::client ? 0x80 : 0;
  append_byte(out, 0x80 | opcode);
  if (payload.size() < 126) {
    append_byte(out, masked | static_cast<std::uint8_t>(payload.size()));
  } else if (payload.size() <= 0xffff) {
    append_byte(out, masked | 126);
    append_be(out, static_cast<std::uint16_t>(payload.size()));
  } else {
    append_byte(out, masked | 127);
    append_be(out, static_cast<std::uint64_t>(payload.size()));
  }
  std::array<std::byte, 4> key{};
  if (masked != 0) {
    store_le(key.data(), static_cast<std::uint32_t>(chance_.next()));
    append_bytes(out, key);
  }
  const auto at = out.size();
  append_bytes(out, payload);
  if (masked != 0) mask(std::span(out).subspan(at), key);
}

void WebSocket::send(Bytes message, bool text, Buffer& out) {
  if (state_ == State::open) write_frame(text ? op_text : op_binary, message, out);
}

void WebSocket::close(std::uint16_t code, std::string_view why, Buffer& out) {
  if (state_ != State::open) return;
  Buffer payload;
  append_be(payload, code);
  append_bytes(payload, as_bytes(why.substr(0, 123)));
  write_frame(op_close, payload, out);
  state_ = State::closing;
}

}  // namespace skerry::http
