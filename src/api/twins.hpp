// /api/v1/twins: what is desired of devices and of the gateway, what they reported, and conflicts of the two sides.
//
// Reading is done by the worker; what changes something is answered when it is on disk. docs/twin.md
#pragma once

#include "api/api.hpp"
#include "api/waiting.hpp"
#include "api/worker.hpp"

namespace skerry::api {

// All outlive the server. Without Deps::twins there are no such paths.
void add_twin_routes(http::Server& server, const Deps& deps, Waiting& waiting, Worker& worker);

// What a PATCH of a twin asks for: {"desired": {field: value or null}} or {"reported": …}. Code::invalid names what is
// wrong; Code::unsupported: the media type.
struct TwinChange {
  bool reported = false;
  twin::Patch patch;
  std::string body;  // of `reported`: the patch as it came
};
Result<TwinChange> twin_change(const http::Request& request);

}  // namespace skerry::api
