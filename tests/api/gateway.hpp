// An Api over the simulated loop and a log in memory, with a real History and a real Tracker behind it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "act/act.hpp"
#include "api/api.hpp"
#include "base/config.hpp"
#include "sim/loop.hpp"
#include "sim/world.hpp"
#include "tests/history/memory_log.hpp"
#include "tests/http/client.hpp"

namespace skerry::test {

class Gateway {
 public:
  explicit Gateway(const api::Options& options = {.query_threads = 0}) {
    history = *history::History::open(log, system_files(), {}, metrics);
    act = *act::Tracker::open(log, system_files(), {}, metrics);
    twins = *twin::Twins::open(log, system_files(), world, {.gateway = "gw"}, metrics);
    api::Info info{.version = "1.2.3", .gateway_id = "gw", .started_at = world.wall()};
    api::Deps deps{.loop = host,
                   .log = log,
                   .history = *history,
                   .act = *act,
                   .metrics = metrics,
                   .chance = world.chance(),
                   .info = info};
    deps.twins = twins.get();
    deps.pipelines = [] {
      return std::vector<api::Pipeline>{{.name = "p", .version = "v", .text = "SELECT 1", .rows_in = 2}};
    };
    deps.ports = [] { return api::Ports{{"mqtt", 1883}}; };
    const auto setting = config::Schema{config::key::text("gateway.id", "", config::Effect::restart, "Its name.")};
    const auto config = *config::Config::load(system_files(), setting, "", {}, {});
    deps.configuration = {
        .items = [config, setting] { return config::describe(config, setting[0]); },
        .status =
            [] {
              return R"({"loaded_at":"2026-01-01T00:00:00.000Z","reloads":0,"refused":0,"last_error":null,"restart_needed":[]})";
            }};
    deps.housekeeping = {
        .reload = [this](auto done) { done(reload_answer); },
        .snapshot =
            [](auto done) {
              done(
                  R"({"id":"s","gateway_id":"gw","made_at":"2026-01-01T00:00:00.000Z","position":0,"folder":"f","files":1,"bytes":1})");
            },
        .drop_snapshot =
            [](const std::string& id, auto done) {
              done(id == "s" ? Result<std::string>("{}") : fail(Code::not_found, "there is no such snapshot", id));
            }};
    deps.demo = {.name = "plant",
                 .state = [this] { return demo_state; },
                 .act = [this](std::string_view what) -> Result<> {
                   demo_done += what;
                   return {};
                 }};
    api = *api::Api::open(std::move(deps), options);
    port = *api->listen({});
  }
  ~Gateway() { clients_.clear(); }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  Client& client() { return *clients_.emplace_back(std::make_unique<Client>(world, guest, port)); }
  // Asks over a connection of its own; commits, as the committer would.
  Answer ask(const std::string& request) {
    auto& c = client();
    c.send(request);
    std::optional<Answer> got;
    world.run_until(
        [&] {
          static_cast<void>(log.commit());
          settle();
          return (got = take_answer(c.received, request.starts_with("HEAD"))).has_value() || c.closed;
        },
        200'000);
    EXPECT_TRUE(got) << request.substr(0, 200);
    return got.value_or(Answer{});
  }
  nlohmann::json get(const std::string& target, int status = 200) {
    const auto answer = ask(test::get(target));
    EXPECT_EQ(answer.status, status) << target << "\n" << answer.body;
    return nlohmann::json::parse(answer.body, nullptr, false);
  }
  void commit() {
    static_cast<void>(log.commit());
    settle();
  }
  void settle() {
    while (*act->step()) {
    }
  }

  std::string demo_state;  // empty: the demo has not said anything yet
  std::string demo_done;   // what was asked of it
  Result<std::string> reload_answer =
      R"({"changed":[],"pipelines":{"added":[],"changed":[],"removed":[]},"restart_needed":[]})";
  sim::World world{1};
  sim::Network network{world};
  sim::Host host{world, network};
  sim::Host guest{world, network};
  metrics::Registry metrics;
  MemoryLog log{world};
  std::unique_ptr<history::History> history;
  std::unique_ptr<act::Tracker> act;
  std::unique_ptr<twin::Twins> twins;
  std::unique_ptr<api::Api> api;
  std::uint16_t port = 0;

 private:
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace skerry::test
