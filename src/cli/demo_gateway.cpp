// `skerry demo-gateway`: the gateway of a demo, as its supervisor starts it. Its disk can be full, its link to
// the cloud cut, and it can be killed.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cli.hpp"
#include "cli/control.hpp"
#include "cli/signals.hpp"
#include "demo/cut_link.hpp"
#include "demo/demo.hpp"
#include "demo/full_disk.hpp"
#include "edge/gateway.hpp"

namespace skerry::cli {
namespace {

// What was heard from the supervisor last.
class Heard {
 public:
  void put(std::string text) {
    const std::scoped_lock lock(mutex_);
    text_ = std::move(text);
  }
  std::string get() const {
    const std::scoped_lock lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

nlohmann::json link_report(const link::UplinkStatus& status, bool cut) {
  std::uint64_t backlog = 0;
  for (const auto& queue : status.shares.queues) backlog += queue.backlog;
  nlohmann::json all{{"cut", cut},
                     {"up", status.up},
                     {"live", status.backlog - std::min(status.backlog, backlog)},
                     {"backlog", backlog}};
  if (status.live_delay) all["live_delay_s"] = std::chrono::duration<double>(*status.live_delay).count();
  return all;
}

std::string report(edge::Node& node, const demo::FullDisk& disk, const demo::CutLink* link) {
  const auto stats = node.log().stats();
  // Class medium: sensors/#. The demo's other messages are of other classes.
  nlohmann::json all{{"stored", stats.committed_ends[static_cast<std::size_t>(log::Class::medium)].value},
                     {"disk_full", disk.full()}};
  if (const auto* uplink = node.uplink(); uplink != nullptr && link != nullptr)
    all["link"] = link_report(uplink->status(), link->is_cut());
  return all.dump();
}

}  // namespace

int demo_gateway(const StartOptions& options, const std::string& name, int control_number) {
  block_signals();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it does not outlive its supervisor, however that goes
  const Control control(control_number);
  demo::FullDisk disk(system_files());
  Heard heard;
  demo::CutLink* link = nullptr;
  std::atomic<edge::Gateway*> running = nullptr;
  const auto act = [&](std::string_view what) -> Result<> {
    if (what == "kill") {
      control.send(R"({"do":"kill"})");
    } else if (what == "cut" || what == "mend") {
      auto* const gateway = running.load();
      auto* const uplink = gateway != nullptr ? gateway->node().uplink() : nullptr;
      if (uplink == nullptr) return fail(Code::not_found, "this gateway has no link to a cloud");
      link->cut(what == "cut");
      if (what == "mend") uplink->retry();
    } else {
      disk.fill(what == "fill");
    }
    return {};
  };
  auto gateway = start_gateway(options, {name, [&heard] { return heard.get(); }, act}, &disk, [&link](Loop& below) {
    auto made = std::make_unique<demo::CutLink>(below);
    link = made.get();
    return made;
  });
  if (!gateway) return failed(gateway.error());
  auto& node = (*gateway)->node();
  running = gateway->get();
  control.send(nlohmann::json{{"ready", {{"ports", node.ports()}, {"gateway_id", node.gateway_id()}}}}.dump());
  std::jthread listener([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto message = control.receive(demo::report_every);
      if (!message) {
        ::kill(::getpid(), SIGTERM);
        return;
      }
      if (!message->empty()) heard.put(std::move(*message));
      control.send(report(node, disk, link));
    }
  });
  // Ctrl-C is for the supervisor, which then ends this program by SIGTERM.
  for (int number = wait_for_signal(); number != SIGTERM; number = wait_for_signal()) {
    if (number == SIGHUP) (*gateway)->reload("SIGHUP");
  }
  listener.request_stop();
  listener.join();
  disk.fill(false);  // what it took is written down
  gateway->reset();
  return 0;
}

}  // namespace skerry::cli
