// Starting and ending the threads of a gateway.
#include "edge/gateway.hpp"

#include <pthread.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "edge/snapshot.hpp"

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
  g.coap_loop_ = make_net_loop(system_clock());
  g.uplink_loop_ = make_net_loop(system_clock());
  if (setup.network) g.network_ = setup.network(*g.uplink_loop_);
  Loop* const uplink_loop = g.network_ ? g.network_.get() : g.uplink_loop_.get();
  g.node_ = TRY(Node::open({setup.files != nullptr ? *setup.files : system_files(), system_clock(), system_chance(),
                            *g.mqtt_loop_, *g.http_loop_, uplink_loop},
                           setup.config, setup.data_dir, setup.demo));
  TRY(drop_snapshots(setup.data_dir));
  g.node_->serve({.reload = [&g](Done done) { g.reload("api", std::move(done)); },
                  .snapshot = [&g](Done done) { g.in_house([&g, done = std::move(done)] { g.snapshot_now(done); }); },
                  .drop_snapshot =
                      [&g](std::string id, Done done) {
                        g.in_house([&g, id = std::move(id), done = std::move(done)] {
                          if (id.empty() || id != g.snapshot_)
                            return done(fail(Code::not_found, "there is no such snapshot", id));
                          g.snapshot_.clear();
                          const auto dropped = drop_snapshots(g.setup_.data_dir);
                          done(dropped ? Result<std::string>("{}") : std::unexpected(dropped.error()));
                        });
                      }});
  g.ports_file_ = join_path(setup.data_dir, "ports.json");
  if (TRY(system_files().exists(g.ports_file_))) TRY(system_files().remove(g.ports_file_));
  TRY(g.node_->listen_mqtt());
  TRY(g.node_->listen_http());
  TRY(g.node_->listen_coap(*g.coap_loop_));
  g.committer_ = log::start_committer(g.node_->log());
  g.node_->readers().start();
  g.mqtt_thread_ = std::thread([&g] { g.mqtt_loop_->run(); });
  name_thread(g.mqtt_thread_, "mqtt");
  g.http_thread_ = std::thread([&g] { g.http_loop_->run(); });
  name_thread(g.http_thread_, "http");
  g.coap_thread_ = std::thread([&g] { g.coap_loop_->run(); });
  name_thread(g.coap_thread_, "coap");
  if (auto* const uplink = g.node_->uplink()) {
    uplink->start();
    g.uplink_thread_ = std::thread([&g] { g.uplink_loop_->run(); });
    name_thread(g.uplink_thread_, "uplink");
  }
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
    coap_loop_->stop();
    coap_thread_.join();
    if (uplink_thread_.joinable()) {
      uplink_loop_->post([this] {
        node_->uplink()->stop();
        uplink_loop_->post([this] { uplink_loop_->stop(); });
      });
      uplink_thread_.join();
    }
    {
      const std::scoped_lock lock(mutex_);
      ending_ = true;
      ending_changed_.notify_one();
    }
    house_thread_.join();
    jobs_.clear();  // who asked too late is told so, while there still is a server to tell it
    node_->readers().stop();
    node_->end_coap();
    committer_.reset();
    if (const auto saved = node_->broker().checkpoint(); !saved) {
      logger::error("edge", "the sessions' checkpoint could not be saved", {{"why", saved.error().text()}});
    }
    node_->readers().checkpoint();
    for (bool more = true; more;) {
      const auto saved = node_->save_states();
      if (!saved) logger::error("edge", "a checkpoint could not be saved", {{"why", saved.error().text()}});
      more = !saved || *saved;
    }
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
    do_jobs();
    look_alive();
    const auto tidied = node_->keep_house();
    if (!tidied) logger::error("edge", "housekeeping failed and is tried again", {{"why", tidied.error().text()}});
    lock.lock();
    if (tidied && *tidied) continue;
    ending_changed_.wait_for(lock, house_every, [this] { return ending_ || !jobs_.empty(); });
  }
}

void Gateway::in_house(std::function<void()> job) {
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(std::move(job));
  ending_changed_.notify_one();
}

void Gateway::do_jobs() {
  std::vector<std::function<void()>> jobs;
  {
    const std::scoped_lock lock(mutex_);
    jobs.swap(jobs_);
  }
  for (const auto& job : jobs) job();
}

void Gateway::reload(std::string source, Done done) {
  in_house([this, source = std::move(source), done = std::move(done)] { reload_now(source, done); });
}

void Gateway::reload_now(const std::string& source, const Done& done) {
  auto read = setup_.read_config ? setup_.read_config()
                                 : fail(Code::unsupported, "this gateway was started without a way to read settings");
  if (!read) node_->refuse(read.error());
  auto applied = read ? node_->apply(*read, source) : std::unexpected(read.error());
  if (done) done(std::move(applied));
}

// Between two steps of tidying: nothing that was sealed goes away meanwhile.
void Gateway::snapshot_now(const Done& done) {
  const auto position = node_->log().committed_end();
  const auto now = format_rfc3339(to_event(system_clock().wall()));
  std::string id = now;
  std::erase_if(id, [](char c) { return c == ':' || c == '.'; });
  const auto taken = take_snapshot(setup_.data_dir, id);
  if (!taken) {
    logger::error("edge", "no snapshot could be taken for a backup", {{"why", taken.error().text()}});
    (void)drop_snapshots(setup_.data_dir);
    return done(std::unexpected(taken.error()));
  }
  snapshot_ = id;
  logger::info("edge", "a snapshot was taken for a backup",
               {{"id", id}, {"files", taken->files}, {"bytes", taken->bytes}, {"position", position.value}});
  done(nlohmann::ordered_json{{"id", id},
                              {"gateway_id", node_->gateway_id()},
                              {"made_at", now},
                              {"position", position.value},
                              {"folder", taken->folder},
                              {"files", taken->files},
                              {"bytes", taken->bytes}}
           .dump());
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
