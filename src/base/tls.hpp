// TLS over the loop's connections (TLS 1.2 and 1.3, RFC 5246, RFC 8446; OpenSSL behind the seam): doors and the link
// see a Connection like any other, with the peer's certificate.
//
// Lists are Mozilla's "intermediate" (version 5.7): forward secrecy and AEAD only; X25519, P-256, P-384. Sessions
// resume by ticket for an hour: a resumed one carries the certificate it began with, so a door asks again whether it is
// still believed. A handshake that takes longer than handshake_within ends. Handshakes begin in the order of their
// connections, at most handshakes_per_second, so that a storm of devices is served in turn while those already in are
// not starved; what waits is bounded. Everything on the loop's thread but Server::reload(), which any may call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "base/metrics.hpp"

namespace skerry::tls {

enum class ClientCertificate : std::uint8_t { none, optional, required };

// What the peer is told (RFC 8446 6.2): each has its alert.
enum class Verdict : std::uint8_t {
  good,
  bad,          // bad_certificate
  expired,      // certificate_expired
  unknown_ca,   // unknown_ca
  revoked,      // certificate_revoked
  unsupported,  // unsupported_certificate: it is for another use
};
// Asked once per full handshake, with the DER of the peer's own certificate.
using Verify = std::function<Verdict(Bytes leaf_der, const Address& peer)>;

struct ServerOptions {
  std::string chain_pem;  // the server's certificate, then its issuers without the root
  std::string key_pem;
  ClientCertificate client = ClientCertificate::none;
  std::string authorities_pem;          // whose subjects are named when a client certificate is asked for
  Verify verify;                        // none: every certificate passes, and the door judges
  bool only_13 = false;                 // TLS 1.3 only
  std::string door = "tls";             // the label of its metrics
  double handshakes_per_second = 1000;  // 0: no limit
  std::size_t waiting_max = 20'000;     // connections whose handshake has not begun; beyond it they are closed
  std::chrono::seconds handshake_within{10};
};

class Server {
 public:
  // Code::invalid: the certificate or key is none, or they do not belong together.
  static Result<std::shared_ptr<Server>> make(const ServerOptions& options, metrics::Registry& metrics);
  virtual ~Server() = default;
  virtual Result<> reload(std::string_view chain_pem, std::string_view key_pem) = 0;  // for connections to come

  // Connections arrive at `accept` when their handshake is done.
  virtual Result<std::unique_ptr<Listener>> listen(Loop& loop, const Address& address, Loop::Accept accept) = 0;
};

struct ClientOptions {
  std::string trusted_pem;  // roots
  std::string chain_pem;    // our own certificate, where the server asks for one
  std::string key_pem;
  std::string server_name;  // that its certificate must name; a name or an address
  bool only_13 = false;     // TLS 1.3 only
  Via via{};
  std::chrono::seconds handshake_within{10};
};

// `connected` gets a connection whose server is proven, or Code::denied with what is wrong with it.
Result<> connect(Loop& loop, const Address& address, const ClientOptions& options, Loop::Connected connected);

}  // namespace skerry::tls
