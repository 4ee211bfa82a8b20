// EST (RFC 7030): cacerts, simpleenroll, simplereenroll, for stock clients (curl with openssl, strongSwan's pki).
#pragma once

#include "api/worker.hpp"
#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::api {

inline constexpr std::string_view est_reenrol_path = "/.well-known/est/simplereenroll";

// simpleenroll: HTTP Basic, the id as user and a claim code as password, or an operator's or gateway's certificate.
void add_est(http::Server& server, Worker& worker, identity::Identity& identity);

}  // namespace skerry::api
