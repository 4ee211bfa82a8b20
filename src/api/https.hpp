// The HTTPS door with mutual TLS (8443): registration, authentication, sessions, revocation, EST (RFC 7030), keys and
// lists.
//
// A client certificate is optional, because a new device has none. That one which is shown is believed, and that these
// paths are asked for by TLS, is the gate's to find out. Answers are made on the worker's threads.
#pragma once

#include <memory>

#include "api/worker.hpp"
#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::api {

class Https {
 public:
  // Adds its routes; outlives the server.
  static std::unique_ptr<Https> add(http::Server& server, Worker& worker, identity::Identity& identity);
  virtual ~Https() = default;
};

// The one path where a certificate may have expired lately.
bool is_renewal(std::string_view path);

// RFC 9457, with `reason` for programs.
http::Response problem(const identity::Refusal& refusal);

}  // namespace skerry::api
