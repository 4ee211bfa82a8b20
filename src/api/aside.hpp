// Answers made beside the loop: for work that takes milliseconds (queries, passwords, syncs), so that nobody else waits
// for it.
#pragma once

#include <functional>

#include "api/worker.hpp"
#include "http/http.hpp"

namespace skerry::api {

// `make` runs on the worker's thread, over a copy of the request; 503 with Retry-After where too much waits.
void answer_aside(Worker& worker, const http::Request& request, http::Responder responder,
                  std::function<http::Response(const http::Request&)> make);

// A query whose parameters have been read: made on the worker's thread; 503 where too much waits.
using Query = std::function<Result<http::Response>()>;
void answer_query(Worker& worker, Result<Query> query, http::Responder responder);

}  // namespace skerry::api
