// Twins at the cloud: PATCH /api/v1/twins/{id}, and the reversal of a conflict. Kept, then on its way to the gateway.
//
// Answered when it is kept; the twin's `link` tells when the gateway has it. On the HTTP loop's thread.
#pragma once

#include "cloud/desk.hpp"

namespace skerry::cloud {

class TwinWrites {
 public:
  explicit TwinWrites(const Desk& desk) : desk_(desk) {}

  void patch(const http::Request& request, http::Responder responder);
  void reverse(const http::Request& request, http::Responder responder);

 private:
  void write(SqlStore::TwinWrite write, http::Responder responder);

  const Desk& desk_;
};

}  // namespace skerry::cloud
