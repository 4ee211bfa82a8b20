// The HTTPS door with mutual TLS (8443): registration, authentication, sessions, revocation, EST (RFC 7030), keys and
// lists.
//
// A client certificate is optional, because a new device has none. One that is shown and not believed is answered 401
// on every path, with the reason; only simplereenroll takes one that expired lately. Everything on the loop's thread.
#pragma once

#include <memory>

#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::api {

class Https {
 public:
  static std::unique_ptr<Https> make(Loop& loop, identity::Identity& identity, metrics::Registry& metrics,
                                     const http::Options& options);
  virtual ~Https() = default;
  virtual Result<std::uint16_t> listen(const Address& address, const Listen& through) = 0;
};

// RFC 9457, with `reason` for programs.
http::Response problem(const identity::Refusal& refusal);

}  // namespace skerry::api
