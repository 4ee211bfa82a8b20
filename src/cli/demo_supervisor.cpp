// The supervisor's one loop: signals, the gateway's messages, and when to kill or start it.
#include "cli/demo_supervisor.hpp"

#include <poll.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.hpp"
#include "cli/control.hpp"
#include "cli/signals.hpp"

extern char** environ;

namespace skerry::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds answer_first{100};   // the answer to whoever pressed the button leaves before the kill
constexpr milliseconds again_after{1'000};  // when it died young: something may be wrong for longer
constexpr milliseconds young{2'000};

demo::Report report_of(const nlohmann::json& json) {
  demo::Report report{.stored = json.value("stored", 0ULL), .disk_full = json.value("disk_full", false)};
  if (const auto link = json.find("link"); link != json.end() && link->is_object()) {
    report.link = demo::Report::Link{.cut = link->value("cut", false),
                                     .up = link->value("up", false),
                                     .live = link->value("live", 0ULL),
                                     .backlog = link->value("backlog", 0ULL),
                                     .live_delay_s = {}};
    if (link->contains("live_delay_s")) report.link->live_delay_s = link->value("live_delay_s", 0.0);
  }
  return report;
}

class Supervisor {
 public:
  Supervisor(const UpOptions& options, std::uint16_t cloud_http, std::unique_ptr<demo::Demo> demo)
      : options_(options), cloud_http_(cloud_http), demo_(std::move(demo)), signals_(signals_and_children()) {
    demo_->on_state([this](const std::string& state) {
      const std::scoped_lock lock(mutex_);
      control_.send(state);
    });
  }
  ~Supervisor() { ::close(signals_); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  int run();

 private:
  static int signals_and_children();
  std::vector<std::string> arguments() const;
  Result<> start();
  void on_message(const std::string& message);
  std::optional<int> on_signals();
  std::optional<int> on_child_end(int status);
  void end();
  Mono now() const { return system_clock().mono(); }

  const UpOptions& options_;
  std::uint16_t cloud_http_;
  std::unique_ptr<demo::Demo> demo_;
  int signals_;
  std::mutex mutex_;  // control_, which the demo's thread sends over
  Control control_;
  pid_t pid_ = 0;
  bool ending_ = false;
  bool heard_ = false;  // messages may come
  edge::Ports ports_;   // of the first start, and of all that follow
  std::optional<Mono> kill_at_;
  std::optional<Mono> start_at_;
  Mono started_{};
  Mono died_{};
};

int Supervisor::signals_and_children() {
  auto set = our_signals();
  ::sigaddset(&set, SIGCHLD);
  return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Those of `up`, and after the first start the ports that it had: devices and the page come back to the same.
std::vector<std::string> Supervisor::arguments() const {
  std::vector<std::string> all{"skerry", "demo-gateway", "--demo", demo_->name(), "--data", options_.data_dir};
  if (!options_.config_file.empty()) all.insert(all.end(), {"--config", options_.config_file});
  for (const auto& set : options_.sets) all.insert(all.end(), {"--set", set});
  if (!ports_.empty()) all.insert(all.end(), {"--set", "port_offset=0"});
  for (const auto& [door, number] : ports_) all.insert(all.end(), {"--set", door + ".port=" + std::to_string(number)});
  return all;
}

Result<> Supervisor::start() {
  start_at_.reset();
  started_ = now();
  auto ends = TRY(Control::make());
  auto words = arguments();
  words.insert(words.end(), {"--control", std::to_string(ends.second.number())});
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int failed = ::posix_spawn(&pid_, "/proc/self/exe", nullptr, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) return fail(Code::io, std::string("the gateway could not be started: ") + std::strerror(failed));
  const std::scoped_lock lock(mutex_);
  control_ = std::move(ends.first);
  heard_ = true;
  return {};
}

void Supervisor::on_message(const std::string& message) {
  const auto json = nlohmann::json::parse(message, nullptr, false);
  if (!json.is_object()) return;
  if (json.value("do", "") == "kill") kill_at_ = now() + answer_first;
  if (json.contains("stored")) demo_->gateway_says(report_of(json));
  if (!json.contains("ready")) return;
  const auto& ready = json["ready"];
  const bool first = ports_.empty();
  ports_ = ready.value("ports", edge::Ports{});
  demo_->gateway_up({ports_["mqtt"], ports_["http"], pid_});
  if (first) {
    print_welcome({ready.value("gateway_id", ""), ports_["mqtt"], ports_["http"], cloud_http_, demo_->name(),
                   ports_["mqtts"], ports_["https"]},
                  options_);
  } else {
    std::printf("  The gateway is back after %.2f s, as process %d.\n",
                std::chrono::duration<double>(now() - died_).count(), static_cast<int>(pid_));
    std::fflush(stdout);
  }
}

std::optional<int> Supervisor::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    if (ending_) ::kill(pid_, SIGKILL);  // asked a second time
    if (!ending_) end();
    if (pid_ == 0) return 0;
  }
  int status = 0;
  if (pid_ != 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) return on_child_end(status);
  return {};
}

void Supervisor::end() {
  ending_ = true;
  std::puts("\n  Ending: what was acknowledged is on disk.");
  std::fflush(stdout);
  demo_.reset();  // devices say goodbye before the gateway goes
  if (pid_ != 0) ::kill(pid_, SIGTERM);
}

std::optional<int> Supervisor::on_child_end(int status) {
  pid_ = 0;
  kill_at_.reset();
  if (ending_) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || ports_.empty())) return WEXITSTATUS(status);
  if (ports_.empty()) return 1;
  died_ = now();
  demo_->gateway_down();
  start_at_ = died_ + (died_ - started_ < young ? again_after : milliseconds{0});
  std::printf("  The gateway is dead (%s %d); devices keep what they have to say.\n",
              WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  std::fflush(stdout);
  return {};
}

int Supervisor::run() {
  if (const auto started = start(); !started) return failed(started.error());
  while (true) {
    const auto due = kill_at_ ? kill_at_ : start_at_;
    int wait_ms = -1;
    if (due)
      wait_ms = static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<milliseconds>(*due - now()).count()));
    pollfd both[2]{{signals_, POLLIN, 0}, {heard_ && !ending_ ? control_.number() : -1, POLLIN, 0}};
    ::poll(both, 2, wait_ms);
    if (both[1].revents != 0 && !ending_) {
      const auto message = control_.receive(milliseconds{0});
      heard_ = message.has_value();  // else it is about to end: SIGCHLD says when
      if (message) on_message(*message);
    }
    if (const auto code = on_signals()) return *code;
    if (kill_at_ && now() >= *kill_at_ && pid_ != 0) {
      kill_at_.reset();
      ::kill(pid_, SIGKILL);
    }
    if (start_at_ && now() >= *start_at_ && !ending_) {
      if (const auto started = start(); !started) return failed(started.error());
    }
  }
}

}  // namespace

int supervise(const UpOptions& options, std::uint16_t cloud_http, std::unique_ptr<demo::Demo> demo) {
  Supervisor supervisor(options, cloud_http, std::move(demo));
  return supervisor.run();
}

}  // namespace skerry::cli
