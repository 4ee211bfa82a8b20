// A client of the HTTP tests: sends bytes over a loop, keeps what comes back, cuts it into answers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/loop.hpp"
#include "sim/loop.hpp"
#include "sim/world.hpp"

namespace skerry::test {

struct Answer {
  int status = 0;
  std::string head;  // lines end in \r\n
  std::string body;

  std::string header(std::string_view name) const {
    std::string wanted = "\r\n" + std::string(name) + ": ";
    const auto at = head.find(wanted);
    if (at == std::string::npos) return {};
    const auto from = at + wanted.size();
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

// Takes the first whole answer off `bytes`; `no_body`: it answers a HEAD.
inline std::optional<Answer> take_answer(std::string& bytes, bool no_body = false) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  Answer answer;
  answer.head = bytes.substr(0, end + 2);
  answer.status = std::stoi(answer.head.substr(9, 3));
  const auto length = answer.header("Content-Length");
  const std::size_t size = no_body || length.empty() ? 0 : std::stoul(length);
  if (bytes.size() < end + 4 + size) return {};
  answer.body = bytes.substr(end + 4, size);
  bytes.erase(0, end + 4 + size);
  return answer;
}

class Client final : public ConnectionHandler {
 public:
  Client(sim::World& world, sim::Host& host, std::uint16_t port) : world_(world) {
    host.connect({"127.0.0.1", port}, [this, &host](Result<std::unique_ptr<Connection>> made) {
      if (!made) {
        closed = true;
        return;
      }
      connection = std::move(*made);
      host.start(*connection, *this);
    });
    world_.run_until([this] { return connection != nullptr || closed; });
  }

  void on_bytes(Bytes bytes) override { received += as_text(bytes); }
  void on_closed(const Error&) override { closed = true; }

  void send(std::string_view text) {
    if (connection) connection->send(skerry::as_bytes(text));
  }
  // The next answer; nothing when the connection ended or nothing more happens before.
  std::optional<Answer> answer(bool no_body = false) {
    std::optional<Answer> got;
    world_.run_until([&] { return (got = take_answer(received, no_body)).has_value() || closed; }, 200'000);
    return got;
  }
  std::optional<Answer> ask(std::string_view request) {
    send(request);
    return answer(request.starts_with("HEAD"));
  }
  bool run_until_closed() {
    return world_.run_until([this] { return closed; }, 200'000);
  }

  std::unique_ptr<Connection> connection;
  std::string received;
  bool closed = false;

 private:
  sim::World& world_;
};

inline std::string get(std::string_view target, std::string_view more = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body, std::string_view type = "application/json",
                        std::string_view more = {}) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more) + "\r\n" + std::string(body);
}

}  // namespace skerry::test
