// Gateway: a Node and the threads that run it.
//
// One thread each for MQTT, HTTP, CoAP, commits, readers and the log's housekeeping. start() returns when devices are
// let in and DATA/ports.json says where; the destructor ends everything in the order data takes, so that what was taken
// is on disk and what was read is in a checkpoint.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "edge/node.hpp"

namespace skerry::edge {

class Gateway {
 public:
  struct Setup {
    config::Config config;
    std::string data_dir;
    api::Demo demo{};
    Files* files = nullptr;                                 // the system's when null
    std::function<std::unique_ptr<Loop>(Loop&)> network{};  // what the link to the cloud goes through; none: nothing
    std::function<Result<config::Config>()> read_config{};  // for a reload; none: it cannot be reloaded
    std::function<void()> alive{};                          // about once a second while both loops answer
  };

  // Errors say what to do: which port is taken by whom, which key is wrong, which folder another process holds.
  static Result<std::unique_ptr<Gateway>> start(const Setup& setup);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  Node& node() { return *node_; }
  // Reads the settings again and applies them, on a thread of the gateway's. What became of it is logged, counted and
  // shown in the status; `done`, where there is one, is called with what has changed (JSON), or why nothing has.
  using Done = api::Done;
  void reload(std::string source, Done done = {});

 private:
  Gateway() = default;
  void keep_house();
  void reload_now(const std::string& source, const Done& done);
  void snapshot_now(const Done& done);
  void in_house(std::function<void()> job);
  void do_jobs();
  void look_alive();

  Setup setup_;

  std::unique_ptr<NetLoop> mqtt_loop_;
  std::unique_ptr<NetLoop> http_loop_;
  std::unique_ptr<NetLoop> coap_loop_;
  std::unique_ptr<NetLoop> uplink_loop_;
  std::unique_ptr<Loop> network_;  // over uplink_loop_
  std::unique_ptr<Node> node_;
  std::unique_ptr<log::Committer> committer_;
  std::string ports_file_;
  std::thread mqtt_thread_;
  std::thread http_thread_;
  std::thread coap_thread_;
  std::thread uplink_thread_;
  std::thread house_thread_;
  std::mutex mutex_;
  std::condition_variable ending_changed_;
  bool ending_ = false;
  std::vector<std::function<void()>> jobs_;  // for the house thread
  std::string snapshot_;                     // the one that lies there; house thread
  std::atomic<int> answers_{2};              // of the loops, to the last look
  Mono next_look_{};
};

}  // namespace skerry::edge
