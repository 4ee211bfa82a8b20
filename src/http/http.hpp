// HTTP/1.1 server: routes are handed in, answers may come later, streams of events push back (RFC 9110, 9112, 9457).
//
// make() -> route(), assets() -> listen(). All on the loop's thread, as are handlers and streams; only
// Responder::respond() may be called from any thread. Requests of one connection are answered in order, one at a time;
// pipelined ones wait. Malformed input is answered with problem+json and counted in
// skerry_http_requests_total{code=…}; nothing of it reaches a handler.
//
// On a loopback address only the names localhost, 127.0.0.1 and [::1] (any port) are answered, else 421, so that a page
// on the web cannot reach the gateway by rebinding its own name. A method that changes something is refused (403) when
// its Origin is not the Host it is sent to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "http/limits.hpp"

namespace skerry::http {

struct Header {
  std::string name;
  std::string value;
};

// Somebody whom a gate has let in under a name of its own.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual std::string_view name() const = 0;  // for records of who did what: `device:press-1`, `user:ann`
  virtual bool may_publish(std::string_view topic) const = 0;
  virtual void published(std::string_view /*topic*/, std::size_t /*bytes*/) const {}  // a message that was taken
  virtual bool may_read(std::string_view device) const = 0;  // its readings; empty: those of all devices
  virtual bool may_stay() const = 0;                         // false: what is open for them (streams) ends
};

// Views are valid for the handler's call; to keep is to copy.
struct Request {
  std::string_view method;  // as sent: HEAD stays HEAD
  std::string_view target;  // as sent
  std::string_view path;    // as sent, without query
  std::string_view query;   // as sent, without '?'
  std::string_view body;    // whole; unpacked where it came as gzip
  std::span<const Header> headers;
  std::span<const Header> segments;  // of the route's pattern: {id} -> its text, percent-decoded
  const Address* peer = nullptr;
  Bytes certificate;                       // DER, of a TLS peer that has shown to hold its key; empty: none
  bool secure = false;                     // by TLS
  std::shared_ptr<const Visitor> visitor;  // none: nobody in particular, who may do all that the door allows

  // The first of that name, case-insensitive; empty when there is none.
  std::string_view header(std::string_view name) const;
  std::string_view segment(std::string_view name) const;
  // Of the query, decoded ('+' is a space); nothing when missing. Code::invalid: it is there twice or badly encoded.
  Result<std::optional<std::string>> parameter(std::string_view name) const;
  // The names in the query, decoded, in order.
  Result<std::vector<std::string>> parameter_names() const;
};

struct Response {
  int status = 200;
  std::string content_type;  // none: no such header
  std::string body;
  std::vector<Header>
      headers;  // Content-Length, Date, security headers and, where none is given, Cache-Control: no-store are added
};

Response json(std::string body, int status = 200);
// RFC 9457. `members` is more of the object: `,"index":3`.
Response problem(int status, std::string_view detail, std::string_view members = {});
Response problem(const Error& error);  // its code decides the status
std::string_view reason(int status);

// An answer without an end (SSE): loop thread only. A client that does not read is dropped when stream_bytes_max waits.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual bool send(std::string_view text) = 0;  // false: it is gone
  virtual bool open() const = 0;
  virtual void close() = 0;
};

// The promise of one answer. Destroyed without one, it answers 500.
class Responder {
 public:
  class Target;  // the server's side
  Responder(std::shared_ptr<Target> target, std::uint64_t connection, std::uint64_t request);
  Responder(Responder&& other) noexcept;
  Responder& operator=(Responder&&) = delete;
  ~Responder();

  void respond(Response response);  // any thread; once
  // Loop thread. Sends the head at once; empty when the client has gone. `closed` is called once, when it goes, not by
  // close().
  std::shared_ptr<Stream> stream(std::string_view content_type, std::function<void()> closed);

 private:
  std::shared_ptr<Target> target_;
  std::uint64_t connection_;
  std::uint64_t request_;
};

using Handler = std::function<void(const Request&, Responder)>;

// A file of the page, packed at build time. Bytes must outlive the server.
struct Asset {
  std::string_view path;  // as asked for: `/assets/index-3f9a.js`; `/` for the index
  std::string_view content_type;
  std::string_view gzip;
  bool immutable = false;  // its name holds a hash of it
};

struct Options {
  std::size_t header_bytes_max = http::header_bytes_max;
  std::size_t body_bytes_max = http::body_bytes_max;
  std::size_t connections_max = http::connections_max;
  std::size_t stream_bytes_max = http::stream_bytes_max;
  std::chrono::seconds idle_max = http::idle_max;
  std::chrono::seconds request_max = http::request_max;
  std::vector<std::string> hosts;    // further names that are answered; "*": any
  std::vector<std::string> origins;  // further origins that may change things: `https://page.example`
};

// Looks at a request that has a route before its handler does, and says who asks; an answer of its own ends it there.
using Gate = std::function<std::optional<Response>(Request&)>;

struct RouteName {
  std::string method;
  std::string pattern;
};

class Server {
 public:
  static std::unique_ptr<Server> make(Loop& loop, metrics::Registry& metrics, const Options& options);
  virtual ~Server() = default;  // on the loop's thread, or when it no longer runs

  // A pattern is fixed segments and {names}: `/api/v1/alerts/{id}`. GET answers HEAD too; OPTIONS and 405 come of
  // themselves. The longest fixed match wins.
  virtual void route(std::string_view method, std::string_view pattern, Handler handler) = 0;
  virtual void assets(std::span<const Asset> assets) = 0;
  virtual void gate(Gate gate) = 0;
  virtual std::vector<RouteName> routes() const = 0;

  // More than once is fine. The port that was given, or chosen. `through`: TLS; none: the loop alone.
  virtual Result<std::uint16_t> listen(const Address& address, const Listen& through = {}) = 0;
  virtual std::size_t connections() const = 0;
  // Takes of the options what may change while clients are connected: body_bytes_max, hosts and
  // connections_max.
  virtual void reconfigure(const Options& options) = 0;
};

}  // namespace skerry::http
