// What changes something: readings that are taken in, commands that are issued. Answered after the commit.
#pragma once

#include "api/api.hpp"
#include "api/waiting.hpp"
#include "api/worker.hpp"
#include "base/clock.hpp"

namespace skerry::api {

class Post {
 public:
  Post(Deps& deps, const act::Options& act, Waiting& waiting);

  void readings(const http::Request& request, http::Responder responder);
  void command(const http::Request& request, http::Responder responder);
  void forget(const std::string& device, http::Responder responder);  // one that is known
  void meta(const http::Request& request, http::Responder responder);
  // Looks alerts up on `worker`: old ones are read from blocks.
  void alert_work(const http::Request& request, http::Responder responder, std::optional<act::AlertAction> action,
                  Worker& worker);

 private:
  struct Stored {
    log::Position first;
    std::size_t count = 0;
  };
  http::Response accepted(const Stored& stored) const;
  // A problem that names the field; counted when the request itself is wrong.
  http::Response refused(const Error& error);

  Deps& deps_;
  act::Options act_;
  Waiting& waiting_;
  SteadyWall wall_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // gone: what was posted does nothing
  metrics::Counter& taken_;
  metrics::Counter& refused_;
};

}  // namespace skerry::api
