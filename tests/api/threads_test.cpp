// The API on a real loop, a real log and its committer, each on its thread: for the thread sanitizer, and for sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "act/act.hpp"
#include "api/api.hpp"
#include "tests/http/client.hpp"

namespace skerry::api {
namespace {

using nlohmann::json;

// A blocking client: one request, one answer.
class Socket {
 public:
  explicit Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  bool receive() {
    char piece[65536];
    const auto got = ::recv(fd_, piece, sizeof piece, 0);
    if (got <= 0) return false;
    received.append(piece, static_cast<std::size_t>(got));
    return true;
  }
  test::Answer ask(std::string_view request) {
    send(request);
    std::optional<test::Answer> answer;
    while (!(answer = test::take_answer(received)) && receive()) {
    }
    return answer.value_or(test::Answer{});
  }
  bool connected() const { return connected_; }
  std::string received;

 private:
  int fd_;
  bool connected_ = false;
};

class ThreadsTest : public testing::Test {
 protected:
  ThreadsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "skerry-api-XXXXXX").string();
    dir = ::mkdtemp(name.data());
    log = *log::Log::open(system_files(), system_clock(), dir, {}, metrics);
    committer = log::start_committer(*log);
    history = *history::History::open(*log, system_files(), {}, metrics);
    act = *act::Tracker::open(*log, system_files(), {}, metrics);
    loop = make_net_loop(system_clock());
    api = *Api::open(Deps{.loop = *loop,
                          .log = *log,
                          .history = *history,
                          .act = *act,
                          .metrics = metrics,
                          .chance = system_chance()},
                     {});
    port = *api->listen({});
    thread = std::thread([this] { loop->run(); });
  }
  ~ThreadsTest() override {
    loop->stop();
    thread.join();
    api.reset();
    committer.reset();
    std::filesystem::remove_all(dir);
  }

  std::string dir;
  metrics::Registry metrics;
  std::unique_ptr<log::Log> log;
  std::unique_ptr<log::Committer> committer;
  std::unique_ptr<history::History> history;
  std::unique_ptr<act::Tracker> act;
  std::unique_ptr<NetLoop> loop;
  std::unique_ptr<Api> api;
  std::uint16_t port = 0;
  std::thread thread;
};

TEST_F(ThreadsTest, WhatManyClientsPostIsThereWhenTheyAreAnswered) {
  std::vector<std::thread> clients;
  std::atomic<int> wrong{0};
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([this, c, &wrong] {
      Socket socket(port);
      const auto device = "d" + std::to_string(c);
      for (int i = 0; i < 50; ++i) {
        const auto body = R"([{"device_id":")" + device + R"(","i":)" + std::to_string(i) + R"(},{"device_id":")" +
                          device + R"(","second":true}])";
        const auto posted = socket.ask(test::post("/api/v1/readings", body));
        const auto seen = json::parse(socket.ask(test::get("/api/v1/devices/" + device)).body, nullptr, false);
        if (posted.status != 201 || seen.value("readings", 0) != 2 * (i + 1)) ++wrong;
      }
      const auto list =
          json::parse(socket.ask(test::get("/api/v1/readings?limit=1000&device=" + device)).body, nullptr, false);
      if (list["items"].size() != 100) ++wrong;
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(log->committed_end().value, 400U);
}

TEST_F(ThreadsTest, AStreamHearsWhatIsPosted) {
  Socket stream(port);
  stream.send(test::get("/api/v1/events?types=readings"));
  while (stream.received.find("retry") == std::string::npos && stream.receive()) {
  }
  Socket socket(port);
  EXPECT_EQ(socket.ask(test::post("/api/v1/readings", R"({"device_id":"a","x":1})")).status, 201);
  while (stream.received.find("\"x\":1") == std::string::npos) ASSERT_TRUE(stream.receive());
}

TEST_F(ThreadsTest, AClientThatDoesNotReadIsDropped) {
  Socket slow(port);
  slow.send(test::get("/api/v1/events?types=readings"));
  while (slow.received.find("retry") == std::string::npos && slow.receive()) {
  }
  auto& dropped = metrics.counter("skerry_http_streams_dropped_total", "");
  Socket socket(port);
  const auto body = R"({"device_id":"a","x":")" + std::string(900'000, 'x') + "\"}";
  // The kernel takes some megabytes for it; then the bound is reached.
  for (int i = 0; i < 2'000 && dropped.value() == 0; ++i)
    ASSERT_EQ(socket.ask(test::post("/api/v1/readings", body)).status, 201);
  EXPECT_EQ(dropped.value(), 1U);
}

}  // namespace
}  // namespace skerry::api
