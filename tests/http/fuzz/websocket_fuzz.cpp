// Any bytes, cut anywhere, to an open WebSocket of either role: it gives the same messages however they are cut.
#include <cstdint>
#include <cstdlib>

#include "http/websocket.hpp"

namespace {

using namespace skerry;
using http::WebSocket;

struct Zero final : Chance {
  std::uint64_t next() override { return 0; }
};

std::size_t messages(Bytes bytes, WebSocket::Role role, std::size_t piece) {
  Zero zero;
  WebSocket socket({.role = role, .message_bytes_max = 4096}, zero);
  socket.accepted();
  std::vector<WebSocket::Event> events;
  Buffer out;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    socket.on_bytes(bytes.subspan(at, std::min(piece, bytes.size() - at)), events, out);
  return events.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const auto role : {WebSocket::Role::client, WebSocket::Role::server}) {
    if (messages(bytes, role, size + 1) != messages(bytes, role, 3)) std::abort();
  }
  Zero zero;
  WebSocket fresh({.role = WebSocket::Role::server}, zero);
  std::vector<WebSocket::Event> events;
  Buffer out;
  fresh.on_bytes(bytes, events, out);
  return 0;
}
