// The MQTT door: a broker whose queues are positions in the log.
//
// What a client publishes is appended to the log and nowhere else; its acknowledgement leaves after the commit. What
// clients get is read from the log, so records of HTTP and of pipelines reach them the same way: QoS 0 and 1 at once,
// critical messages (alerts, commands) and QoS 2 after their commit. A client that cannot take more, or is away, is a
// position in the log; nothing acknowledged is dropped for it. Sessions, retained messages and wills survive a crash.
//
// Order: open(), listen(), and at the end shut(), a last commit of the log, checkpoint(). Everything on the loop's
// thread. The log, loop, rules and access must outlive the broker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "log/checkpoint.hpp"
#include "log/log.hpp"
#include "mqtt/access.hpp"
#include "mqtt/options.hpp"
#include "record/classes.hpp"

namespace skerry::mqtt {

struct Deps {
  Loop& loop;
  log::Log& log;
  Files& files;
  Chance& chance;
  metrics::Registry& metrics;
  const record::ClassRules& rules;
  Access* access = nullptr;     // nullptr: everything is allowed
  log::Saver* saver = nullptr;  // writes checkpoints; nullptr: the loop's thread itself
};

// What the API shows of a session.
struct ClientInfo {
  std::string client_id;
  bool connected = false;
  std::string peer;  // address, when connected
  int version = 0;   // 4: MQTT 3.1.1, 5: MQTT 5.0
  std::size_t subscriptions = 0;
  std::size_t in_flight = 0;
  std::uint64_t behind = 0;  // records of the log it has not been handed yet
};

class Broker {
 public:
  // Loads the checkpoint in `state_dir` (made when missing) and replays the log after it.
  static Result<std::unique_ptr<Broker>> open(const Deps& deps, std::string_view state_dir, const Options& options);
  virtual ~Broker() = default;  // connections are closed; sessions stay as the log has them

  // The port it listens on. May be called for several addresses. `through`: TLS; none: the loop alone.
  virtual Result<std::uint16_t> listen(const Address& address, const Listen& through = {}) = 0;
  // Asks Access whether each client that is connected may stay; those that may not are told (v5) and let go.
  virtual void recheck() = 0;
  // Tells clients (v5) that the server shuts down, and lets go of them; their sessions are parked.
  virtual void shut() = 0;
  // Saves state as of a committed position. When the newest part is not committed yet, that is done after the commit.
  virtual Result<> checkpoint() = 0;
  virtual std::vector<ClientInfo> clients() const = 0;
  // Where the retained message of a topic stands in the log.
  virtual std::optional<record::Position> retained(std::string_view topic) const = 0;
  // Takes of the options what may change while clients are connected, since it is looked at when somebody connects,
  // subscribes or retains: limits of connections, sessions, subscriptions, retained topics, expiry and keep-alive.
  virtual void reconfigure(const Options& options) = 0;
};

}  // namespace skerry::mqtt
