// WebSocket: the examples of RFC 6455, both roles against each other in pieces, and what must not be taken.
#include "http/websocket.hpp"

#include <gtest/gtest.h>

#include "sim/world.hpp"

namespace skerry::http {
namespace {

using Event = WebSocket::Event;

struct Side {
  explicit Side(WebSocket::Role role, std::uint64_t seed = 1)
      : chance(seed),
        socket({.role = role, .path = "/link", .protocol = "p.1", .host = "localhost", .message_bytes_max = 100'000},
               chance) {}
  std::string take() {
    std::string text(as_text(out));
    out.clear();
    return text;
  }
  void give(std::string_view bytes, std::size_t piece = 1'000'000) {
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      socket.on_bytes(as_bytes(bytes.substr(at, piece)), events, out);
  }
  sim::SeededChance chance;
  WebSocket socket;
  std::vector<Event> events;
  Buffer out;
};

struct Pair {
  Pair() {
    client.socket.start(client.out);
    move(1'000'000);
    client.events.clear();
    server.events.clear();
  }
  void move(std::size_t piece) {
    server.give(client.take(), piece);
    client.give(server.take(), piece);
    server.give(client.take(), piece);
  }
  Side client{WebSocket::Role::client};
  Side server{WebSocket::Role::server, 2};
};

std::string upgrade(std::string_view more = "", std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==") {
  return "GET /link HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, "
         "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Protocol: x, p.1\r\nSec-WebSocket-Key: " +
         std::string(key) + "\r\n" + std::string(more) + "\r\n";
}

// RFC 6455 section 1.3.
TEST(WebSocket, answers_the_key_of_the_rfc) {
  Side server(WebSocket::Role::server);
  server.give(upgrade());
  const auto answer = server.take();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ")) << answer;
  EXPECT_NE(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos);
  ASSERT_EQ(server.events.size(), 1U);
  EXPECT_EQ(server.events[0].kind, Event::Kind::opened);
}

// RFC 6455 section 5.7: "Hello", masked, and in two parts.
TEST(WebSocket, reads_the_frames_of_the_rfc) {
  Side server(WebSocket::Role::server);
  server.give(upgrade());
  server.give("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  ASSERT_EQ(server.events.size(), 2U);
  EXPECT_EQ(as_text(server.events[1].message), "Hello");
  EXPECT_TRUE(server.events[1].text);

  Pair pair;
  pair.client.give(std::string_view("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", 9));
  ASSERT_EQ(pair.client.events.size(), 1U);
  EXPECT_EQ(as_text(pair.client.events[0].message), "Hello");
  pair.client.give(std::string_view("\x89\x05Hello", 7));
  EXPECT_EQ(pair.client.out.size(), 2U + 4U + 5U);  // a masked pong
}

TEST(WebSocket, both_roles_understand_each_other_in_any_pieces) {
  for (const std::size_t piece : {1UL, 7UL, 100'000UL}) {
    Pair pair;
    for (const std::size_t size : {0UL, 1UL, 125UL, 126UL, 65'535UL, 65'536UL}) {
      const std::string message(size, 'm');
      pair.client.socket.send(as_bytes(message), false, pair.client.out);
      pair.server.socket.send(as_bytes(message), true, pair.server.out);
      pair.move(piece);
      ASSERT_FALSE(pair.server.events.empty());
      EXPECT_EQ(as_text(pair.server.events.back().message), message);
      EXPECT_FALSE(pair.server.events.back().text);
      EXPECT_EQ(as_text(pair.client.events.back().message), message);
    }
    EXPECT_EQ(pair.server.events.size(), 6U);
    pair.client.socket.close(1000, "bye", pair.client.out);
    pair.move(piece);
    EXPECT_TRUE(pair.server.events.back().clean);
    EXPECT_TRUE(pair.client.events.back().clean);
    EXPECT_TRUE(pair.client.socket.ended());
  }
}

TEST(WebSocket, malformed_frames_end_it_with_their_code) {
  struct Case {
    std::string_view bytes;
    std::uint16_t code;
  };
  const std::vector<Case> cases{
      {std::string_view("\x82\x01x", 3), 1002},                            // a client's frame without a mask
      {std::string_view("\xc2\x81\0\0\0\0x", 7), 1002},                    // a reserved bit
      {std::string_view("\x83\x80\0\0\0\0", 6), 1002},                     // an opcode that there is not
      {std::string_view("\x09\x80\0\0\0\0", 6), 1002},                     // a ping in parts
      {std::string_view("\x80\x80\0\0\0\0", 6), 1002},                     // goes on with nothing
      {std::string_view("\x81\x81\0\0\0\0\xff", 7), 1007},                 // no UTF-8
      {std::string_view("\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0", 14), 1009},  // 2 GB
      {std::string_view("\x88\x81\0\0\0\0x", 7), 1002},                    // half a close code
  };
  for (const auto& each : cases) {
    Pair pair;
    pair.server.give(each.bytes);
    EXPECT_TRUE(pair.server.socket.ended());
    const auto answer = pair.server.take();
    ASSERT_GE(answer.size(), 4U);
    EXPECT_EQ(answer[0], '\x88');
    EXPECT_EQ(load_be<std::uint16_t>(as_bytes(answer).data() + 2), each.code) << as_text(as_bytes(each.bytes));
  }
}

TEST(WebSocket, upgrades_that_are_none_get_an_http_answer) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
      {"GET /link HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
      {upgrade("", "short"), "400"},
      {upgrade("Origin: http://evil.example\r\n"), "403"},
      {"GET /link HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"},
      {"nonsense\r\n\r\n", "400"},
  };
  for (const auto& [bytes, status] : cases) {
    Side server(WebSocket::Role::server);
    server.give(bytes);
    EXPECT_EQ(server.take().substr(9, 3), status) << bytes;
    EXPECT_TRUE(server.socket.ended());
  }
}

TEST(WebSocket, a_client_takes_no_other_answer) {
  for (const std::string_view answer :
       {"HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n", "\r\n\r\n"}) {
    Side client(WebSocket::Role::client);
    client.socket.start(client.out);
    client.give(answer);
    EXPECT_TRUE(client.socket.ended()) << answer;
  }
}

}  // namespace
}  // namespace skerry::http
