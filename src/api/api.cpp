// Routes: each reads its input, asks a room, writes the answer.
#include "api/api.hpp"
#include "api/aside.hpp"

#include <algorithm>

#include "api/account.hpp"
#include "api/demo.hpp"
#include "api/embedded.hpp"
#include "api/events.hpp"
#include "api/limits.hpp"
#include "api/page.hpp"
#include "api/params.hpp"
#include "api/post.hpp"
#include "api/print.hpp"
#include "api/status.hpp"
#include "api/twins.hpp"
#include "api/waiting.hpp"
#include "api/worker.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

using http::Request;
using http::Responder;
using http::Response;

// Nothing when missing.
Result<std::optional<act::AlertState>> alert_state_of(const Request& q) {
  const auto text = TRY(text_of(q, "state"));
  if (text.empty()) return std::optional<act::AlertState>{};
  const auto state = act::alert_state_named(text);
  if (!state) return fail(Code::invalid, "must be active, acknowledged or cleared", "state");
  return state;
}

class ApiImpl final : public Api {
 public:
  ApiImpl(Deps deps, const Options& options)
      : deps_(std::move(deps)),
        status_(deps_),
        waiting_(deps_.loop, deps_.log),
        post_(deps_, options.act, waiting_),
        server_(http::Server::make(deps_.loop, deps_.metrics, options.http)),
        events_(deps_, [this] { return status_.json(); }),
        worker_(options.query_threads),
        identity_worker_(options.query_threads == 0 ? 0 : identity_threads, identity_waiting_max) {
    ground_routes();
    list_routes();
    config_routes();
    house_routes();
    server_->route("POST", "/api/v1/readings",
                   [this](const Request& q, Responder r) { post_.readings(q, std::move(r)); });
    server_->route("POST", "/api/v1/commands",
                   [this](const Request& q, Responder r) { post_.command(q, std::move(r)); });
    server_->route("DELETE", "/api/v1/devices/{id}",
                   [this](const Request& q, Responder r) { forget(q, std::move(r)); });
    server_->route("PUT", "/api/v1/devices/{id}/meta",
                   [this](const Request& q, Responder r) { post_.meta(q, std::move(r)); });
    server_->route("GET", "/api/v1/events",
                   [this](const Request& q, Responder r) { events_.subscribe(q, std::move(r)); });
    add_twin_routes(*server_, deps_, waiting_, worker_);
    add_account_routes(*server_, identity_worker_, deps_.identity, deps_.login_needed);
    if (deps_.demo.act) demo_routes(*server_, deps_.demo);
    server_->assets(page_assets(fallback_page_));
  }
  ApiImpl(const ApiImpl&) = delete;
  ApiImpl& operator=(const ApiImpl&) = delete;

  Result<std::uint16_t> listen(const Address& address, const Listen& through) override {
    return server_->listen(address, through);
  }
  http::Server& server() override { return *server_; }
  Worker& identity_worker() override { return identity_worker_; }
  std::vector<http::RouteName> routes() const override { return server_->routes(); }
  void gate(http::Gate gate) override { server_->gate(std::move(gate)); }
  void reconfigure(const Options& options) override { server_->reconfigure(options.http); }

 private:
  using Make = std::function<Result<Response>(const Request&)>;

  // An answer that is made at once.
  void answer(std::string_view pattern, Make make) {
    server_->route("GET", pattern, [make = std::move(make)](const Request& q, Responder r) {
      auto made = make(q);
      r.respond(made ? std::move(*made) : http::problem(made.error()));
    });
  }
  // One that reads its parameters at once and is made by the query thread.
  void query(std::string_view pattern, std::function<Result<Query>(const Request&)> read) {
    server_->route("GET", pattern, [this, read = std::move(read)](const Request& q, Responder r) {
      answer_query(worker_, read(q), std::move(r));
    });
  }

  void ground_routes();
  void link_routes();
  void list_routes();
  void act_routes();
  void alert_routes();
  void config_routes();
  void house_routes();
  // An answer that was given before must be seen: the table is brought up to what is committed now.
  Result<> catch_up() {
    const auto end = deps_.log.committed_end();
    while (deps_.history.position() < end && TRY(deps_.history.step())) {
    }
    return {};
  }
  Result<Query> devices(const Request& q);
  Result<Query> device(const Request& q);
  Result<Query> readings(const Request& q);
  void forget(const Request& q, Responder r);
  Result<Query> series(const Request& q);
  Result<Response> pipelines(const Request& q);

  Deps deps_;
  std::string fallback_page_;
  Status status_;
  Waiting waiting_;
  Post post_;
  std::unique_ptr<http::Server> server_;
  Events events_;
  Worker worker_;  // last: their threads end first
  Worker identity_worker_;
};

void ApiImpl::ground_routes() {
  answer("/healthz", [](const Request&) { return http::json(R"({"status":"ok"})"); });
  answer("/readyz", [this](const Request&) -> Result<Response> {
    const auto log = deps_.log.stats();
    if (log.state != log::State::ok) return http::problem(503, log.trouble);
    return http::json(R"({"status":"ready"})");
  });
  answer("/metrics", [this](const Request&) {
    auto response = http::json(deps_.metrics.prometheus_text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  answer("/api/v1/openapi.json",
         [](const Request&) { return http::json(std::string(embedded::openapi().front().bytes)); });
  answer("/api/v1/status", [this](const Request& q) -> Result<Response> {
    TRY(check_names(q, {}));
    return http::json(status_.json());
  });
  answer("/api/v1/pipelines", [this](const Request& q) { return pipelines(q); });
  link_routes();
}

void ApiImpl::link_routes() {
  const auto none = [] { return http::problem(404, "this gateway has no link to a cloud: cloud.url is not set"); };
  answer("/api/v1/link", [this, none](const Request& q) -> Result<Response> {
    TRY(check_names(q, {}));
    return deps_.link.status ? http::json(deps_.link.status()) : none();
  });
  answer("/api/v1/link/devices", [this, none](const Request& q) -> Result<Response> {
    TRY(check_names(q, {"limit", "cursor"}));
    const auto limit = TRY(limit_of(q, history::page_items_default, history::page_items_max));
    const auto cursor = TRY(text_of(q, "cursor"));
    return deps_.link.devices ? http::json(deps_.link.devices(cursor, limit)) : none();
  });
}

void ApiImpl::list_routes() {
  query("/api/v1/devices", [this](const Request& q) { return devices(q); });
  query("/api/v1/devices/{id}", [this](const Request& q) { return device(q); });
  query("/api/v1/readings", [this](const Request& q) { return readings(q); });
  query("/api/v1/series", [this](const Request& q) { return series(q); });
  act_routes();
}

void ApiImpl::act_routes() {
  const auto list = [this](auto ask, bool has_state) {
    return [this, ask, has_state](const Request& q) -> Result<Query> {
      if (has_state)
        TRY(check_names(q, {"device", "type", "state", "limit", "cursor"}));
      else
        TRY(check_names(q, {"device", "type", "limit", "cursor"}));
      const auto limit = TRY(limit_of(q, act::page_items_default, act::page_items_max));
      return [this, ask, limit, device = TRY(device_of(q)), type = TRY(text_of(q, "type")),
              state = TRY(alert_state_of(q)), cursor = TRY(text_of(q, "cursor"))]() -> Result<Response> {
        const auto page =
            TRY((deps_.act.*ask)({.device = device, .type = type, .limit = limit, .cursor = cursor, .state = state}));
        return list_of(page.items, page.next);
      };
    };
  };
  const auto one = [this](auto ask) {
    return [this, ask](const Request& q) -> Result<Query> {
      TRY(check_names(q, {}));
      return [this, ask, id = std::string(q.segment("id"))]() -> Result<Response> {
        return http::json(TRY((deps_.act.*ask)(id)));
      };
    };
  };
  query("/api/v1/alerts", list(&act::Tracker::alerts, true));
  query("/api/v1/alerts/{id}", one(&act::Tracker::alert));
  query("/api/v1/commands", list(&act::Tracker::commands, false));
  query("/api/v1/commands/{id}", one(&act::Tracker::command));
  alert_routes();
}

void ApiImpl::alert_routes() {
  const auto work = [this](const std::string& pattern, std::optional<act::AlertAction> action) {
    server_->route("POST", pattern, [this, action](const Request& q, Responder r) {
      post_.alert_work(q, std::move(r), action, worker_);
    });
  };
  work("/api/v1/alerts/changes", {});
  for (const auto action : {act::AlertAction::acknowledge, act::AlertAction::clear, act::AlertAction::comment})
    work("/api/v1/alerts/{id}/" + std::string(act::name(action)), action);
}

void ApiImpl::config_routes() {
  if (!deps_.configuration.items) return;
  answer("/api/v1/config", [this](const Request& q) -> Result<Response> {
    TRY(check_names(q, {}));
    return http::json("{\"items\":[" + deps_.configuration.items() + "],\"next\":null}");
  });
}

void ApiImpl::house_routes() {
  if (!deps_.housekeeping.reload) return;
  // Asks, and answers when it is done: with `status`, or with what the error becomes.
  const auto ask = [this](std::string_view method, std::string_view pattern, int status, auto start, auto problem) {
    server_->route(method, pattern, [start, problem, status](const Request& q, Responder r) {
      if (const auto names = check_names(q, {}); !names) return r.respond(http::problem(names.error()));
      auto kept = std::make_shared<Responder>(std::move(r));
      start(q, [kept, problem, status](Result<std::string> done) {
        kept->respond(done ? http::json(std::move(*done), status) : problem(done.error()));
      });
    });
  };
  const auto plainly = [](const Error& error) { return http::problem(error); };
  ask(
      "POST", "/api/v1/config/reload", 200,
      [this](const Request&, Done done) { deps_.housekeeping.reload(std::move(done)); },
      [](const Error& error) { return http::problem(422, "nothing was changed: " + error.text()); });
  ask(
      "POST", "/api/v1/backups", 201,
      [this](const Request&, Done done) { deps_.housekeeping.snapshot(std::move(done)); }, plainly);
  ask(
      "DELETE", "/api/v1/backups/{id}", 200,
      [this](const Request& q, Done done) {
        deps_.housekeeping.drop_snapshot(std::string(q.segment("id")), std::move(done));
      },
      plainly);
}

Result<Query> ApiImpl::devices(const Request& q) {
  TRY(check_names(q, {"limit", "cursor"}));
  const auto limit = TRY(limit_of(q, history::page_items_default, devices_page_max));
  return [this, limit, cursor = TRY(text_of(q, "cursor"))]() -> Result<Response> {
    TRY(catch_up());
    const auto page = TRY(deps_.history.devices(limit, cursor));
    std::string text = R"({"items":[)";
    for (const auto& device : page.items) {
      if (text.back() != '[') text += ',';
      append_device(text, device);
    }
    append_next(text, page.next);
    return http::json(std::move(text));
  };
}

Result<Query> ApiImpl::device(const Request& q) {
  TRY(check_names(q, {}));
  return [this, id = std::string(q.segment("id"))]() -> Result<Response> {
    TRY(catch_up());
    std::string text;
    append_device(text, TRY(deps_.history.device(id)));
    return http::json(std::move(text));
  };
}

// Whether there is such a device is looked up on the query thread; what happens then belongs to the loop.
void ApiImpl::forget(const Request& q, Responder r) {
  if (const auto names = check_names(q, {}); !names) return r.respond(http::problem(names.error()));
  auto kept = std::make_shared<Responder>(std::move(r));
  const bool taken = worker_.run([this, kept, id = std::string(q.segment("id"))] {
    const auto seen = catch_up();
    const auto device = seen ? deps_.history.device(id) : std::unexpected(seen.error());
    if (!device) return kept->respond(http::problem(device.error()));
    deps_.loop.post([this, kept, id] { post_.forget(id, std::move(*kept)); });
  });
  if (!taken) kept->respond(http::problem(503, "too many queries wait"));
}

Result<Query> ApiImpl::readings(const Request& q) {
  TRY(check_names(q, {"device", "from", "to", "order", "limit", "cursor"}));
  const auto limit = TRY(limit_of(q, history::page_items_default, history::page_items_max));
  return [this, limit, device = TRY(device_of(q)), from = TRY(time_of(q, "from")), to = TRY(time_of(q, "to")),
          descending = TRY(descending_of(q)), cursor = TRY(text_of(q, "cursor"))]() -> Result<Response> {
    const auto page = TRY(deps_.history.readings(
        {.device = device, .from = from, .to = to, .descending = descending, .limit = limit, .cursor = cursor}));
    std::string text = R"({"items":[)";
    for (const auto& reading : page.items) {
      if (text.back() != '[') text += ',';
      append_reading(text, reading);
    }
    append_next(text, page.next);
    return http::json(std::move(text));
  };
}

Result<Query> ApiImpl::series(const Request& q) {
  TRY(check_names(q, {"device", "field", "from", "to", "points"}));
  const auto points = TRY(limit_of(q, series_points_default, history::series_points_max, "points"));
  const auto from = TRY(time_of(q, "from"));
  const auto to = TRY(time_of(q, "to"));
  auto device = TRY(device_of(q));
  auto field = TRY(text_of(q, "field"));
  if (device.empty()) return fail(Code::invalid, "is missing", "device");
  if (field.empty()) return fail(Code::invalid, "is missing", "field");
  if (!from) return fail(Code::invalid, "is missing", "from");
  if (!to) return fail(Code::invalid, "is missing", "to");
  if (*from >= *to) return fail(Code::invalid, "must be after from", "to");
  return [this, points, from, to, device = std::move(device), field = std::move(field)]() -> Result<Response> {
    std::string text;
    append_series(
        text, device, field,
        TRY(deps_.history.series({.device = device, .field = field, .from = *from, .to = *to, .points = points})));
    return http::json(std::move(text));
  };
}

Result<Response> ApiImpl::pipelines(const Request& q) {
  TRY(check_names(q, {}));
  std::string text = R"({"items":[)";
  for (const auto& pipeline : deps_.pipelines ? deps_.pipelines() : std::vector<Pipeline>{}) {
    if (text.back() != '[') text += ',';
    ObjectText(text)
        .text("name", pipeline.name)
        .text("version", pipeline.version)
        .text("text", pipeline.text)
        .count("rows_in", pipeline.rows_in)
        .count("rows_out", pipeline.rows_out)
        .count("late", pipeline.late)
        .count("errors", pipeline.errors)
        .end();
  }
  append_next(text, {});
  return http::json(std::move(text));
}

}  // namespace

Result<std::unique_ptr<Api>> Api::open(Deps deps, const Options& options) {
  return std::make_unique<ApiImpl>(std::move(deps), options);
}

}  // namespace skerry::api
