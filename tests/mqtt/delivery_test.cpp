// Many clients, cut connections, kills and power cuts, all from one seed: what was acknowledged is never lost, QoS 2
// comes once, and the messages of one publisher come in order.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/mqtt/rig.hpp"

namespace skerry::mqtt {
namespace {

struct Publisher {
  std::string name;
  std::uint8_t qos = 1;
  std::unique_ptr<Client> client;
  int next = 1;
  std::map<std::uint16_t, int> sent;  // by packet id
  std::set<int> acknowledged;
};

struct Subscriber {
  std::string filter;
  std::unique_ptr<Client> client;
  std::map<std::string, std::vector<int>> got;  // by topic
};

class Crowd {
 public:
  explicit Crowd(std::uint64_t seed, const Options& options = {}) : rig_(seed, options) {
    rig_.commit_by_itself();
    for (int i = 0; i < 6; ++i) add_publisher(i);
    add_subscriber("all-5", "t/#", Version::v5);
    add_subscriber("all-4", "t/+/+", Version::v311);
    add_subscriber("once", "t/+/q2", Version::v5);
    add_subscriber("commands", "commands/#", Version::v311);
  }

  void trouble() {
    switch (rig_.world.chance().below(12)) {
      case 0: rig_.crash(false); break;
      case 1: rig_.crash(true); break;
      case 2:
      case 3: rig_.clients.cut_all(); break;
      case 4: (void)rig_.broker->checkpoint(); break;
      default:
        for (int i = 0; i < 8; ++i) publish();
    }
    // Often too short for an answer to arrive: then the next trouble comes in the middle.
    const std::uint64_t span = rig_.world.chance().one_in(2) ? 2'500 : 60'000;
    rig_.run(std::chrono::microseconds{1 + rig_.world.chance().below(span)});
  }

  void settle() {
    rig_.run(std::chrono::seconds{3});
    for (auto& p : publishers_) EXPECT_EQ(p.client->unacknowledged(), 0U) << p.name;
  }

  void check(std::uint64_t seed) const {
    for (const auto& s : subscribers_) {
      for (const auto& p : publishers_) {
        if (!record::matches(s.filter, topic(p))) continue;
        const auto found = s.got.find(topic(p));
        const auto got = found == s.got.end() ? std::vector<int>{} : found->second;
        const std::set<int> once(got.begin(), got.end());
        for (const int n : p.acknowledged) {
          ASSERT_TRUE(once.contains(n)) << "seed " << seed << ": " << s.filter << " never got " << topic(p) << " " << n;
        }
        if (p.qos == 2) {
          ASSERT_EQ(once.size(), got.size()) << "seed " << seed << ": twice to " << s.filter << " of " << topic(p);
        }
        int last = 0;
        std::set<int> seen;
        for (const int n : got) {
          if (!seen.insert(n).second) continue;  // QoS 1 may repeat
          ASSERT_GT(n, last) << "seed " << seed << ": out of order to " << s.filter << " of " << topic(p);
          last = n;
        }
      }
    }
  }

  std::size_t acknowledged() const {
    std::size_t sum = 0;
    for (const auto& p : publishers_) sum += p.acknowledged.size();
    return sum;
  }

 private:
  static std::string topic(const Publisher& p) {
    return (p.name == "p5" ? "commands/" + p.name : "t/" + p.name + "/q" + std::to_string(p.qos));
  }

  ClientOptions options(std::string id, Version version) const {
    ClientOptions o;
    o.server = {"127.0.0.1", rig_.port};
    o.client_id = std::move(id);
    o.version = version;
    o.clean_start = false;
    o.session_expiry_s = version == Version::v5 ? 10'000 : 0;
    o.keep_alive_s = 5;
    o.reconnect_after = std::chrono::milliseconds{20};
    return o;
  }

  void add_publisher(int i) {
    auto& p = publishers_.emplace_back();
    p.name = "p" + std::to_string(i);
    p.qos = i == 5 ? 2 : static_cast<std::uint8_t>(1 + i % 2);
    Client::Handlers handlers;
    handlers.on_acknowledged = [&p](std::uint16_t id, Reason reason) {
      // A repeated PUBREL may find that it was done already (MQTT 5.0 section 3.7.2.1).
      EXPECT_TRUE(reason == Reason::success || reason == Reason::packet_id_not_found);
      p.acknowledged.insert(p.sent.at(id));
    };
    p.client =
        std::make_unique<Client>(rig_.clients, options(p.name, i % 3 == 0 ? Version::v311 : Version::v5), handlers);
    p.client->connect();
  }

  void add_subscriber(const std::string& id, const std::string& filter, Version version) {
    auto& s = subscribers_.emplace_back();
    s.filter = filter;
    Client::Handlers handlers;
    handlers.on_connected = [&s](bool present) {
      if (!present) s.client->subscribe({s.filter, 2, false, false, 0});
    };
    handlers.on_message = [&s](const Client::Message& m) {
      s.got[std::string(m.topic)].push_back(std::stoi(std::string(as_text(m.payload))));
    };
    s.client = std::make_unique<Client>(rig_.clients, options(id, version), handlers);
    s.client->connect();
    rig_.run(std::chrono::milliseconds{100});  // subscribed before anything is published
  }

  void publish() {
    auto& p = publishers_[rig_.world.chance().below(publishers_.size())];
    const auto id = p.client->publish(topic(p), as_bytes(std::to_string(p.next)), p.qos);
    if (!id) return;
    p.sent[*id] = p.next++;
  }

  Rig rig_;
  std::deque<Publisher> publishers_;
  std::deque<Subscriber> subscribers_;
};

TEST(Delivery, NothingAcknowledgedIsLostQos2OnceInOrder) {
  std::size_t acknowledged = 0;
  for (const auto seed : sim::seeds(60)) {
    Crowd crowd(seed);
    for (int i = 0; i < 120; ++i) crowd.trouble();
    crowd.settle();
    crowd.check(seed);
    acknowledged += crowd.acknowledged();
    if (HasFailure()) {
      FAIL() << "script/test mqtt Delivery --seed " << seed;
    }
  }
  EXPECT_GT(acknowledged, 0U);
}

TEST(Delivery, TheSameWithSmallWindowsAndSlowClients) {
  Options options;
  options.inflight_max = 2;
  options.unsent_bytes_max = 200;
  options.receive_maximum = 3;
  for (const auto seed : sim::seeds(30)) {
    Crowd crowd(seed, options);
    for (int i = 0; i < 120; ++i) crowd.trouble();
    crowd.settle();
    crowd.check(seed);
    if (HasFailure()) {
      FAIL() << "script/test mqtt Delivery --seed " << seed;
    }
  }
}

}  // namespace
}  // namespace skerry::mqtt
