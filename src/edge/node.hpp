// Node: the parts of a gateway, put together over the seams and without a thread. gateway.hpp runs it for real; the
// simulation runs the very same on a disk that loses power.
//
// Order: open() recovers everything, listen() lets devices in. Then the caller drives the log (commit_due,
// commit), keep_house(), readers() and the loops. Nothing is let in before everything before it has been recovered.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "act/act.hpp"
#include "api/api.hpp"
#include "api/coap.hpp"
#include "base/chance.hpp"
#include "base/config.hpp"
#include "base/loop.hpp"
#include "edge/config_state.hpp"
#include "edge/inbox.hpp"
#include "edge/readers.hpp"
#include "edge/security.hpp"
#include "history/history.hpp"
#include "link/link.hpp"
#include "log/log.hpp"
#include "mqtt/mqtt.hpp"
#include "record/classes.hpp"
#include "stream/stream.hpp"
#include "twin/twin.hpp"

namespace skerry::edge {

// What a program runs on. The loops may be one; each is used on its own thread only.
struct Seams {
  Files& files;
  Clock& clock;
  Chance& chance;
  Loop& mqtt_loop;
  Loop& http_loop;
  Loop* uplink_loop = nullptr;  // none: no link to a cloud, whatever the settings say
};

using Ports = std::map<std::string, std::uint16_t>;  // mqtt, mqtts, ws, http, https, coap

class Node {
 public:
  // Under a demo, the pipelines of its name run too (pipelines/demo), and on loopback it may be broken from outside.
  static Result<std::unique_ptr<Node>> open(const Seams& seams, const config::Config& config,
                                            const std::string& data_dir, const api::Demo& demo = {});
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Result<> listen_mqtt();  // on the MQTT loop's thread, or before it runs
  Result<> listen_http();  // on the HTTP loop's thread, or before it runs
  // The CoAP door, on a loop of its own: real sockets only. Before that loop runs; end_coap() when it no longer does.
  Result<> listen_coap(NetLoop& loop);
  void end_coap();

  link::Uplink* uplink() { return uplink_.get(); }  // none where there is no cloud.url
  log::Log& log() { return *log_; }
  // What may take its time: readers' and sessions' checkpoints, sealed segments. One step; true when there may be more.
  // On the housekeeping thread only.
  Result<bool> keep_house();
  Result<bool> save_states();  // of that the checkpoints, at the end
  Readers& readers() { return *readers_; }
  mqtt::Broker& broker() { return *broker_; }
  metrics::Registry& metrics() { return metrics_; }
  const Ports& ports() const { return ports_; }
  const std::string& gateway_id() const { return gateway_id_; }
  const ConfigState& config_state() const { return *config_state_; }

  // ---- settings while it runs ----
  // What the API asks whoever runs the node for. Before listen_http(); without it those paths say that they cannot.
  void serve(api::Housekeeping housekeeping) { housekeeping_ = std::move(housekeeping); }
  // Live keys and pipelines from now on; the others are noted. All or nothing. Gives what has changed, as JSON. Neither
  // on a loop's thread nor on the readers': it waits for them.
  Result<std::string> apply(const config::Config& config, std::string_view source);
  void refuse(const Error& why);  // a reload's settings could not even be read

 private:
  Node(const Seams& seams, const config::Config& config, std::string data_dir, api::Demo demo);
  Result<> open_log();
  Result<> open_readers();
  Result<> open_doors();
  Result<> open_uplink();
  std::string uplink_for_api() const;
  api::Link link_for_api() const;
  Wall newest_record() const;
  api::Housekeeping housekeeping_for_api();
  Result<> replace_pipelines(const config::Config& config);
  std::optional<record::Position> retained(const std::string& topic);
  void apply_live(const config::Config& config);
  Result<> note_change(std::string_view source, std::string_view changes);
  std::vector<api::Pipeline> pipelines_for_api() const;
  api::Demo demo_on_loopback() const;

  Seams seams_;
  config::Config config_;
  std::string data_dir_;
  api::Demo demo_;
  std::string gateway_id_;
  metrics::Registry metrics_;
  std::unique_ptr<ConfigState> config_state_;
  api::Housekeeping housekeeping_;
  record::ClassRules classes_;
  Ports ports_;

  std::unique_ptr<log::Log> log_;
  std::unique_ptr<log::Saver> saver_;
  std::unique_ptr<stream::Engine> engine_;
  std::unique_ptr<act::Tracker> tracker_;
  std::unique_ptr<twin::Twins> twins_;
  std::unique_ptr<history::History> history_;
  std::unique_ptr<coap::Exchanges> exchanges_;
  std::unique_ptr<coap::Actions> actions_;
  std::unique_ptr<Readers> readers_;
  std::unique_ptr<Security> security_;
  std::unique_ptr<mqtt::Broker> broker_;
  std::unique_ptr<CloudInbox> inbox_;
  std::unique_ptr<link::Uplink> uplink_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::CoapApi> coap_api_;
  std::atomic<api::CoapApi*> caller_{nullptr};
};

}  // namespace skerry::edge
