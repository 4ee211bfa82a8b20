// WebSocket as a way to listen: a door that speaks bytes (MQTT) gets connections whose bytes travel in binary messages.
#pragma once

#include <string>

#include "base/chance.hpp"
#include "base/loop.hpp"

namespace skerry::http {

struct WebSocketDoor {
  std::string path = "/mqtt";
  std::string protocol = "mqtt";  // MQTT 5.0 section 6: the only one that is spoken
  std::size_t message_bytes_max = 1024 * 1024;
};

// `below`: how connections come that carry the WebSocket (TLS, or the loop alone). Both outlive what it makes.
Listen websocket_listen(Loop& loop, Listen below, const WebSocketDoor& door, Chance& chance);

}  // namespace skerry::http
