// Identity in front of the HTTP API: who asks, and what the policy lets them do.
#pragma once

#include "http/http.hpp"
#include "identity/identity.hpp"

namespace skerry::edge {

// Who shows a client certificate, a token (Authorization: Bearer) or the cookie of a login is that; credentials that
// are given must be right. Nobody else gets into the API by TLS; by the plain door only where `anonymous` says so, and
// then may do everything. The policy judges the path for devices (read, write), the role for people; for what a body or
// a query names, the visitor that it makes is asked. Registration and sessions are answered by TLS only. Who shows
// `command_token` over loopback owns the data folder, and may do everything. What a person or such a command changes
// stands in the audit journal.
http::Gate http_gate(identity::Identity& identity, bool anonymous, std::string command_token);

}  // namespace skerry::edge
