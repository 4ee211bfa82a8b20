// GET /api/v1/demo and POST /api/v1/demo/{kill,fill,release,cut,mend}: what a demo has seen, and what may be done to
// its gateway.
#pragma once

#include "api/api.hpp"

namespace skerry::api {

void demo_routes(http::Server& server, const Demo& demo);  // `demo` outlives the server

}  // namespace skerry::api
