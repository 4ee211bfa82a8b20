// A small MQTT 3.1.1 and 5.0 client over the loop seam: the demo's devices, the benches and the bridge use it.
//
// connect() once; with `reconnect_after` it comes back by itself. What was published with QoS > 0 and is not yet
// acknowledged is kept and sent again after a reconnect. A QoS 2 message is given to on_message once. Everything on the
// loop's thread; a handler may destroy the client.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "mqtt/packet.hpp"
#include "mqtt/state.hpp"

namespace skerry::mqtt {

struct ClientOptions {
  Address server;
  Version version = Version::v5;
  std::string client_id;
  bool clean_start = true;
  std::uint16_t keep_alive_s = 60;
  std::uint32_t session_expiry_s = 0;  // v5; with 3.1.1 clean_start = false keeps the session
  std::optional<std::string> user;
  std::optional<std::string> password;
  std::optional<StoredWill> will;
  std::size_t window = 100;                      // unacknowledged messages; publish() says Code::busy beyond it
  std::chrono::milliseconds reconnect_after{0};  // 0: never
};

class Client {
 public:
  struct Message {
    std::string_view topic;
    Bytes payload;
    std::uint8_t qos = 0;
    bool retain = false;
    bool dup = false;
    Bytes properties;  // raw, v5
  };
  struct Handlers {
    std::function<void(bool session_present)> on_connected;
    std::function<void(const Message&)> on_message;
    std::function<void(std::uint16_t packet_id, Reason)> on_acknowledged;  // PUBACK or PUBCOMP of what was published
    std::function<void(const Error&)> on_closed;  // with the server's reason, where it gave one
  };

  Client(Loop& loop, ClientOptions options, Handlers handlers);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void connect();
  void disconnect(Reason reason = Reason::success);  // says goodbye, and does not come back
  bool connected() const;

  // The packet id; 0 for QoS 0, which is lost when not connected. Code::busy: the window is full.
  Result<std::uint16_t> publish(std::string_view topic, Bytes payload, std::uint8_t qos = 1, bool retain = false,
                                Bytes properties = {});
  // `done` gets the server's code: the granted QoS, or 0x80 and above. Only while connected.
  void subscribe(const Filter& filter, std::function<void(std::uint8_t)> done = {});
  void unsubscribe(std::string_view filter);
  std::size_t unacknowledged() const;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace skerry::mqtt
