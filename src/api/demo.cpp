// The routes of a demo: guarded as all POSTs are, and asking for JSON, which no form of another page can send.
#include "api/demo.hpp"

#include "api/params.hpp"

namespace skerry::api {

void demo_routes(http::Server& server, const Demo& demo) {
  server.route("GET", "/api/v1/demo", [&demo](const http::Request& q, http::Responder r) {
    if (const auto names = check_names(q, {}); !names) return r.respond(http::problem(names.error()));
    auto state = demo.state();
    if (state.empty()) return r.respond(http::problem(503, "the demo has not said anything yet"));
    r.respond(http::json(std::move(state)));
  });
  for (const std::string_view what : {"kill", "fill", "release", "cut", "mend"}) {
    server.route("POST", "/api/v1/demo/" + std::string(what), [&demo, what](const http::Request& q, http::Responder r) {
      if (const auto names = check_names(q, {}); !names) return r.respond(http::problem(names.error()));
      if (media_type(q) != "application/json")
        return r.respond(http::problem(415, "Content-Type must be application/json; the body may be {}"));
      if (const auto done = demo.act(what); !done) return r.respond(http::problem(done.error()));
      r.respond(http::json("{\"accepted\":\"" + std::string(what) + "\"}", 202));
    });
  }
}

}  // namespace skerry::api
