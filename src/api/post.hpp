// What changes something: readings that are taken in, commands that are issued. Answered after the commit.
#pragma once

#include "api/api.hpp"
#include "api/waiting.hpp"
#include "base/clock.hpp"

namespace skerry::api {

class Post {
 public:
  Post(Deps& deps, const act::Options& act, Waiting& waiting);

  void readings(const http::Request& request, http::Responder responder);
  void command(const http::Request& request, http::Responder responder);
  void forget(const std::string& device, http::Responder responder);  // one that is known

 private:
  struct Stored {
    log::Position first;
    std::size_t count = 0;
  };
  http::Response accepted(const Stored& stored) const;

  Deps& deps_;
  act::Options act_;
  Waiting& waiting_;
  SteadyWall wall_;
  metrics::Counter& taken_;
  metrics::Counter& refused_;
};

}  // namespace skerry::api
