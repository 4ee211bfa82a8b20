// Logging in: /api/v1/login, logout, me. docs/accounts.md.
#pragma once

#include "api/worker.hpp"
#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::api {

// `identity` may be null: nobody can log in, and `me` says that nobody needs to.
void add_account_routes(http::Server& server, Worker& worker, identity::Identity* identity, bool login_needed);

// The token in the request's cookie; empty: none. A gateway's cookie is named for its port, because browsers keep one
// jar for all ports of a host.
std::string login_token(const http::Request& request);
// Whether it says its login's token against forged requests (X-CSRF-Token).
bool csrf_is_right(const http::Request& request, const identity::Login& login);

}  // namespace skerry::api
