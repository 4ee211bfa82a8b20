// CoAP over UDP and DTLS: resources are handed in, answers may come later, observers are told of changes; and calls to
// others. RFC 7252 (CoAP), 7641 (Observe), 7959 (block-wise), 6690 (/.well-known/core); libcoap does the protocol.
//
// make() -> route(), offer(), offered_below() -> listen(). All on the loop's thread. An answer given within
// piggyback_max rides on the acknowledgement of the request; a later one is sent by itself, and the acknowledgement
// before it is empty, so it promises nothing. Malformed datagrams are answered or dropped as RFC 7252 4.2 says, and
// never reach a handler.
//
// A confirmable request that comes again is handed in again: whoever changes something tells repetitions by
// Request::exchange.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "base/tls.hpp"
#include "coap/limits.hpp"

namespace skerry::coap {

enum class Method : std::uint8_t { get = 1, post = 2, put = 3, del = 4 };  // RFC 7252 12.1.1

// As in RFC 7252 12.1.2: class × 100 + detail, 2.05 is 205.
using Status = int;

enum class Format : std::uint16_t { text = 0, link = 40, octets = 42, json = 50, none = 0xffff };  // RFC 7252 12.3

// Somebody who has shown at the beginning of a DTLS session who it is. Loop thread.
class Speaker {
 public:
  virtual ~Speaker() = default;
  virtual bool may_publish(std::string_view topic) = 0;
  virtual bool may_subscribe(std::string_view filter) = 0;
  virtual bool may_stay() = 0;                                                  // false: its session ends
  virtual void published(std::string_view /*topic*/, std::size_t /*bytes*/) {}  // a message that was taken
};

// What a peer has shown in the handshake: a certificate whose key it holds (DER), or that it knows a pre-shared key.
struct Shown {
  Bytes certificate;
  std::string_view key_name;
  Address peer;
};

// The door with DTLS 1.2 (RFC 6347; RFC 7252 9: certificates and pre-shared keys).
struct SecureOptions {
  std::string chain_pem;  // the server's certificate, then its issuers without the root
  std::string key_pem;
  std::string authorities_pem;
  tls::Verify verify;  // of certificates, in the handshake
  // The key of that name, for whoever asks by it; for a name that is not known as well, so that the handshake tells
  // nothing.
  std::function<Buffer(std::string_view key_name, const Address& peer)> key_of;
  std::function<std::shared_ptr<Speaker>(const Shown& shown)> admit;  // at the first request; none: 4.01
  // A handshake by pre-shared key that came to nothing: a wrong key, or a peer that went away.
  std::function<void(std::string_view key_name, const Address& peer)> gave_up;
};

// Views are valid for the handler's call.
struct Request {
  Method method = Method::get;
  std::string_view path;   // decoded, without a leading '/': `sensors/t1`
  std::string_view query;  // parameters with '&' between them
  Format format = Format::none;
  Bytes body;             // whole, all blocks together
  std::string_view peer;  // address:port
  std::string_view
      exchange;  // the same when the same request comes again within exchange_lifetime, also after a restart
  bool confirmable = true;
  bool observe = false;        // a GET that asks to be told of changes
  Speaker* speaker = nullptr;  // none: the plain door, where nobody shows who it is

  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct Response {
  Status status = 205;
  Format format = Format::none;
  std::string body;
  std::vector<std::string> location;  // Location-Path, of a 2.01
};

Response json(std::string body, Status status = 205);
// RFC 7252 5.5.2: the reason as text.
Response problem(Status status, std::string_view reason);
Response problem(const Error& error);

// The promise of one answer; loop thread. Destroyed without one, it answers 5.00.
class Responder {
 public:
  struct Answer;  // the server's side
  explicit Responder(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&&) = delete;
  ~Responder();
  void respond(Response response);

 private:
  std::shared_ptr<Answer> answer_;
};

using Handler = std::function<void(const Request&, Responder)>;

// What came of a call (act: at most once, and known where it can be).
struct Outcome {
  enum class Kind : std::uint8_t {
    answered,  // with `status`
    refused,   // nobody is there, or it said that it does not know us: the request was not taken
    unknown,   // no answer: it may have been taken, or not
  };
  Kind kind = Kind::unknown;
  Status status = 0;
  std::string detail;
};

struct Call {
  std::string url;  // coap://host[:port]/path
  Method method = Method::post;
  Format format = Format::json;
  std::string body;
};
// What is wrong with a URL to call, or nothing.
Result<> check_url(std::string_view url);

// Waits, on the loop's thread, until the answers that wait for the disk are given, but no longer than so long.
using Settle = std::function<void(std::chrono::milliseconds)>;

class Server {
 public:
  static Result<std::unique_ptr<Server>> make(NetLoop& loop, metrics::Registry& metrics, Settle settle);
  virtual ~Server() = default;  // on the loop's thread, or when it no longer runs

  // A path, and all paths below one that have no route of their own (`prefix` ends with '/').
  virtual void route(Method method, std::string path, Handler handler) = 0;
  virtual void route_below(Method method, std::string prefix, Handler handler) = 0;
  // Lists a path in /.well-known/core with `type` (rt, RFC 6690 3.1). Who observes a path offers it too. Beyond
  // resources_max a path is neither listed nor observed, but it is still answered.
  virtual void offer(std::string_view path, std::string_view type) = 0;
  // What a path below `prefix` is listed as when it is observed for the first time; nothing: it can't be observed.
  using TypeOf = std::function<std::optional<std::string>(std::string_view path)>;
  virtual void offered_below(std::string prefix, TypeOf type) = 0;
  // Tells its observers, by asking its GET again, which must answer at once. False when there are none.
  virtual bool changed(std::string_view path) = 0;

  // The port that was given, or chosen.
  virtual Result<std::uint16_t> listen(const Address& address) = 0;
  // Once. Code::invalid: the certificate or key is none.
  virtual Result<std::uint16_t> listen_secure(const Address& address, SecureOptions options) = 0;
  virtual Result<> reload(std::string_view chain_pem, std::string_view key_pem) = 0;  // for sessions to come
  virtual void recheck() = 0;  // ends the sessions of those who may not stay
  // One confirmable request; `done` is called once.
  virtual void call(Call call, std::function<void(Outcome)> done) = 0;
};

}  // namespace skerry::coap
