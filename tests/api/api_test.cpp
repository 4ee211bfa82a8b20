// The routes, each with what it answers, and the description that says so.
#include "api/api.hpp"

#include <gtest/gtest.h>

#include <set>

#include "api/embedded.hpp"
#include "codec/formats.hpp"
#include "tests/api/gateway.hpp"
#include "tests/api/schema.hpp"

namespace skerry::api {
namespace {

using nlohmann::json;
using test::Gateway;
using test::get;
using test::post;

class ApiTest : public testing::Test {
 protected:
  Gateway g;
  const json document = json::parse(embedded::openapi().front().bytes);

  // The schema that the description gives for this answer.
  std::string described(const std::string& method, const std::string& path, const test::Answer& answer) {
    auto response = document["paths"][path][method]["responses"][std::to_string(answer.status)];
    if (response.is_null()) return "no such status is described: " + std::to_string(answer.status);
    const test::Schema schema(document);
    if (response.contains("$ref")) response = schema.resolve(response["$ref"]);
    auto type = answer.header("Content-Type");
    type = type.substr(0, type.find(';'));
    if (!response["content"].contains(type)) return "no such content is described: " + type;
    if (!type.ends_with("json")) return {};
    return schema.check(response["content"][type]["schema"], json::parse(answer.body));
  }
  void issue_alert() {
    static_cast<void>(g.log.put(
        "alerts/m1",
        R"({"alert_id":"A1","device_id":"m1","alert_type":"high_temperature","severity":"high","timestamp":"2026-01-01T00:00:00.000Z","message":"hot","rule":"r","data":{"temperature":81}})",
        record::Class::critical));
    g.commit();
  }
};

TEST_F(ApiTest, EveryRouteIsDescribedAndEveryDescriptionIsARoute) {
  std::set<std::string> routes;
  for (const auto& route : g.api->routes()) {
    if (route.pattern.starts_with("/api/") || route.pattern == "/healthz" || route.pattern == "/readyz" ||
        route.pattern == "/metrics") {
      routes.insert(route.method + " " + route.pattern);
    }
  }
  std::set<std::string> described;
  std::set<std::string> ids;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      std::string name = method;
      for (auto& c : name) c = static_cast<char>(std::toupper(c));
      described.insert(name + " " + path);
      EXPECT_TRUE(ids.insert(operation["operationId"]).second) << "an operationId twice";
    }
  }
  EXPECT_EQ(routes, described);
}

TEST_F(ApiTest, TwinsAreChangedReportedAndListed) {
  const auto change = [&](const std::string& body, const std::string& type = "application/json") {
    const auto answer = g.ask("PATCH /api/v1/twins/m1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + type +
                              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(described("patch", "/api/v1/twins/{id}", answer), "") << answer.body;
    return answer;
  };
  EXPECT_EQ(g.ask(get("/api/v1/twins/m1")).status, 404);
  EXPECT_EQ(change(R"({"desired":{"speed":5,"mode":"auto"}})").status, 200);
  EXPECT_EQ(change(R"({"desired":{"mode":null}})", "application/merge-patch+json").status, 200);
  const auto twin = json::parse(change(R"({"reported":{"speed":4}})").body);
  EXPECT_EQ(twin["desired"], json({{"speed", 5}}));
  EXPECT_EQ(twin["reported"], json({{"speed", 4}}));
  EXPECT_EQ(twin["delta"], json({{"speed", 5}}));
  EXPECT_EQ(change(R"({"desired":{},"reported":{}})").status, 400);
  EXPECT_EQ(change("{", "text/plain").status, 415);
  const auto one = g.ask(get("/api/v1/twins/m1"));
  EXPECT_EQ(described("get", "/api/v1/twins/{id}", one), "");
  EXPECT_EQ(json::parse(one.body), twin);
  const auto list = g.ask(get("/api/v1/twins?limit=1"));
  EXPECT_EQ(described("get", "/api/v1/twins", list), "") << list.body;
  EXPECT_EQ(json::parse(list.body)["items"].size(), 1U);
  EXPECT_EQ(g.get("/api/v1/twins?device=m1")["items"], json::array({twin}));
  EXPECT_EQ(g.get("/api/v1/twins?device=m2")["items"].size(), 0U);
  EXPECT_EQ(g.get("/api/v1/twins?conflicts=open")["items"].size(), 0U);
  const auto reversed = g.ask(post("/api/v1/twins/m1/conflicts/none/reverse", "{}"));
  EXPECT_EQ(described("post", "/api/v1/twins/{id}/conflicts/{conflict}/reverse", reversed), "") << reversed.body;
  EXPECT_EQ(reversed.status, 404);
}

TEST_F(ApiTest, AForgottenDeviceIsNotShownAndMayComeBack) {
  issue_alert();
  EXPECT_EQ(g.ask(post("/api/v1/readings", R"([{"device_id":"m1","n":1},{"device_id":"m2","n":2}])")).status, 201);
  EXPECT_EQ(g.get("/api/v1/alerts")["items"].size(), 1U);
  const auto forget = [&](const std::string& id) {
    const auto answer = g.ask("DELETE /api/v1/devices/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(described("delete", "/api/v1/devices/{id}", answer), "") << answer.body;
    return answer.status;
  };
  EXPECT_EQ(forget("none"), 404);
  EXPECT_EQ(forget("m1"), 200);
  EXPECT_EQ(forget("m1"), 404);
  EXPECT_EQ(g.get("/api/v1/devices")["items"].size(), 1U);
  EXPECT_EQ(g.get("/api/v1/readings")["items"].size(), 1U);
  EXPECT_EQ(g.get("/api/v1/alerts")["items"].size(), 0U);
  EXPECT_EQ(g.ask(get("/api/v1/alerts/A1")).status, 404);
  EXPECT_EQ(g.ask(post("/api/v1/readings", R"({"device_id":"m1","n":3})")).status, 201);
  EXPECT_EQ(g.get("/api/v1/readings?device=m1")["items"].size(), 1U);
}

TEST_F(ApiTest, AnswersAsDescribed) {
  issue_alert();
  static_cast<void>(g.log.put("sensors/raw/data", "\x01\x02"));
  static_cast<void>(g.log.put("devices/m1/status", R"({"battery":5})"));
  const auto readings =
      g.ask(post("/api/v1/readings",
                 R"([{"device_id":"m1","temperature":20.50},{"device_id":"m2","timestamp":"2126-01-01T00:00:00Z"}])"));
  EXPECT_EQ(readings.status, 201);
  EXPECT_EQ(described("post", "/api/v1/readings", readings), "");
  const auto command = g.ask(post("/api/v1/commands", R"({"device_id":"m1","command":"throttle","reason":"test"})"));
  EXPECT_EQ(command.status, 201) << command.body;
  EXPECT_EQ(described("post", "/api/v1/commands", command), "");
  const std::string id = json::parse(command.body)["command_id"];
  EXPECT_EQ(command.header("Location"), "/api/v1/commands/" + id);
  const std::pair<std::string, std::string> asked[] = {{"/healthz", "/healthz"},
                                                       {"/readyz", "/readyz"},
                                                       {"/metrics", "/metrics"},
                                                       {"/api/v1/openapi.json", "/api/v1/openapi.json"},
                                                       {"/api/v1/status", "/api/v1/status"},
                                                       {"/api/v1/devices", "/api/v1/devices"},
                                                       {"/api/v1/devices/m1", "/api/v1/devices/{id}"},
                                                       {"/api/v1/devices/raw", "/api/v1/devices/{id}"},
                                                       {"/api/v1/devices/none", "/api/v1/devices/{id}"},
                                                       {"/api/v1/readings", "/api/v1/readings"},
                                                       {"/api/v1/readings?limit=0", "/api/v1/readings"},
                                                       {"/api/v1/alerts", "/api/v1/alerts"},
                                                       {"/api/v1/alerts/A1", "/api/v1/alerts/{id}"},
                                                       {"/api/v1/alerts/none", "/api/v1/alerts/{id}"},
                                                       {"/api/v1/commands", "/api/v1/commands"},
                                                       {"/api/v1/commands/" + id, "/api/v1/commands/{id}"},
                                                       {"/api/v1/config", "/api/v1/config"},
                                                       {"/api/v1/config?x=1", "/api/v1/config"},
                                                       {"/api/v1/link", "/api/v1/link"},
                                                       {"/api/v1/link/devices", "/api/v1/link/devices"},
                                                       {"/api/v1/pipelines", "/api/v1/pipelines"}};
  EXPECT_EQ(described("post", "/api/v1/config/reload", g.ask(post("/api/v1/config/reload", ""))), "");
  g.reload_answer = fail(Code::invalid, "is wrong", "f:3");
  const auto refused = g.ask(post("/api/v1/config/reload", ""));
  EXPECT_EQ(described("post", "/api/v1/config/reload", refused), "");
  EXPECT_EQ(json::parse(refused.body)["detail"], "nothing was changed: f:3: is wrong");
  EXPECT_EQ(described("post", "/api/v1/backups", g.ask(post("/api/v1/backups", ""))), "");
  for (const char* id : {"s", "none"}) {
    const auto dropped = g.ask("DELETE /api/v1/backups/" + std::string(id) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(described("delete", "/api/v1/backups/{id}", dropped), "") << dropped.body;
  }
  for (const auto& [target, path] : asked) {
    const auto answer = g.ask(get(target));
    EXPECT_EQ(described("get", path, answer), "") << target << "\n" << answer.body;
  }
}

TEST_F(ApiTest, ADemoTellsWhatItHasSeenAndItsGatewayMayBeBroken) {
  EXPECT_EQ(described("get", "/api/v1/demo", g.ask(get("/api/v1/demo"))), "");
  EXPECT_EQ(g.ask(get("/api/v1/demo")).status, 503);
  g.demo_state =
      R"({"demo":"plant","seed":1,"speed":60.0,"devices":1,"began":"2026-01-01T00:00:00.000Z","sent":2,"acknowledged":1,"waiting":1,"stored":1,"commands":0,)"
      R"("gateway":{"up":true,"pid":7,"starts":1,"disk_full":false},"link":{"cut":true,"up":false,"live":3,"backlog":5},"timeline":{"from":"2026-01-01T00:00:00.000Z","step_s":1,"sent":[2],"acknowledged":[1],"stored":[1]},)"
      R"("outages":[{"kind":"killed","from":"2026-01-01T00:00:00.000Z","to":null,"seconds":0.5,"acknowledged_before":1,"acknowledged_meanwhile":0,"sent_meanwhile":1}],)"
      R"("faults":[{"device_id":"m","kind":"spike","from":"2026-01-01T00:00:00.000Z","to":"2026-01-01T00:00:01.000Z","found":null,"command":null}],"alerts_without_fault":0})";
  const auto state = g.ask(get("/api/v1/demo"));
  EXPECT_EQ(described("get", "/api/v1/demo", state), "");
  EXPECT_EQ(state.body, g.demo_state);
  for (const std::string what : {"kill", "fill", "release", "cut", "mend"}) {
    const auto answer = g.ask(post("/api/v1/demo/" + what, "{}"));
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(described("post", "/api/v1/demo/" + what, answer), "");
  }
  EXPECT_EQ(g.demo_done, "killfillreleasecutmend");
  const auto form = g.ask(post("/api/v1/demo/kill", "", "text/plain"));
  EXPECT_EQ(form.status, 415);
  EXPECT_EQ(described("post", "/api/v1/demo/kill", form), "");
  EXPECT_EQ(described("post", "/api/v1/demo/kill", g.ask(post("/api/v1/demo/kill?now=1", "{}"))), "");
  EXPECT_EQ(g.demo_done, "killfillreleasecutmend");
}

TEST_F(ApiTest, AlertsAreWorkedOnAndTheAnswerIsWhatQueriesGive) {
  issue_alert();
  const auto done = g.ask(post("/api/v1/alerts/A1/acknowledge", R"({"by":"Mia","comment":"seen"})"));
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(described("post", "/api/v1/alerts/{id}/acknowledge", done), "");
  EXPECT_EQ(json::parse(done.body), g.get("/api/v1/alerts/A1"));
  EXPECT_EQ(json::parse(done.body)["changes"][0]["by"], "Mia");
  EXPECT_EQ(g.get("/api/v1/alerts?state=acknowledged")["items"].size(), 1U);
  EXPECT_EQ(g.get("/api/v1/alerts?state=active")["items"].size(), 0U);
  EXPECT_EQ(g.get("/api/v1/alerts?state=odd", 400)["detail"], "state: must be active, acknowledged or cleared");
  const auto all = g.ask(post("/api/v1/alerts/changes", R"({"action":"clear","alert_ids":["A1"]})"));
  EXPECT_EQ(described("post", "/api/v1/alerts/changes", all), "");
  EXPECT_EQ(json::parse(all.body)["items"][0]["state"], "cleared");
  const auto late = g.ask(post("/api/v1/alerts/A1/acknowledge", "{}"));
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(described("post", "/api/v1/alerts/{id}/acknowledge", late), "");
  EXPECT_EQ(g.ask(post("/api/v1/alerts/none/clear", "{}")).status, 404);
  EXPECT_EQ(g.ask(post("/api/v1/alerts/A1/comment", "{}")).status, 400);
}

TEST_F(ApiTest, WhatPeopleSayOfADeviceIsKeptAndShown) {
  const auto put = [this](const std::string& body) {
    return g.ask(
        "PUT /api/v1/devices/m1/meta HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const auto early = put(R"({"name":"Pump 1","units":{"temperature":"K"}})");
  EXPECT_EQ(early.status, 200) << early.body;
  EXPECT_EQ(described("put", "/api/v1/devices/{id}/meta", early), "");
  g.get("/api/v1/devices/m1", 404);
  EXPECT_EQ(g.ask(post("/api/v1/readings", R"({"device_id":"m1","temperature":20})")).status, 201);
  EXPECT_EQ(g.get("/api/v1/devices/m1")["meta"],
            json::parse(R"({"name":"Pump 1","place":"","units":{"temperature":"K"}})"));
  EXPECT_EQ(put(R"({"place":"hall 2"})").status, 200);
  EXPECT_EQ(g.get("/api/v1/devices")["items"][0]["meta"], json::parse(R"({"name":"","place":"hall 2","units":{}})"));
  EXPECT_EQ(json::parse(put(R"({"colour":"red"})").body)["field"], "colour");
  EXPECT_EQ(json::parse(put(R"({"units":{"t":5}})").body)["field"], "units.t");
}

TEST_F(ApiTest, AFieldOverTimeInSteps) {
  EXPECT_EQ(g.ask(post("/api/v1/readings", R"([
      {"device_id":"m1","timestamp":"2026-01-01T00:00:00Z","v":1},{"device_id":"m1","timestamp":"2026-01-01T00:00:05Z","v":3},
      {"device_id":"m1","timestamp":"2026-01-01T00:00:10Z","v":"high"},{"device_id":"m1","timestamp":"2026-01-01T00:00:29Z","v":7}])"))
                .status,
            201);
  const std::string target = "/api/v1/series?device=m1&field=v&from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:30Z";
  const auto answer = g.ask(get(target + "&points=3"));
  EXPECT_EQ(described("get", "/api/v1/series", answer), "") << answer.body;
  EXPECT_EQ(json::parse(answer.body), json::parse(R"({"device_id":"m1","field":"v","step_ms":10000,
      "items":[[1767225600000,2,1,3,2],[1767225620000,1,7,7,7]]})"));
  EXPECT_EQ(g.get(target + "&points=0", 400)["detail"], "points: must be a number from 1 to 4000");
  g.get("/api/v1/series?device=m1&field=v&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400);
  g.get("/api/v1/series?device=m1&from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z", 400);
}

TEST_F(ApiTest, AReadingIsThereAsItWasSentOnceItIsAcknowledged) {
  const std::string sent =
      "{\"device_id\":\"m1\", \"timestamp\": \"2026-01-01T00:02:03.5+01:00\",\n \"temperature\": 20.50, \"note\": "
      "\"\\u00e9\"}";
  const auto answer = g.ask(post("/api/v1/readings", sent));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(g.log.last_urgency, log::Urgency::now);
  const auto list = g.ask(get("/api/v1/readings?device=m1"));
  EXPECT_NE(list.body.find("\"data\":" + sent + "}"), std::string::npos) << list.body;
  const auto item = json::parse(list.body)["items"][0];
  EXPECT_EQ(item["timestamp"], "2025-12-31T23:02:03.500Z");
  EXPECT_EQ(item["offset"], json::parse(answer.body)["items"][0]["offset"]);
  EXPECT_EQ(g.get("/api/v1/devices/m1")["data"]["temperature"], 20.5);
}

TEST_F(ApiTest, AnswersOnlyAfterTheCommit) {
  auto& c = g.client();
  c.send(post("/api/v1/readings", R"({"device_id":"m1"})"));
  g.world.run_for(std::chrono::seconds{2});
  EXPECT_EQ(g.log.end().value, 1U);
  EXPECT_TRUE(c.received.empty());
  EXPECT_EQ(g.history->readings({})->items.size(), 0U);
  g.commit();
  EXPECT_EQ(c.answer()->status, 201);
}

// What a device packs is JSON from here on: rules and queries see its fields.
TEST_F(ApiTest, TakesMessagePackCborAndCustomBinary) {
  const std::string object = R"({"device_id":"m1","timestamp":1767225600000,"temperature":21.5,"humidity":40})";
  std::size_t taken = 0;
  for (const auto& [type, format] :
       {std::pair{"application/msgpack", codec::MessageFormat::msgpack},
        std::pair{"application/cbor", codec::MessageFormat::cbor},
        std::pair{"application/vnd.skerry.custom-binary", codec::MessageFormat::custom_binary}}) {
    const auto packed = codec::from_json(object, format);
    ASSERT_TRUE(packed);
    EXPECT_EQ(g.ask(post("/api/v1/readings", std::string(as_text(*packed)), type)).status, 201) << type;
    const auto chunk = g.log.read(record::Position{taken++}, {});
    ASSERT_TRUE(chunk && chunk->records().size() == 1) << type;
    EXPECT_EQ(as_text(chunk->records()[0].payload), object) << type;
  }
  const auto bad = g.ask(post("/api/v1/readings", "\xc1", "application/msgpack"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_TRUE(bad.body.contains("msgpack: byte 1: the byte c1")) << bad.body;
  EXPECT_EQ(g.log.end().value, taken);
}

TEST_F(ApiTest, TakesAllOrNothingInOneAppend) {
  std::string body;
  for (int i = 0; i < 500; ++i)
    body += "{\"device_id\":\"d" + std::to_string(i % 7) + "\",\"i\":" + std::to_string(i) + "}\n";
  const auto good = g.ask(post("/api/v1/readings", body, "application/x-ndjson"));
  EXPECT_EQ(good.status, 201);
  EXPECT_EQ(json::parse(good.body)["accepted"], 500);
  EXPECT_EQ(json::parse(good.body)["items"].size(), 500U);
  EXPECT_EQ(g.log.appends, 1);
  const auto bad = g.ask(post("/api/v1/readings", body + "{\"device_id\":1}\n", "application/x-ndjson"));
  EXPECT_EQ(bad.status, 400);
  const auto problem = json::parse(bad.body);
  EXPECT_EQ(problem["index"], 500);
  EXPECT_EQ(problem["field"], "device_id");
  EXPECT_EQ(bad.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(g.log.appends, 1);
  EXPECT_EQ(g.log.end().value, 500U);
}

TEST_F(ApiTest, PushesBackAndSaysWhenItCannotAcknowledge) {
  g.log.busy = true;
  const auto busy = g.ask(post("/api/v1/readings", R"({"device_id":"a"})"));
  EXPECT_EQ(busy.status, 503);
  EXPECT_FALSE(busy.header("Retry-After").empty());
  g.log.busy = false;
  auto& waits = g.client();
  waits.send(post("/api/v1/readings", R"({"device_id":"a"})"));
  g.world.run_until([&] { return g.log.end().value == 1; });
  g.log.failed = true;
  EXPECT_EQ(waits.answer()->status, 503) << "what waits for a commit that failed is not acknowledged";
  EXPECT_EQ(g.ask(post("/api/v1/readings", R"({"device_id":"a"})")).status, 503);
  EXPECT_EQ(g.ask(get("/readyz")).status, 503);
  EXPECT_EQ(g.ask(get("/healthz")).status, 200);
  EXPECT_EQ(g.get("/api/v1/status")["ready"], false);
}

TEST_F(ApiTest, RefusesWhatIsWrongWithARequest) {
  const std::pair<std::string, int> requests[] = {
      {get("/api/v1/readings?limit=abc"), 400},
      {get("/api/v1/readings?limit=10001"), 400},
      {get("/api/v1/readings?limit=-1"), 400},
      {get("/api/v1/readings?from=yesterday"), 400},
      {get("/api/v1/readings?to=1e999"), 400},
      {get("/api/v1/readings?order=up"), 400},
      {get("/api/v1/readings?cursor=zzz"), 400},
      {get("/api/v1/readings?devices=a"), 400},
      {get("/api/v1/readings?device=a%2Fb"), 400},
      {get("/api/v1/readings?device="), 400},
      {get("/api/v1/readings?device=a&device=b"), 400},
      {get("/api/v1/devices?cursor=zzz"), 400},
      {get("/api/v1/alerts?limit=1001"), 400},
      {get("/api/v1/alerts?cursor=zzz"), 400},
      {get("/api/v1/status?x=1"), 400},
      {get("/api/v1/events?types=all"), 400},
      {get("/api/v1/events", "Last-Event-ID: x\r\n"), 400},
      {post("/api/v1/readings", R"({"device_id":"a"})", "text/plain"), 415},
      {post("/api/v1/readings", R"({"device_id":"a"})", "application/x-www-form-urlencoded"), 415},
      {post("/api/v1/readings?x=1", R"({"device_id":"a"})"), 400},
      {post("/api/v1/readings", R"({"device_id":"a"})", "application/json", "Origin: http://evil.example\r\n"), 403},
      {post("/api/v1/commands", R"({"device_id":"a"})"), 400},
      {post("/api/v1/commands", R"({"device_id":"a","command":"x","ttl_s":-1})"), 400},
      {post("/api/v1/commands", R"({"device_id":"a","command":"x","typo":1})"), 400},
      {post("/api/v1/commands", "[]"), 400},
      {post("/api/v1/commands", "{}", "application/x-ndjson"), 415},
      {"DELETE /api/v1/readings HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
      {"POST /api/v1/readings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
       "10485760\r\n\r\n",
       413},
      {get("/api/v1/nothing"), 404}};
  for (const auto& [request, status] : requests) {
    const auto answer = g.ask(request);
    EXPECT_EQ(answer.status, status) << request << "\n" << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json") << request;
    const auto problem = json::parse(answer.body, nullptr, false);
    EXPECT_EQ(problem["status"], status);
    EXPECT_FALSE(problem["detail"].get<std::string>().empty());
  }
  EXPECT_EQ(g.log.end().value, 0U);
}

TEST_F(ApiTest, PagesThroughReadingsInBothOrders) {
  for (int i = 0; i < 95; ++i)
    static_cast<void>(g.log.put(
        "sensors/a/data", "{\"timestamp\":" + std::to_string(1000 + i / 3) + ",\"i\":" + std::to_string(i) + "}"));
  g.commit();
  for (const std::string order : {"asc", "desc"}) {
    std::vector<int> seen;
    json next;
    do {
      std::string target = "/api/v1/readings?device=a&limit=10&order=" + order;
      if (next.is_string()) target += "&cursor=" + next.get<std::string>();
      const auto page = g.get(target);
      for (const auto& item : page["items"]) seen.push_back(item["data"]["i"]);
      next = page["next"];
    } while (!next.is_null());
    ASSERT_EQ(seen.size(), 95U);
    for (int i = 0; i < 95; ++i) ASSERT_EQ(seen[static_cast<std::size_t>(i)], order == "asc" ? i : 94 - i);
  }
  EXPECT_EQ(g.get("/api/v1/readings?from=1970-01-01T00:16:40Z&to=1970-01-01T00:16:41Z")["items"].size(), 3U);
  EXPECT_EQ(g.get("/api/v1/readings?from=1970-01-01T01:16:40+01:00&to=1001")["items"].size(), 3U);
}

TEST_F(ApiTest, CountsTheRate) {
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 20; ++i) static_cast<void>(g.log.put("sensors/a/data", "{}"));
    g.commit();
    while (*g.history->step()) {
    }
    g.world.run_for(std::chrono::seconds{1});
  }
  const auto status = g.get("/api/v1/status");
  EXPECT_NEAR(status["messages_per_second"].get<double>(), 20, 1);
  EXPECT_EQ(status["messages_total"], 200);
  EXPECT_EQ(status["ports"]["mqtt"], 1883);
}

TEST_F(ApiTest, GivesAPage) {
  const auto page = g.ask(get("/"));
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(page.body.find("Skerry"), std::string::npos);
}

}  // namespace
}  // namespace skerry::api
