// Starting and ending the threads of a gateway.
#include "edge/gateway.hpp"

#include <pthread.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/logger.hpp"

namespace skerry::edge {
namespace {

constexpr auto house_every = std::chrono::seconds{1};

void name_thread(std::thread& thread, const char* name) { ::pthread_setname_np(thread.native_handle(), name); }

Result<> write_ports(const std::string& path, const Ports& ports) {
  nlohmann::json all(ports);
  return replace_file(system_files(), path, as_bytes(all.dump() + "\n"));
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::start(const Setup& setup) {
  std::unique_ptr<Gateway> gateway(new Gateway());
  auto& g = *gateway;
  g.setup_ = setup;
  g.mqtt_loop_ = make_net_loop(system_clock());
  g.http_loop_ = make_net_loop(system_clock());
  g.node_ = TRY(Node::open({system_files(), system_clock(), system_chance(), *g.mqtt_loop_, *g.http_loop_},
                           setup.config, setup.data_dir, setup.demo));
  if (setup.read_config)
    g.node_->on_reload([&g](std::string source, auto done) { g.reload(std::move(source), std::move(done)); });
  g.ports_file_ = join_path(setup.data_dir, "ports.json");
  if (TRY(system_files().exists(g.ports_file_))) TRY(system_files().remove(g.ports_file_));
  TRY(g.node_->listen_mqtt());
  TRY(g.node_->listen_http());
  g.committer_ = log::start_committer(g.node_->log());
  g.node_->readers().start();
  g.mqtt_thread_ = std::thread([&g] { g.mqtt_loop_->run(); });
  name_thread(g.mqtt_thread_, "mqtt");
  g.http_thread_ = std::thread([&g] { g.http_loop_->run(); });
  name_thread(g.http_thread_, "http");
  g.house_thread_ = std::thread([&g] { g.keep_house(); });
  name_thread(g.house_thread_, "house");
  TRY(write_ports(g.ports_file_, g.node_->ports()));
  return gateway;
}

Gateway::~Gateway() {
  if (mqtt_thread_.joinable()) {
    (void)system_files().remove(ports_file_);
    mqtt_loop_->post([this] {
      node_->broker().shut();
      mqtt_loop_->post([this] { mqtt_loop_->stop(); });
    });
    mqtt_thread_.join();
    http_loop_->stop();
    http_thread_.join();
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
      ending_changed_.notify_one();
    }
    house_thread_.join();
    node_->readers().stop();
    committer_.reset();
    if (const auto saved = node_->broker().checkpoint(); !saved) {
      logger::error("edge", "the sessions' checkpoint could not be saved", {{"why", saved.error().text()}});
    }
    node_->readers().checkpoint();
  }
  committer_.reset();
  node_.reset();
}

// The log's housekeeping: sealed segments become blocks. Its own thread, because packing takes time that nobody at a
// door should wait for.
void Gateway::keep_house() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    reload_now();
    look_alive();
    const auto tidied = node_->log().tidy();
    if (!tidied)
      logger::error("edge", "housekeeping of the log failed and is tried again", {{"why", tidied.error().text()}});
    lock.lock();
    if (tidied && *tidied) continue;
    ending_changed_.wait_for(lock, house_every, [this] { return ending_ || !wishes_.empty(); });
  }
}

void Gateway::reload(std::string source, std::function<void(Result<std::string>)> done) {
  const std::scoped_lock lock(mutex_);
  wishes_.push_back({std::move(source), std::move(done)});
  ending_changed_.notify_one();
}

void Gateway::reload_now() {
  std::vector<Wish> wishes;
  {
    const std::scoped_lock lock(mutex_);
    wishes.swap(wishes_);
  }
  for (auto& wish : wishes) {
    auto read = setup_.read_config ? setup_.read_config()
                                   : fail(Code::unsupported, "this gateway was started without a way to read settings");
    if (!read) node_->refuse(read.error());
    auto applied = read ? node_->apply(*read, wish.source) : std::unexpected(read.error());
    if (wish.done) wish.done(std::move(applied));
  }
}

// Both loops answered the last look: they turn. One that hangs is silence, which a supervisor hears.
void Gateway::look_alive() {
  if (!setup_.alive || system_clock().mono() < next_look_) return;
  next_look_ = system_clock().mono() + house_every;
  if (answers_.load() < 2) return;
  setup_.alive();
  answers_ = 0;
  for (auto* loop : {mqtt_loop_.get(), http_loop_.get()}) loop->post([this] { ++answers_; });
}

}  // namespace skerry::edge
