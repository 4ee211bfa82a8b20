// Twins at the cloud: PATCH /api/v1/twins/{id}, and the reversal of a conflict. Kept, then on its way to the gateway.
//
// Answered when it is kept; the twin's `link` tells when the gateway has it. On the HTTP loop's thread.
#pragma once

#include <functional>

#include "api/worker.hpp"
#include "cloud/queries.hpp"
#include "cloud/writer.hpp"
#include "http/http.hpp"

namespace skerry::cloud {

class TwinWrites {
 public:
  struct Deps {
    Writer& writer;
    Queries& queries;  // used on the worker's thread
    api::Worker& worker;
    std::function<void(std::string gateway)> look;  // something waits for it; any thread
  };
  explicit TwinWrites(Deps deps) : deps_(std::move(deps)) {}

  void patch(const http::Request& request, http::Responder responder);
  void reverse(const http::Request& request, http::Responder responder);

 private:
  void write(SqlStore::TwinWrite write, http::Responder responder);

  Deps deps_;
};

}  // namespace skerry::cloud
