// Orders: POST /api/v1/commands of the cloud side: a command for a device, wherever its gateway is.
//
// Answered when it is kept; GET /api/v1/commands/{id} then tells what becomes of it. On the HTTP loop's thread.
#pragma once

#include <functional>

#include "api/worker.hpp"
#include "base/clock.hpp"
#include "cloud/queries.hpp"
#include "cloud/writer.hpp"
#include "http/http.hpp"

namespace skerry::cloud {

class Orders {
 public:
  struct Deps {
    Writer& writer;
    Queries& queries;  // used on the worker's thread
    api::Worker& worker;
    std::function<void(std::string gateway)> look;  // something waits for it; any thread
  };
  explicit Orders(const Deps& deps) : deps_(deps), wall_(system_clock()) {}

  void post(const http::Request& request, http::Responder responder);

 private:
  Result<SqlStore::Order> read(const http::Request& request);

  Deps deps_;
  SteadyWall wall_;
};

}  // namespace skerry::cloud
