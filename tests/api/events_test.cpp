// The event stream: what a listener hears, in which order, and what it missed.
#include <gtest/gtest.h>

#include <vector>

#include "tests/api/gateway.hpp"

namespace skerry::api {
namespace {

using nlohmann::json;
using test::Client;
using test::Gateway;
using test::get;

struct Event {
  std::string id;
  std::string type;
  json data;
};

class EventsTest : public testing::Test {
 protected:
  Client& listen(const std::string& target, const std::string& more = {}) {
    auto& c = g.client();
    c.send(get(target, more));
    EXPECT_EQ(c.answer()->status, 200);
    g.world.run_until([&] { return c.received.find("retry: 2000\n\n") != std::string::npos; });
    return c;
  }
  // Takes the whole events received so far.
  static std::vector<Event> events(Client& c) {
    std::vector<Event> found;
    for (auto end = c.received.find("\n\n"); end != std::string::npos; end = c.received.find("\n\n")) {
      Event event;
      std::string_view text = std::string_view(c.received).substr(0, end);
      while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.starts_with("id: ")) event.id = line.substr(4);
        if (line.starts_with("event: ")) event.type = line.substr(7);
        if (line.starts_with("data: ")) event.data = json::parse(line.substr(6));
      }
      c.received.erase(0, end + 2);
      if (!event.type.empty()) found.push_back(event);
    }
    return found;
  }
  void alert(int i, const std::string& device = "m1") {
    static_cast<void>(g.log.put("alerts/" + device,
                                R"({"alert_id":"A)" + std::to_string(i) + R"(","device_id":")" + device + R"("})",
                                record::Class::critical));
    g.commit();
  }
  void run(std::chrono::milliseconds span) { g.world.run_for(span); }

  Gateway g;
};

TEST_F(EventsTest, GivesTheNewestReadingOfEachDeviceFourTimesASecond) {
  auto& c = listen("/api/v1/events?types=readings");
  for (int i = 0; i < 100; ++i) {
    static_cast<void>(g.log.put("sensors/a/data", "{\n\"i\":" + std::to_string(i) + "}"));
    static_cast<void>(g.log.put("sensors/b/data", "{\"i\":" + std::to_string(i) + "}"));
    g.commit();
    run(std::chrono::milliseconds{10});
  }
  run(std::chrono::milliseconds{300});
  const auto got = events(c);
  EXPECT_GE(got.size(), 3U);
  EXPECT_LE(got.size(), 6U);
  std::map<std::string, int> last;
  for (const auto& event : got) {
    ASSERT_EQ(event.type, "readings");
    EXPECT_LE(event.data.size(), 2U);
    for (const auto& item : event.data) {
      const int i = item["data"]["i"];
      EXPECT_GE(i, last[item["device_id"]]);
      last[item["device_id"]] = i;
    }
  }
  EXPECT_EQ(last["a"], 99);
  EXPECT_EQ(last["b"], 99);
}

TEST_F(EventsTest, ShowsNothingThatIsNotCommitted) {
  auto& c = listen("/api/v1/events?types=readings,alerts");
  static_cast<void>(g.log.put("sensors/a/data", "{}"));
  static_cast<void>(g.log.put("alerts/a", R"({"alert_id":"X","device_id":"a"})", record::Class::critical));
  run(std::chrono::seconds{1});
  EXPECT_TRUE(events(c).empty());
  g.commit();
  run(std::chrono::seconds{1});
  EXPECT_EQ(events(c).size(), 2U);
}

TEST_F(EventsTest, GivesEveryDeviceItsTurnWhenThereAreMany) {
  auto& c = listen("/api/v1/events?types=readings");
  for (int i = 0; i < 2'500; ++i) static_cast<void>(g.log.put("sensors/d" + std::to_string(i) + "/data", "{}"));
  g.commit();
  run(std::chrono::seconds{2});
  std::set<std::string> devices;
  for (const auto& event : events(c)) {
    EXPECT_LE(event.data.size(), 1'000U);
    for (const auto& item : event.data) devices.insert(item["device_id"]);
  }
  EXPECT_EQ(devices.size(), 2'500U);
}

TEST_F(EventsTest, FiltersByDevice) {
  auto& c = listen("/api/v1/events?types=readings,alerts&device=a");
  for (const auto* device : {"a", "b"}) {
    static_cast<void>(g.log.put("sensors/" + std::string(device) + "/data", "{}"));
    alert(1, device);
  }
  run(std::chrono::seconds{1});
  const auto got = events(c);
  EXPECT_EQ(got.size(), 2U);
  for (const auto& event : got) {
    EXPECT_EQ(event.type == "alert" ? event.data["device_id"] : event.data[0]["device_id"], "a");
  }
}

TEST_F(EventsTest, GivesMissedAlertsToAClientThatReturns) {
  auto& c = listen("/api/v1/events?types=alerts,commands");
  alert(1);
  run(std::chrono::milliseconds{200});
  const auto first = events(c);
  ASSERT_EQ(first.size(), 1U);
  c.connection.reset();
  for (int i = 2; i <= 600; ++i) alert(i);
  auto& again = listen("/api/v1/events?types=alerts,commands", "Last-Event-ID: " + first[0].id + "\r\n");
  alert(601);
  run(std::chrono::seconds{1});
  const auto rest = events(again);
  ASSERT_EQ(rest.size(), 600U);
  for (int i = 2; i <= 601; ++i)
    ASSERT_EQ(rest[static_cast<std::size_t>(i - 2)].data["alert_id"], "A" + std::to_string(i));
  auto& foreign = listen("/api/v1/events?types=alerts&last_event_id=99999999");
  alert(602);
  run(std::chrono::seconds{1});
  EXPECT_EQ(events(foreign).size(), 1U);
}

TEST_F(EventsTest, TellsEachStateOfACommand) {
  auto& c = listen("/api/v1/events?types=commands");
  const auto answer = g.ask(test::post("/api/v1/commands", R"({"device_id":"m1","command":"stop"})"));
  const std::string id = json::parse(answer.body)["command_id"];
  static_cast<void>(
      g.log.put("commands/m1/ack", R"({"command_id":")" + id + R"(","status":"accepted"})", record::Class::critical));
  for (int i = 0; i < 3; ++i) g.commit();
  static_cast<void>(
      g.log.put("commands/m1/ack", R"({"command_id":")" + id + R"(","status":"done"})", record::Class::critical));
  for (int i = 0; i < 3; ++i) g.commit();
  run(std::chrono::seconds{1});
  std::vector<std::string> states;
  for (const auto& event : events(c)) states.push_back(event.data["state"]);
  EXPECT_EQ(states, (std::vector<std::string>{"issued", "accepted", "done"}));
}

TEST_F(EventsTest, TellsTheStatusOnceASecond) {
  auto& c = listen("/api/v1/events?types=status");
  run(std::chrono::milliseconds{5'100});
  const auto got = events(c);
  EXPECT_GE(got.size(), 5U);
  EXPECT_LE(got.size(), 7U);
  EXPECT_EQ(got[0].data["gateway_id"], "gw");
}

}  // namespace
}  // namespace skerry::api
