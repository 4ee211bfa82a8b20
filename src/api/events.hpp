// The event stream: readings (newest of each device, at most 4 batches a second), alerts, commands, status, as SSE.
//
// Only committed facts leave. A client that returns with Last-Event-ID gets the alerts and commands it missed, as far
// back as act keeps them; readings are live and are not repeated: the lists have them.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.hpp"

namespace skerry::api {

class Events {
 public:
  // `status` gives the status object.
  Events(Deps& deps, std::function<std::string()> status);
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  void subscribe(const http::Request& request, http::Responder responder);
  std::size_t clients() const { return clients_.size(); }

 private:
  enum Type : std::uint8_t { want_readings = 1, want_alerts = 2, want_commands = 4, want_status = 8 };
  struct Client {
    std::shared_ptr<http::Stream> stream;
    std::uint8_t types = 0;
    std::string device;                            // empty: all
    std::shared_ptr<const http::Visitor> visitor;  // none: nobody in particular
    log::Position next;                            // alerts and commands before it were sent
  };
  struct Fresh {  // what the devices said since the last batch
    std::map<std::string, record::RecordView, std::less<>> newest;
    std::vector<log::Chunk> owners;
  };
  struct Wish {
    std::uint8_t types = 0;
    std::string device;
    std::optional<log::Position> after;
  };
  static Result<Wish> wish_of(const http::Request& request);

  void tick();
  void send_changes();
  void send_readings();
  void send_status();
  Fresh read_fresh();
  std::string take_batch();
  std::string batch_of_device(const Fresh& fresh, std::string_view device) const;
  bool any(Type type) const;
  void sweep();

  Deps& deps_;
  std::function<std::string()> status_;
  std::list<Client> clients_;
  log::Position readings_next_;
  bool reading_ = false;  // readings_next_ is kept up to date: somebody wants readings
  std::map<std::string, std::string, std::less<>> pending_;  // device -> its newest reading as JSON, not sent yet
  std::deque<std::string> order_;                            // in which they became pending
  int ticks_ = 0;
  std::unique_ptr<Timer> timer_;
  metrics::Gauge& open_;
  metrics::Counter& skipped_;
};

}  // namespace skerry::api
