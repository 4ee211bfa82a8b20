// Identity in front of the HTTP API: who asks, and what the policy lets them do.
#pragma once

#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::edge {

// Asks for a token on every path of the API but its description. The policy judges the path (read, write); for what a
// body or a query names, the visitor that it makes is asked.
http::Gate http_gate(identity::Identity& identity);

}  // namespace skerry::edge
