// Stock clients (mosquitto_pub, mosquitto_sub) against the broker on real sockets, a real log and its committer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "mqtt/mqtt.hpp"

namespace skerry::mqtt {
namespace {

class Door {
 public:
  Door() {
    std::string name = std::filesystem::temp_directory_path() / "skerry-mqtt-XXXXXX";
    dir_ = mkdtemp(name.data());
    log_ = *log::Log::open(system_files(), system_clock(), dir_ + "/log", {}, metrics_);
    committer_ = log::start_committer(*log_);
    loop_ = make_net_loop(system_clock());
    broker_ = *Broker::open({*loop_, *log_, system_files(), system_chance(), metrics_, rules_}, dir_ + "/mqtt", {});
    port = *broker_->listen({});
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~Door() {
    loop_->stop();
    thread_.join();
    broker_->shut();
    broker_.reset();
    committer_.reset();
    loop_.reset();
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  std::uint16_t port = 0;

 private:
  std::string dir_;
  metrics::Registry metrics_;
  record::ClassRules rules_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<log::Committer> committer_;
  std::unique_ptr<NetLoop> loop_;
  std::unique_ptr<Broker> broker_;
  std::thread thread_;
};

std::string output_of(const std::string& command) {
  std::string text;
  auto* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "cannot run";
  std::array<char, 512> part;
  while (std::fgets(part.data(), part.size(), pipe) != nullptr) text += part.data();
  pclose(pipe);
  return text;
}

TEST(StockClient, MosquittoPublishesAndSubscribes) {
  const bool here = std::system("command -v mosquitto_pub >/dev/null") == 0;
  if (!here) GTEST_SKIP() << "mosquitto-clients is not installed: script/bootstrap test";
  Door door;
  const auto at = " -p " + std::to_string(door.port);
  for (const std::string version : {"mqttv311", "mqttv5"}) {
    for (const std::string qos : {"0", "1", "2"}) {
      const auto topic = "sensors/" + version + "-" + qos + "/data";
      // Kept, so that it is there whenever the subscriber comes.
      EXPECT_EQ(output_of("mosquitto_pub" + at + " -V " + version + " -r -q " + qos + " -t " + topic +
                          " -m '{\"temperature\":21.5}'"),
                "");
      EXPECT_EQ(output_of("mosquitto_sub" + at + " -V " + version + " -C 1 -W 10 -v -q " + qos + " -t 'sensors/+/data'")
                    .substr(0, 8),
                "sensors/");
      EXPECT_EQ(output_of("mosquitto_sub" + at + " -V " + version + " -C 1 -W 10 -v -q " + qos + " -t " + topic),
                topic + " {\"temperature\":21.5}\n");
    }
  }
  // A persistent session: what came while it was away.
  EXPECT_EQ(output_of("mosquitto_sub" + at + " -c -i away -E -q 1 -t 'alerts/#'"), "");
  EXPECT_EQ(output_of("mosquitto_pub" + at + " -q 1 -t alerts/d1 -m hot"), "");
  EXPECT_EQ(output_of("mosquitto_sub" + at + " -c -i away -C 1 -W 10 -q 1 -t 'alerts/#'"), "hot\n");
}

}  // namespace
}  // namespace skerry::mqtt
