// Orders: POST /api/v1/commands of the cloud side: a command for a device, wherever its gateway is.
//
// Answered when it is kept; GET /api/v1/commands/{id} then tells what becomes of it. On the HTTP loop's thread.
#pragma once

#include "base/clock.hpp"
#include "cloud/desk.hpp"

namespace skerry::cloud {

class Orders {
 public:
  explicit Orders(const Desk& desk) : desk_(desk), wall_(system_clock()) {}

  void post(const http::Request& request, http::Responder responder);

 private:
  Result<SqlStore::Order> read(const http::Request& request);

  const Desk& desk_;
  SteadyWall wall_;
};

}  // namespace skerry::cloud
