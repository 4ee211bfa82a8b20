// `skerry demo-gateway`: the gateway of a demo, as its supervisor starts it. Its disk can be full, and it can be
// killed.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cli.hpp"
#include "cli/control.hpp"
#include "cli/signals.hpp"
#include "demo/full_disk.hpp"
#include "edge/gateway.hpp"

namespace skerry::cli {
namespace {

constexpr std::chrono::milliseconds report_every{250};

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

std::string report(log::Log& log, const demo::FullDisk& disk) {
  const auto stats = log.stats();
  // Class medium: sensors/#. The demo's other messages are of other classes.
  return nlohmann::json{{"stored", stats.committed_ends[static_cast<std::size_t>(log::Class::medium)].value},
                        {"disk_full", disk.full()}}
      .dump();
}

}  // namespace

int demo_gateway(const StartOptions& options, const std::string& name, int control_number) {
  block_signals();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it does not outlive its supervisor, however that goes
  const Control control(control_number);
  demo::FullDisk disk(system_files());
  Heard heard;
  const auto act = [&](std::string_view what) -> Result<> {
    if (what == "kill") {
      control.send(R"({"do":"kill"})");
    } else {
      disk.fill(what == "fill");
    }
    return {};
  };
  auto gateway = start_gateway(options, {name, [&heard] { return heard.get(); }, act}, &disk);
  if (!gateway) return failed(gateway.error());
  auto& node = (*gateway)->node();
  control.send(nlohmann::json{{"ready", {{"ports", node.ports()}, {"gateway_id", node.gateway_id()}}}}.dump());
  std::jthread listener([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto message = control.receive(report_every);
      if (!message) {
        ::kill(::getpid(), SIGTERM);
        return;
      }
      if (!message->empty()) heard.put(std::move(*message));
      control.send(report(node.log(), disk));
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
