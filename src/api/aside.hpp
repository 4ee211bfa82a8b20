// Answers made beside the loop: for work that takes milliseconds (passwords, syncs), so that nobody else waits for it.
#pragma once

#include <functional>

#include "api/worker.hpp"
#include "http/http.hpp"

namespace skerry::api {

// `make` runs on the worker's thread, over a copy of the request; 503 with Retry-After where too much waits.
void answer_aside(Worker& worker, const http::Request& request, http::Responder responder,
                  std::function<http::Response(const http::Request&)> make);

}  // namespace skerry::api
