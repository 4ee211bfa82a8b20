// The simulated network: order, pieces, hang-ups, cuts, the power switch, and runs that repeat.
#include "sim/loop.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace skerry::sim {
namespace {

// Collects what arrives; echoes it when told to.
struct Peer final : ConnectionHandler {
  std::unique_ptr<Connection> connection;
  std::string got;
  int pieces = 0;
  bool echo = false;
  bool closed = false;

  void on_bytes(Bytes bytes) override {
    got += as_text(bytes);
    ++pieces;
    if (echo) connection->send(bytes);
  }
  void on_closed(const Error&) override { closed = true; }
};

struct Pair {
  explicit Pair(std::uint64_t seed) : world(seed), network(world), a(world, network), b(world, network) {
    listener = b.listen({"127.0.0.1", 1883}, [this](std::unique_ptr<Connection> c) {
                  server.connection = std::move(c);
                  b.start(*server.connection, server);
                }).value();
    a.connect({"127.0.0.1", 1883}, [this](Result<std::unique_ptr<Connection>> c) {
      client.connection = std::move(c.value());
      a.start(*client.connection, client);
    });
    world.run_until([this] { return client.connection && server.connection; });
  }
  World world;
  Network network;
  Host a;
  Host b;
  Peer client;
  Peer server;
  std::unique_ptr<Listener> listener;
};

TEST(SimLoop, BytesArriveInOrderInPieces) {
  int pieces = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Pair pair(seed);
    pair.server.echo = true;
    std::string sent(1000, '\0');
    std::iota(sent.begin(), sent.end(), '\1');
    pair.client.connection->send(as_bytes(sent));
    ASSERT_TRUE(pair.world.run_until([&] { return pair.client.got.size() == sent.size(); }));
    EXPECT_EQ(pair.client.got, sent);
    pieces += pair.server.pieces;
  }
  EXPECT_GT(pieces, 20);  // some seeds cut the bytes up
}

TEST(SimLoop, CloseDeliversWhatWasSentAndThenTells) {
  Pair pair(7);
  pair.client.connection->send(as_bytes("last words"));
  pair.client.connection->close();
  ASSERT_TRUE(pair.world.run_until([&] { return pair.server.closed; }));
  EXPECT_EQ(pair.server.got, "last words");
  EXPECT_FALSE(pair.client.closed);
}

TEST(SimLoop, ACutIsLearntByBothSides) {
  Pair pair(8);
  pair.b.cut_all();
  EXPECT_TRUE(pair.world.run_until([&] { return pair.server.closed && pair.client.closed; }));
  pair.client.connection->send(as_bytes("into the void"));
  pair.world.run_for(std::chrono::seconds{1});
  EXPECT_EQ(pair.server.got, "");
}

TEST(SimLoop, AfterAPowerCutNothingPlannedHappens) {
  Pair pair(9);
  bool ran = false;
  const auto timer = pair.b.after(std::chrono::milliseconds{1}, [&] { ran = true; });
  pair.b.post([&] { ran = true; });
  pair.b.crash();
  EXPECT_TRUE(pair.world.run_until([&] { return pair.client.closed; }));
  pair.world.run_for(std::chrono::seconds{1});
  EXPECT_FALSE(ran);
  Error refused;
  pair.a.connect({"127.0.0.1", 1883}, [&](auto c) { refused = c.error(); });
  pair.world.run_for(std::chrono::seconds{1});
  EXPECT_EQ(refused.code, Code::closed);
}

TEST(SimLoop, PushedBackBytesWait) {
  Pair pair(10);
  pair.server.connection->read_more(false);
  pair.client.connection->send(as_bytes("patience"));
  pair.world.run_for(std::chrono::seconds{1});
  EXPECT_EQ(pair.server.got, "");
  pair.server.connection->read_more(true);
  pair.world.run_for(std::chrono::seconds{1});
  EXPECT_EQ(pair.server.got, "patience");
}

TEST(SimLoop, TheSameSeedGivesTheSameRun) {
  const auto run = [](std::uint64_t seed) {
    Pair pair(seed);
    pair.server.echo = true;
    for (int i = 0; i < 50; ++i) pair.client.connection->send(as_bytes(std::string(100, 'x')));
    pair.world.run_for(std::chrono::seconds{1});
    return std::tuple(pair.world.events(), pair.server.pieces, pair.client.pieces, pair.client.got.size());
  };
  EXPECT_EQ(run(3), run(3));
  EXPECT_NE(std::get<0>(run(3)), std::get<0>(run(4)));
}

}  // namespace
}  // namespace skerry::sim
