// Puts the cloud side together: threads, loops, routes.
#include "cloud/cloud.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/aside.hpp"
#include "api/params.hpp"
#include "api/worker.hpp"
#include "base/logger.hpp"
#include "base/loop.hpp"
#include "cloud/events.hpp"
#include "cloud/orders.hpp"
#include "cloud/queries.hpp"
#include "cloud/twins.hpp"
#include "cloud/writer.hpp"
#include "link/link.hpp"

namespace skerry::cloud {
namespace {

using http::Request;
using http::Responder;
using http::Response;

Result<std::uint16_t> port(const config::Config& config, std::string_view key) {
  const auto number = config.integer(key);
  if (number == 0) return 0;
  const auto moved = number + config.integer("port_offset");
  if (moved > 65535) return fail(Code::invalid, "with port_offset it is above 65535, the last port", std::string(key));
  return static_cast<std::uint16_t>(moved);
}

Result<std::string> listen_host(const config::Config& config) {
  const auto& host = config.text("listen.host");
  const bool loopback = host == "localhost" || host == "::1" || host.starts_with("127.");
  if (loopback || config.flag("listen.insecure")) return host;
  return fail(Code::denied,
              "is reachable from outside, and the cloud side has neither TLS nor accounts here. Keep 127.0.0.1, or set "
              "listen.insecure=true where the network itself keeps strangers out",
              "listen.host=" + host);
}

// Where the link listens, and what it shows. Outside loopback only what is under mutual TLS.
Result<link::Server::Options> link_options(const config::Config& config) {
  link::Server::Options options{.credentials = {}, .any_role = config.flag("link.any_role")};
  constexpr std::array needed{"link.certificate", "link.key", "link.ca"};
  const auto missing = std::ranges::find_if(needed, [&](const char* key) { return config.text(key).empty(); });
  const bool none = std::ranges::all_of(needed, [&](const char* key) { return config.text(key).empty(); });
  if (none) return options;
  if (missing != needed.end())
    return fail(Code::invalid, "is needed too: a certificate, its key, and the authorities of the gateways", *missing);
  options.credentials = link::CredentialFiles{.trusted = config.text("link.ca"),
                                              .certificate = config.text("link.certificate"),
                                              .key = config.text("link.key"),
                                              .revoked = config.text("link.crl")};
  return options;
}

Result<std::string> link_host(const config::Config& config, bool secure) {
  const auto& host = config.text("link.host");
  if (host.empty() && !secure) return listen_host(config);
  if (host.empty()) return config.text("listen.host");
  const bool loopback = host == "localhost" || host == "::1" || host.starts_with("127.");
  if (loopback || secure || config.flag("listen.insecure")) return host;
  return fail(Code::denied, "is reachable from outside: set link.certificate, link.key and link.ca",
              "link.host=" + host);
}

// A busy port says who holds it; this says what to set.
Result<std::uint16_t> listen(auto& server, const Address& address, const std::string& key) {
  auto heard = server.listen(address);
  if (!heard && heard.error().code == Code::busy)
    heard.error().what += "; set " + key + " or port_offset to another (0 lets the system choose)";
  return heard;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(','));
    if (!one.empty()) all.emplace_back(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return all;
}

class CloudImpl final : public Cloud {
 public:
  ~CloudImpl() override { end(); }
  Result<> begin(const config::Config& config, const std::string& data_dir);
  const std::map<std::string, std::uint16_t>& ports() const override { return ports_; }

 private:
  void end();
  void routes();
  void health_routes();
  void twin_routes();
  void list(std::string_view pattern, Result<std::string> (Queries::*ask)(const ListQuery&), bool timed);
  void query(std::string_view pattern, std::function<Result<api::Query>(const Request&)> read);
  void check();
  void look();

  std::string ports_file_;
  std::map<std::string, std::uint16_t> ports_;
  std::unique_ptr<File> lock_;
  metrics::Registry metrics_;
  std::unique_ptr<NetLoop> link_loop_;
  std::unique_ptr<NetLoop> http_loop_;
  std::unique_ptr<SqlStore> store_;
  std::unique_ptr<Queries> queries_;  // the query thread's
  std::unique_ptr<Queries> checks_;   // the checking thread's
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<Events> events_;
  std::unique_ptr<api::Worker> worker_;
  std::unique_ptr<api::Worker> checker_;
  std::unique_ptr<link::Server> link_;
  std::unique_ptr<Writer> writer_;
  std::optional<Desk> desk_;
  std::unique_ptr<Orders> orders_;
  std::unique_ptr<TwinWrites> twins_;
  std::unique_ptr<Timer> check_timer_;
  std::unique_ptr<Timer> look_timer_;
  metrics::Gauge* problems_ = nullptr;
  metrics::Gauge* checked_at_ = nullptr;
  std::thread link_thread_;
  std::thread http_thread_;
};

Result<> CloudImpl::begin(const config::Config& config, const std::string& data_dir) {
  const auto host = TRY(listen_host(config));
  auto& files = system_files();
  TRY(files.make_dirs(data_dir));
  auto lock = files.lock(join_path(data_dir, "LOCK"));
  if (!lock) return fail(lock.error().code, "another process has this folder open", data_dir);
  lock_ = std::move(*lock);
  ports_file_ = join_path(data_dir, "ports.json");
  if (TRY(files.exists(ports_file_))) TRY(files.remove(ports_file_));
  const auto& server = config.text("database.url");
  if (!server.empty() && !Database::is_server(server))
    return fail(Code::invalid, "must be postgresql://…, or empty", "database.url");
  const auto path = server.empty() ? join_path(data_dir, database_name) : server;
  store_ = TRY(SqlStore::open(path, system_clock(), metrics_));
  queries_ = TRY(Queries::open(path));
  checks_ = TRY(Queries::open(path));
  link_loop_ = make_net_loop(system_clock());
  http_loop_ = make_net_loop(system_clock());
  const auto secured = TRY(link_options(config));
  link_ = TRY(link::Server::make({*link_loop_, files, system_chance(), metrics_}, secured,
                                 [this](link::Server::Id id, sync::Job job) { writer_->submit(id, std::move(job)); }));
  writer_ = std::make_unique<Writer>(
      *store_, metrics_,
      [this](Writer::Id id, sync::Outcome outcome) {
        link_loop_->post([this, id, outcome = std::move(outcome)] { link_->outcome(id, outcome); });
      },
      [this](Writer::Id id, Error error) {
        link_loop_->post([this, id, error = std::move(error)] { link_->failed(id, error); });
      });
  http_ = http::Server::make(*http_loop_, metrics_, {.hosts = split(config.text("http.allowed_hosts"))});
  events_ = std::make_unique<Events>(*http_loop_, *store_);
  worker_ = std::make_unique<api::Worker>(1);
  checker_ = std::make_unique<api::Worker>(1);
  desk_.emplace(Desk{*writer_, *queries_, *worker_, [this](std::string gateway) {
                       link_loop_->post([this, gateway = std::move(gateway)] { link_->look(gateway); });
                     }});
  orders_ = std::make_unique<Orders>(*desk_);
  twins_ = std::make_unique<TwinWrites>(*desk_);
  problems_ = &metrics_.gauge("skerry_cloud_verify_problems",
                              "Found by the last check that every applied offset is in one place.");
  checked_at_ = &metrics_.gauge("skerry_cloud_verify_timestamp_seconds", "When that was.");
  routes();
  const auto http_port = TRY(port(config, "http.port"));
  const auto link_port = TRY(port(config, "link.port"));
  ports_["http"] = TRY(listen(*http_, {host, http_port}, "http.port"));
  const auto link_at = TRY(link_host(config, secured.credentials.has_value()));
  ports_["link"] = TRY(listen(*link_, {link_at, link_port}, "link.port"));
  link_thread_ = std::thread([this] { link_loop_->run(); });
  ::pthread_setname_np(link_thread_.native_handle(), "link");
  http_thread_ = std::thread([this] { http_loop_->run(); });
  ::pthread_setname_np(http_thread_.native_handle(), "http");
  http_loop_->post([this] {
    check();
    look();
  });
  return replace_file(files, ports_file_, as_bytes(nlohmann::json(ports_).dump() + "\n"));
}

void CloudImpl::end() {
  if (!ports_file_.empty()) (void)system_files().remove(ports_file_);
  if (link_thread_.joinable()) {
    link_loop_->stop();
    link_thread_.join();
  }
  if (http_thread_.joinable()) {
    http_loop_->stop();
    http_thread_.join();
  }
  writer_.reset();
  worker_.reset();
  checker_.reset();
  check_timer_.reset();
  look_timer_.reset();
  orders_.reset();
  twins_.reset();
  link_.reset();
  events_.reset();
  http_.reset();
}

// The whole check now and then, on a thread and a connection of its own: promise 2 as a metric.
void CloudImpl::check() {
  checker_->run([this] {
    const auto wrong = checks_->check();
    problems_->set(wrong ? static_cast<double>(wrong->size()) : 1);
    checked_at_->set(std::chrono::duration<double>(system_clock().wall().time_since_epoch()).count());
    if (!wrong) logger::error("cloud", "the check could not be made", {{"why", wrong.error().text()}});
    if (!wrong) return;
    for (const auto& line : *wrong) logger::error("cloud", "what was applied does not add up", {{"what", line}});
  });
  check_timer_ = http_loop_->after(verify_every, [this] { check(); });
}

// For commands that another replica was asked for, and those that did not fit when they came.
void CloudImpl::look() {
  worker_->run([this] {
    const auto waiting = queries_->waiting_gateways();
    if (!waiting) return;
    for (const auto& gateway : *waiting) link_loop_->post([this, gateway] { link_->look(gateway); });
  });
  look_timer_ = http_loop_->after(look_every, [this] { look(); });
}

void CloudImpl::query(std::string_view pattern, std::function<Result<api::Query>(const Request&)> read) {
  http_->route("GET", pattern, [this, read = std::move(read)](const Request& q, Responder r) {
    api::answer_query(*worker_, read(q), std::move(r));
  });
}

void CloudImpl::list(std::string_view pattern, Result<std::string> (Queries::*ask)(const ListQuery&), bool timed) {
  query(pattern, [this, ask, timed](const Request& q) -> Result<api::Query> {
    if (timed) {
      TRY(api::check_names(q, {"gateway", "device", "from", "to", "order", "limit", "cursor"}));
    } else {
      TRY(api::check_names(q, {"gateway", "device", "type", "limit", "cursor"}));
    }
    ListQuery query{.gateway = TRY(api::text_of(q, "gateway")),
                    .device = TRY(api::device_of(q)),
                    .type = TRY(api::text_of(q, "type")),
                    .limit = TRY(api::limit_of(q, page_items_default, page_items_max)),
                    .cursor = TRY(api::text_of(q, "cursor"))};
    if (timed) {
      query.from = TRY(api::time_of(q, "from"));
      query.to = TRY(api::time_of(q, "to"));
      query.descending = TRY(api::descending_of(q));
    }
    return [this, ask, query = std::move(query)]() -> Result<Response> {
      return http::json(TRY((queries_.get()->*ask)(query)));
    };
  });
}

void CloudImpl::health_routes() {
  http_->route("GET", "/healthz", [](const Request&, Responder r) { r.respond(http::json(R"({"status":"ok"})")); });
  http_->route("GET", "/readyz", [this](const Request&, Responder r) {
    if (writer_->failing())
      return r.respond(http::problem(503, "the last transaction was not kept; the program's log says why"));
    r.respond(http::json(R"({"status":"ready"})"));
  });
  http_->route("GET", "/metrics", [this](const Request&, Responder r) {
    auto response = http::json(metrics_.prometheus_text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    r.respond(std::move(response));
  });
}

void CloudImpl::twin_routes() {
  query("/api/v1/twins", [this](const Request& q) -> Result<api::Query> {
    TRY(api::check_names(q, {"gateway", "device", "conflicts", "limit", "cursor"}));
    const ListQuery query{.gateway = TRY(api::text_of(q, "gateway")),
                          .device = TRY(api::device_of(q)),
                          .type = TRY(api::text_of(q, "conflicts")),
                          .limit = TRY(api::limit_of(q, page_items_default, twin::page_items_max)),
                          .cursor = TRY(api::text_of(q, "cursor"))};
    if (!query.type.empty() && query.type != "open") return fail(Code::invalid, "must be open", "conflicts");
    return [this, query]() -> Result<Response> { return http::json(TRY(queries_->twins(query))); };
  });
  query("/api/v1/twins/{id}", [this](const Request& q) -> Result<api::Query> {
    TRY(api::check_names(q, {"gateway"}));
    return [this, id = std::string(q.segment("id")), gateway = TRY(api::text_of(q, "gateway"))]() -> Result<Response> {
      return http::json(TRY(queries_->twin(id, gateway)));
    };
  });
  http_->route("PATCH", "/api/v1/twins/{id}",
               [this](const Request& q, Responder r) { twins_->patch(q, std::move(r)); });
  http_->route("POST", "/api/v1/twins/{id}/conflicts/{conflict}/reverse",
               [this](const Request& q, Responder r) { twins_->reverse(q, std::move(r)); });
}

void CloudImpl::routes() {
  health_routes();
  list("/api/v1/readings", &Queries::readings, true);
  list("/api/v1/devices", &Queries::devices, false);
  list("/api/v1/alerts", &Queries::alerts, false);
  list("/api/v1/commands", &Queries::commands, false);
  http_->route("POST", "/api/v1/commands", [this](const Request& q, Responder r) { orders_->post(q, std::move(r)); });
  list("/api/v1/analytics", &Queries::analytics, false);
  list("/api/v1/gaps", &Queries::gaps, false);
  list("/api/v1/aside", &Queries::aside, false);
  const auto one = [this](std::string_view pattern, Result<std::string> (Queries::*ask)(std::string_view)) {
    query(pattern, [this, ask](const Request& q) -> Result<api::Query> {
      TRY(api::check_names(q, {}));
      return [this, ask, id = std::string(q.segment("id"))]() -> Result<Response> {
        return http::json(TRY((queries_.get()->*ask)(id)));
      };
    });
  };
  one("/api/v1/alerts/{id}", &Queries::alert);
  one("/api/v1/commands/{id}", &Queries::command);
  query("/api/v1/devices/{id}", [this](const Request& q) -> Result<api::Query> {
    TRY(api::check_names(q, {"gateway"}));
    return [this, id = std::string(q.segment("id")), gateway = TRY(api::text_of(q, "gateway"))]() -> Result<Response> {
      return http::json(TRY(queries_->device(id, gateway)));
    };
  });
  const auto plain = [this](std::string_view pattern, Result<std::string> (Queries::*ask)()) {
    query(pattern, [this, ask](const Request& q) -> Result<api::Query> {
      TRY(api::check_names(q, {}));
      return [this, ask]() -> Result<Response> { return http::json(TRY((queries_.get()->*ask)())); };
    });
  };
  twin_routes();
  query("/api/v1/verify", [this](const Request& q) -> Result<api::Query> {
    TRY(api::check_names(q, {}));
    return [this]() -> Result<Response> {
      return http::json(nlohmann::json{{"problems", TRY(queries_->check())}}.dump());
    };
  });
  plain("/api/v1/gateways", &Queries::gateways);
  plain("/api/v1/status", &Queries::counts);
  http_->route("GET", "/api/v1/events", [this](const Request& q, Responder r) { events_->subscribe(q, std::move(r)); });
}

}  // namespace

std::string database_of(const std::string& data_dir) {
  return Database::is_server(data_dir) ? data_dir : join_path(data_dir, database_name);
}

Result<std::unique_ptr<Cloud>> Cloud::start(const config::Config& config, const std::string& data_dir) {
  auto cloud = std::make_unique<CloudImpl>();
  TRY(cloud->begin(config, data_dir));
  return cloud;
}

}  // namespace skerry::cloud
