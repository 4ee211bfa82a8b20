// WebSocket (RFC 6455) without I/O: bytes in; events, and bytes to send, out. Both roles; no extensions.
//
// A client begins with start(); a server with the bytes of the request (or, behind an http::Server, with accepted()).
// Messages come whole, fragments put together; pings are answered here. After Event::ended nothing more is read or
// sent: close the connection once `out` has left. Malformed input ends it with the close code that RFC 6455 names.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/chance.hpp"
#include "base/result.hpp"
#include "http/http.hpp"

namespace skerry::http {

class RequestReader;

class WebSocket {
 public:
  enum class Role : std::uint8_t { client, server };
  struct Options {
    Role role = Role::server;
    std::string path = "/";       // asked for; a server answers others with 404
    std::string protocol;         // Sec-WebSocket-Protocol; empty: none is asked for or checked
    std::string host;             // client: the Host header
    std::vector<Header> headers;  // client: further ones
    std::size_t message_bytes_max = 1 * MiB;
    bool loopback = true;  // server: only loopback names are answered, as Server does
  };
  struct Event {
    enum class Kind : std::uint8_t { opened, message, ended };
    Kind kind = Kind::opened;
    bool text = false;  // of a message
    Buffer message;
    std::string why;     // of the end
    bool clean = false;  // ended by both sides as RFC 6455 has it
  };

  // `chance` draws keys and masks.
  WebSocket(Options options, Chance& chance);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  void start(Buffer& out);  // client only
  void on_bytes(Bytes in, std::vector<Event>& events, Buffer& out);
  void send(Bytes message, bool text, Buffer& out);  // nothing when not open
  void close(std::uint16_t code, std::string_view why, Buffer& out);
  bool open() const { return state_ == State::open; }
  bool ended() const { return state_ == State::ended; }

  // What a server answers an upgrade with, whole, or the problem. For those who have read the request by themselves.
  static Result<std::string> answer(std::string_view method, std::span<const Header> headers,
                                    std::string_view protocol);
  void accepted() { state_ = State::open; }  // server: the answer has been sent elsewhere

 private:
  enum class State : std::uint8_t { handshake, open, closing, ended };

  bool read_handshake(std::vector<Event>& events, Buffer& out);
  bool read_request(std::vector<Event>& events, Buffer& out);
  bool read_response(std::vector<Event>& events);
  bool read_frame(std::vector<Event>& events, Buffer& out);
  bool on_control(std::uint8_t opcode, std::string_view payload, std::vector<Event>& events, Buffer& out);
  void write_frame(std::uint8_t opcode, Bytes payload, Buffer& out);
  void end(std::string why, bool clean, std::vector<Event>& events);
  bool fail_with(std::uint16_t code, std::string_view why, std::vector<Event>& events, Buffer& out);

  Options options_;
  Chance& chance_;
  State state_ = State::handshake;
  std::string in_;
  std::size_t at_ = 0;  // read of in_
  std::string key_;     // client: what was sent
  std::unique_ptr<RequestReader> reader_;
  Buffer message_;
  bool in_message_ = false;
  bool text_ = false;
};

}  // namespace skerry::http
