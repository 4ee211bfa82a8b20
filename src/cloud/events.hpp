// Event streams of the fleet (SSE): readings (newest of each device, 4 times a second), alerts, commands, status.
//
// tell() from the writer's thread; everything else on the HTTP loop's.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "cloud/store.hpp"
#include "http/http.hpp"

namespace skerry::cloud {

class Events {
 public:
  Events(Loop& loop, SqlStore& store);
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  void subscribe(const http::Request& request, http::Responder responder);
  void tell(std::vector<News> news);

 private:
  struct Client {
    std::shared_ptr<http::Stream> stream;
    bool readings = false;
    bool alerts = false;
    bool commands = false;
    std::string device;  // empty: all
  };
  Result<Client> client_of(const http::Request& request) const;
  void tick();

  Loop& loop_;
  SqlStore& store_;
  std::list<Client> clients_;
  std::unique_ptr<Timer> timer_;
  std::mutex mutex_;
  std::vector<News> news_;                     // alerts and commands, in order
  std::map<std::string, std::string> newest_;  // device -> its newest reading
};

}  // namespace skerry::cloud
