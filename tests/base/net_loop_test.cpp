// The loop on real sockets: bytes both ways, push-back, closing, timers, and a busy port that says who holds it.
#include <gtest/gtest.h>

#include <thread>

#include "base/loop.hpp"

namespace skerry {
namespace {

struct Peer final : ConnectionHandler {
  std::unique_ptr<Connection> connection;
  std::string got;
  std::string why;
  bool echo = false;
  bool closed = false;
  bool drained = false;
  std::function<void()> changed;

  void on_bytes(Bytes bytes) override {
    got += as_text(bytes);
    if (echo) connection->send(bytes);
    if (changed) changed();
  }
  void on_closed(const Error& error) override {
    closed = true;
    why = error.what;
    if (changed) changed();
  }
  void on_drained() override {
    drained = true;
    if (changed) changed();
  }
};

class NetLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    loop = make_net_loop(system_clock());
    listener = loop->listen({"127.0.0.1", 0},
                            [this](std::unique_ptr<Connection> c) {
                              server.connection = std::move(c);
                              loop->start(*server.connection, server);
                            })
                   .value();
    for (auto* peer : {&client, &server}) peer->changed = [this] { check(); };
    guard = loop->after(std::chrono::seconds{20}, [this] {
      ADD_FAILURE() << "nothing happened for 20 s";
      loop->stop();
    });
  }
  void connect(std::function<void()> then) {
    loop->connect({"127.0.0.1", listener->port()},
                  [this, then = std::move(then)](Result<std::unique_ptr<Connection>> c) {
                    ASSERT_TRUE(c) << c.error().text();
                    client.connection = std::move(*c);
                    loop->start(*client.connection, client);
                    then();
                  });
  }
  void run_until(std::function<bool()> wanted) {
    done = std::move(wanted);
    loop->run();
  }
  void check() {
    if (done && done()) loop->stop();
  }

  std::unique_ptr<NetLoop> loop;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Timer> guard;
  std::function<bool()> done;
  Peer client;
  Peer server;
};

TEST_F(NetLoopTest, EchoesMoreThanASocketHolds) {
  const std::string sent(8 * MiB, 'x');
  server.echo = true;
  connect([&] { client.connection->send(as_bytes(sent)); });
  run_until([&] { return client.got.size() == sent.size() && client.drained; });
  EXPECT_EQ(client.got, sent);
  EXPECT_EQ(client.connection->unsent(), 0U);
}

TEST_F(NetLoopTest, CloseSendsWhatWasTakenFirst) {
  connect([&] {
    client.connection->send(as_bytes(std::string(MiB, 'y')));
    client.connection->close();
  });
  run_until([&] { return server.closed; });
  EXPECT_EQ(server.got.size(), MiB);
  EXPECT_FALSE(client.closed);
}

// An answer that says what was wrong must reach a peer that is still sending, and not be lost to a reset.
TEST_F(NetLoopTest, CloseWaitsForAPeerThatStillSends) {
  server.changed = [this] {
    server.connection->send(as_bytes("too large"));
    server.connection->close();
  };
  connect([&] { client.connection->send(as_bytes(std::string(8 * MiB, 'z'))); });
  run_until([&] { return client.closed; });
  EXPECT_EQ(client.got, "too large");
  EXPECT_EQ(client.why, "the other side closed the connection");
}

TEST_F(NetLoopTest, AHandlerMayDestroyItsConnection) {
  server.changed = [this] { server.connection.reset(); };
  connect([&] { client.connection->send(as_bytes("die")); });
  run_until([&] { return client.closed; });
  EXPECT_EQ(server.got, "die");
}

TEST_F(NetLoopTest, WorkFromOtherThreadsRunsAndTurnsEnd) {
  std::thread::id ran_on;
  std::thread other([&] {
    loop->post([&] {
      loop->at_turn_end([&] {
        ran_on = std::this_thread::get_id();
        loop->stop();
      });
    });
  });
  loop->run();
  other.join();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(NetLoopTest, ATimerCancelledIsNotHeard) {
  bool heard = false;
  auto timer = loop->after(std::chrono::milliseconds{1}, [&] { heard = true; });
  timer.reset();
  const auto end = loop->after(std::chrono::milliseconds{20}, [&] { loop->stop(); });
  loop->run();
  EXPECT_FALSE(heard);
}

TEST_F(NetLoopTest, ABusyPortNamesItsHolder) {
  const auto again = loop->listen({"127.0.0.1", listener->port()}, [](auto) {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::busy);
  EXPECT_NE(again.error().what.find("in use by test_base (process"), std::string::npos) << again.error().what;
}

TEST_F(NetLoopTest, NobodyListeningIsAnError) {
  const auto port = listener->port();
  listener.reset();
  Error error;
  loop->connect({"127.0.0.1", port}, [&](auto c) {
    error = c.error();
    loop->stop();
  });
  loop->run();
  EXPECT_EQ(error.code, Code::closed);
}

}  // namespace
}  // namespace skerry
