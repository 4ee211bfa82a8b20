// The broker towards the log: what it says about commands, what it does when the log is busy or has failed, and that
// records of others are delivered like those of MQTT clients.
#include <gtest/gtest.h>

#include "tests/mqtt/rig.hpp"

namespace skerry::mqtt {
namespace {

using record::Class;
using record::Kind;
using record::Record;

struct TestClient {
  TestClient(Rig& rig, std::string id, Version version = Version::v5, bool persistent = false) {
    ClientOptions o;
    o.server = {"127.0.0.1", rig.port};
    o.client_id = std::move(id);
    o.version = version;
    o.clean_start = !persistent;
    o.session_expiry_s = persistent ? 1000 : 0;
    Client::Handlers handlers;
    handlers.on_message = [this](const Client::Message& m) {
      got.push_back(std::string(m.topic) + " " + std::string(as_text(m.payload)));
    };
    handlers.on_acknowledged = [this](std::uint16_t, Reason) { ++acknowledged; };
    handlers.on_closed = [this](const Error& why) { closed = why.what; };
    client = std::make_unique<Client>(rig.clients, o, handlers);
    client->connect();
    rig.run(std::chrono::milliseconds{100});
  }
  std::unique_ptr<Client> client;
  std::vector<std::string> got;
  int acknowledged = 0;
  std::string closed;
};

Record message(std::string_view topic, std::string_view payload, std::uint8_t qos, Class cls = Class::medium) {
  Record r;
  r.cls = cls;
  r.qos = qos;
  r.topic = topic;
  r.payload = as_bytes(payload);
  r.origin = "test";
  return r;
}

std::vector<std::string> deliveries(const Rig& rig, Position of) {
  std::vector<std::string> states;
  for (Position at = rig.log->begin();;) {
    const auto chunk = rig.log->read(at);
    if (!chunk || chunk->empty()) return states;
    for (const auto& r : chunk->records()) {
      if (r.kind == Kind::delivery && r.cause == of) states.emplace_back(as_text(r.payload));
    }
    at = chunk->next();
  }
}

TEST(Broker, RecordsOfOthersAreDeliveredTheSameWay) {
  Rig rig(1);
  rig.commit_by_itself();
  TestClient sub(rig, "sub");
  sub.client->subscribe({"sensors/#", 1});
  rig.run();
  const Record two[] = {message("sensors/d1/data", "1", 1), message("sensors/d2/data", "2", 1)};
  ASSERT_TRUE(rig.log->append(two));
  auto own = message("sensors/d3/data", "fate", 1);
  own.kind = Kind::fate;
  ASSERT_TRUE(rig.log->append(own));
  rig.run();
  EXPECT_EQ(sub.got, (std::vector<std::string>{"sensors/d1/data 1", "sensors/d2/data 2"}));
}

TEST(Broker, SaysWhatBecameOfACommand) {
  Rig rig(1);
  rig.commit_by_itself();
  TestClient device(rig, "d1");
  device.client->subscribe({"commands/d1", 2});
  rig.run();
  const auto position = rig.log->append(message("commands/d1", "stop", 2, Class::critical));
  rig.run(std::chrono::milliseconds{200});
  EXPECT_EQ(device.got, std::vector<std::string>{"commands/d1 stop"});
  EXPECT_EQ(deliveries(rig, *position),
            (std::vector<std::string>{R"({"state":"sent","client":"d1","packet_id":1})",
                                      R"({"state":"received","client":"d1","packet_id":1})",
                                      R"({"state":"delivered","client":"d1","packet_id":1})"}));
}

// A device that takes PUBLISH and says nothing.
struct Mute final : ConnectionHandler {
  Mute(Rig& rig, const Buffer& hello) {
    rig.clients.connect({"127.0.0.1", rig.port}, [this, &rig, hello](Result<std::unique_ptr<Connection>> made) {
      connection = std::move(*made);
      rig.clients.start(*connection, *this);
      connection->send(hello);
    });
    rig.run();
  }
  void on_bytes(Bytes bytes) override { append_bytes(in, bytes); }
  void on_closed(const Error&) override { closed = true; }
  std::unique_ptr<Connection> connection;
  Buffer in;
  bool closed = false;
};

Buffer hello(std::string_view id, std::string_view filter, std::uint32_t expiry_s) {
  Buffer b;
  Buffer properties;
  if (expiry_s != 0) put_number(properties, Property::session_expiry, expiry_s);
  Connect c;
  c.version = Version::v5;
  c.client_id = id;
  c.clean_start = expiry_s == 0;
  c.properties = properties;
  encode(b, c);
  Subscribe s;
  s.packet_id = 1;
  s.filters.push_back({filter, 2});
  encode(b, Version::v5, s);
  return b;
}

TEST(Broker, ACommandIsLostWithItsSession) {
  for (const bool crash : {false, true}) {
    for (const bool checkpoint : {false, true}) {
      Rig rig(1);
      rig.commit_by_itself();
      Mute device(rig, hello("d1", "commands/#", 0));
      const auto position = rig.log->append(message("commands/d1", "stop", 2, Class::critical));
      rig.run();
      EXPECT_NE(as_text(device.in).find("stop"), std::string_view::npos);
      if (checkpoint) {
        ASSERT_TRUE(rig.broker->checkpoint());
      }
      rig.run();
      if (crash)
        rig.crash(true);
      else
        device.connection.reset();
      rig.run();
      const auto states = deliveries(rig, *position);
      ASSERT_EQ(states.size(), 2U);
      EXPECT_EQ(states[1], R"({"state":"lost","client":"d1","packet_id":1})");
    }
  }
}

TEST(Broker, AnExpiredCommandIsNotSentAgain) {
  Rig rig(1);
  rig.commit_by_itself();
  const auto first = hello("d1", "commands/#", 1000);
  auto device = std::make_unique<Mute>(rig, first);
  auto command = message("commands/d1", "stop", 2, Class::critical);
  command.expires_at = rig.world.wall() + std::chrono::seconds{30};
  const auto position = rig.log->append(command);
  rig.run();
  device->connection.reset();
  rig.run(std::chrono::seconds{10});
  device = std::make_unique<Mute>(rig, first);
  EXPECT_NE(as_text(device->in).find("stop"), std::string_view::npos);  // still in time: sent again
  device->connection.reset();
  rig.run(std::chrono::seconds{30});
  device = std::make_unique<Mute>(rig, first);
  EXPECT_EQ(as_text(device->in).find("stop"), std::string_view::npos);
  rig.run();
  EXPECT_EQ(deliveries(rig, *position).back(), R"({"state":"lost","client":"d1","packet_id":1})");
}

TEST(Broker, PushesBackWhenTheLogIsBusyAndLosesNothing) {
  auto small = Rig::small_log();
  small.waiting_bytes_max = 2'000;
  Rig rig(1, {}, small);
  TestClient pub(rig, "pub");
  TestClient sub(rig, "sub");
  sub.client->subscribe({"t/#", 1});
  rig.run();
  const std::string payload(300, 'x');
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(pub.client->publish("t/x", as_bytes(payload)));
    rig.run(std::chrono::milliseconds{2});
  }
  EXPECT_EQ(pub.acknowledged, 0);
  EXPECT_GT(rig.metrics->counter("skerry_mqtt_pushed_back_total", "").value(), 0U);
  for (int i = 0; i < 60; ++i) {
    rig.commit();
    rig.run();
  }
  EXPECT_EQ(pub.acknowledged, 60);
  EXPECT_EQ(sub.got.size(), 60U);
}

TEST(Broker, AcknowledgesNothingOnceTheLogHasFailed) {
  Rig rig(1);
  TestClient pub(rig, "pub");
  ASSERT_TRUE(pub.client->publish("t/x", as_bytes("1")));
  rig.run();
  rig.disk.fail(sim::Disk::Op::sync, Code::io);
  EXPECT_FALSE(rig.log->commit());
  ASSERT_TRUE(pub.client->publish("t/x", as_bytes("2")));
  rig.run();
  EXPECT_EQ(pub.acknowledged, 0);
  EXPECT_NE(pub.closed.find("131"), std::string::npos) << pub.closed;  // 0x83
  TestClient late(rig, "late");
  EXPECT_NE(late.closed.find("136"), std::string::npos) << late.closed;  // 0x88
}

TEST(Broker, LargePacketsWhenConfigured) {
  Options options;
  options.packet_bytes_max = 4 * MiB;
  Rig rig(1, options);
  rig.commit_by_itself();
  TestClient pub(rig, "pub");
  TestClient sub(rig, "sub");
  sub.client->subscribe({"t/#", 1});
  rig.run();
  const std::string payload(3 * MiB, 'x');
  ASSERT_TRUE(pub.client->publish("t/big", as_bytes(payload)));
  rig.run(std::chrono::milliseconds{200});
  EXPECT_EQ(pub.acknowledged, 1);
  ASSERT_EQ(sub.got.size(), 1U);
  EXPECT_EQ(sub.got[0].size(), payload.size() + 6);
}

TEST(Broker, AManyThousandLevelTopicIsRefusedAndNothingElseNotices) {
  Rig rig(1);
  rig.commit_by_itself();
  TestClient pub(rig, "pub");
  TestClient other(rig, "other");
  std::string deep = "a";
  for (int i = 0; i < 9'999; ++i) deep += "/a";
  ASSERT_TRUE(pub.client->publish(deep, as_bytes("x"), 1));  // v5, QoS 1: PUBACK 0x90, and the connection stays
  rig.run();
  EXPECT_EQ(pub.acknowledged, 1);
  EXPECT_TRUE(pub.client->connected());
  ASSERT_TRUE(pub.client->publish(deep, as_bytes("x"), 0));  // QoS 0 has no answer but the end
  rig.run();
  EXPECT_FALSE(pub.client->connected());
  EXPECT_TRUE(other.client->connected());
  std::uint8_t code = 0;
  other.client->subscribe({deep + "/#", 1}, [&](std::uint8_t c) { code = c; });
  rig.run();
  EXPECT_EQ(code, 0x8f);
}

}  // namespace
}  // namespace skerry::mqtt
