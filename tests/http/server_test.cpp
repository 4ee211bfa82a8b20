// The server as a client sees it: order, keep-alive, guards, later answers, files, streams, timeouts.
#include <gtest/gtest.h>

#include <optional>

#include "http/gzip.hpp"
#include "http/http.hpp"
#include "tests/http/client.hpp"

namespace skerry::http {
namespace {

using test::Answer;
using test::Client;
using test::get;
using test::post;

class Http : public testing::Test {
 protected:
  explicit Http(const Options& options = {}) { start(options); }
  ~Http() override { clients_.clear(); }

  void start(const Options& options) {
    server = Server::make(host, metrics, options);
    server->route("GET", "/hello", [](const Request&, Responder r) { r.respond(json(R"({"hello":1})")); });
    server->route("POST", "/echo", [](const Request& q, Responder r) { r.respond(json(std::string(q.body))); });
    server->route("GET", "/things/{id}",
                  [](const Request& q, Responder r) { r.respond(json(std::string(q.segment("id")))); });
    server->route("GET", "/things/new", [](const Request&, Responder r) { r.respond(json("new")); });
    server->route("GET", "/big", [](const Request&, Responder r) { r.respond(json(std::string(100'000, 'x'))); });
    server->route("GET", "/query", [](const Request& q, Responder r) {
      const auto got = q.parameter("p");
      r.respond(got ? json(got->value_or("none")) : problem(got.error()));
    });
    server->route("GET", "/later", [this](const Request&, Responder r) { later.emplace(std::move(r)); });
    server->route("GET", "/never", [](const Request&, Responder) {});
    server->route("GET", "/stream", [this](const Request&, Responder r) {
      stream = r.stream("text/event-stream", [this] { ++streams_closed; });
    });
    port = *server->listen({});
  }
  Client& client() { return *clients_.emplace_back(std::make_unique<Client>(world, guest, port)); }
  std::uint64_t counted(int code) {
    return metrics.counter("skerry_http_requests_total", "", {{"code", std::to_string(code)}}).value();
  }

  sim::World world{1};
  sim::Network network{world};
  sim::Host host{world, network};
  sim::Host guest{world, network};
  metrics::Registry metrics;
  std::optional<Responder> later;
  std::shared_ptr<Stream> stream;
  int streams_closed = 0;
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;

 private:
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(Http, AnswersAndKeepsTheConnection) {
  auto& c = client();
  for (int i = 0; i < 3; ++i) {
    const auto a = c.ask(get("/hello"));
    ASSERT_TRUE(a);
    EXPECT_EQ(a->status, 200);
    EXPECT_EQ(a->body, R"({"hello":1})");
    EXPECT_EQ(a->header("Content-Type"), "application/json");
    EXPECT_EQ(a->header("Cache-Control"), "no-store");
    EXPECT_EQ(a->header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(a->header("Date"), "Thu, 01 Jan 2026 00:00:00 GMT");
  }
  EXPECT_EQ(counted(200), 3U);
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(Http, AnswersPipelinedRequestsInOrderAlsoWhenOneTakesLonger) {
  auto& c = client();
  c.send(get("/later") + get("/hello") + get("/things/3"));
  world.run_until([&] { return later.has_value(); });
  world.run_for(std::chrono::milliseconds{100});
  EXPECT_TRUE(c.received.empty());
  later->respond(json("first"));
  EXPECT_EQ(c.answer()->body, "first");
  EXPECT_EQ(c.answer()->body, R"({"hello":1})");
  EXPECT_EQ(c.answer()->body, "3");
}

TEST_F(Http, AnswersManyPipelinedRequestsWithoutLosingOne) {
  auto& c = client();
  std::string all;
  for (int i = 0; i < 2'000; ++i) all += get("/things/" + std::to_string(i));
  c.send(all);
  for (int i = 0; i < 2'000; ++i) {
    const auto a = c.answer();
    ASSERT_TRUE(a) << i;
    ASSERT_EQ(a->body, std::to_string(i));
  }
}

TEST_F(Http, KeepsNothingForAClientThatLeft) {
  auto& c = client();
  c.send(get("/later"));
  world.run_until([&] { return later.has_value(); });
  c.connection.reset();
  world.run_until([&] { return server->connections() == 0; });
  later->respond(json("too late"));
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(Http, AnswersForAHandlerThatForgot) { EXPECT_EQ(client().ask(get("/never"))->status, 500); }

TEST_F(Http, ClosesWhenAsked) {
  auto& c = client();
  const auto a = c.ask(get("/hello", "Connection: close\r\n"));
  EXPECT_EQ(a->header("Connection"), "close");
  EXPECT_TRUE(c.run_until_closed());
  auto& old = client();
  EXPECT_EQ(old.ask("GET /hello HTTP/1.0\r\n\r\n")->status, 200);
  EXPECT_TRUE(old.run_until_closed());
}

TEST_F(Http, KnowsMethods) {
  auto& c = client();
  const auto head = c.ask("HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->header("Content-Length"), "11");
  const auto options = c.ask("OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(options->status, 204);
  EXPECT_EQ(options->header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(c.ask("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n")->status, 204);
  const auto wrong = c.ask("DELETE /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(wrong->header("Content-Type"), "application/problem+json");
  EXPECT_EQ(c.ask(get("/nowhere"))->status, 404);
}

TEST_F(Http, ReadsPathsAndQueries) {
  auto& c = client();
  EXPECT_EQ(c.ask(get("/things/new"))->body, "new");
  EXPECT_EQ(c.ask(get("/things/a%2Fb%20c"))->body, "a/b c");
  EXPECT_EQ(c.ask(get("/things/%zz"))->status, 400);
  EXPECT_EQ(c.ask(get("/things/%00"))->status, 400);
  EXPECT_EQ(c.ask(get("/things/"))->status, 404);
  EXPECT_EQ(c.ask(get("/query?p=a+b%26&q=1"))->body, "a b&");
  EXPECT_EQ(c.ask(get("/query"))->body, "none");
  EXPECT_EQ(c.ask(get("/query?p=1&p=2"))->status, 400);
  EXPECT_EQ(c.ask(get("/query?p=%"))->status, 400);
  EXPECT_EQ(c.ask(get("http://localhost:1/hello"))->status, 200);
  EXPECT_EQ(c.ask(get("hello"))->status, 400);
}

TEST_F(Http, RefusesOtherNamesOnLoopback) {
  auto& c = client();
  for (const auto* good : {"localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"}) {
    EXPECT_EQ(c.ask("GET /hello HTTP/1.1\r\nHost: " + std::string(good) + "\r\n\r\n")->status, 200) << good;
  }
  for (const auto* bad : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil@localhost", "[::1",
                          "192.168.0.2", ""}) {
    EXPECT_EQ(c.ask("GET /hello HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n")->status, 421) << bad;
  }
  EXPECT_EQ(c.ask(get("http://evil.example/hello"))->status, 421);
}

TEST_F(Http, RefusesChangesFromOtherOrigins) {
  auto& c = client();
  EXPECT_EQ(c.ask(post("/echo", "1", "text/plain", "Origin: http://localhost\r\n"))->status, 200);
  EXPECT_EQ(c.ask(post("/echo", "1", "text/plain", "Origin: http://evil.example\r\n"))->status, 403);
  EXPECT_EQ(c.ask(post("/echo", "1", "text/plain", "Origin: null\r\n"))->status, 403);
  EXPECT_EQ(c.ask(get("/hello", "Origin: http://evil.example\r\n"))->status, 200)
      << "it cannot read the answer without CORS";
}

TEST_F(Http, AnswersWhatIsMalformedAndClosesInsteadOfGuessing) {
  auto& c = client();
  const auto a = c.ask(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET "
      "/hello HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 400);
  EXPECT_EQ(a->header("Content-Type"), "application/problem+json");
  EXPECT_EQ(a->header("Connection"), "close");
  EXPECT_TRUE(c.run_until_closed());
  EXPECT_TRUE(c.received.empty());
  EXPECT_EQ(counted(400), 1U);
}

TEST_F(Http, LetsTheAnswerArriveBeforeALongBodyIsCut) {
  auto& c = client();
  c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485760\r\n\r\n");
  c.send(std::string(10 * MiB, 'x'));
  const auto a = c.answer();
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 413);
  EXPECT_TRUE(c.run_until_closed());
}

TEST_F(Http, PacksAndUnpacks) {
  auto& c = client();
  const auto big = c.ask(get("/big", "Accept-Encoding: br;q=1.0, gzip;q=0.5\r\n"));
  EXPECT_EQ(big->header("Content-Encoding"), "gzip");
  EXPECT_LT(big->body.size(), 1'000U);
  EXPECT_EQ(gunzip(big->body, 1 * MiB)->size(), 100'000U);
  EXPECT_EQ(c.ask(get("/big", "Accept-Encoding: gzip;q=0\r\n"))->body.size(), 100'000U);
  EXPECT_EQ(c.ask(post("/echo", gzip("hello"), "text/plain", "Content-Encoding: gzip\r\n"))->body, "hello");
  EXPECT_EQ(c.ask(post("/echo", "no gzip", "text/plain", "Content-Encoding: gzip\r\n"))->status, 400);
  EXPECT_EQ(c.ask(post("/echo", gzip(std::string(50 * MiB, '0')), "text/plain", "Content-Encoding: gzip\r\n"))->status,
            413);
  EXPECT_EQ(c.ask(post("/echo", "x", "text/plain", "Content-Encoding: br\r\n"))->status, 415);
}

TEST_F(Http, GivesFiles) {
  const auto index = gzip("<!doctype html><title>x</title>");
  const auto script = gzip("let a = 1");
  const Asset assets[] = {{"/", "text/html; charset=utf-8", index, false},
                          {"/assets/a-1.js", "text/javascript", script, true}};
  server->assets(assets);
  auto& c = client();
  const auto page = c.ask(get("/"));
  EXPECT_EQ(page->body, "<!doctype html><title>x</title>");
  EXPECT_EQ(page->header("Cache-Control"), "no-cache");
  EXPECT_NE(page->header("Content-Security-Policy").find("default-src 'self'"), std::string::npos);
  EXPECT_EQ(c.ask(get("/", "If-None-Match: " + page->header("ETag") + "\r\n"))->status, 304);
  const auto packed = c.ask(get("/assets/a-1.js", "Accept-Encoding: gzip\r\n"));
  EXPECT_EQ(packed->body, script);
  EXPECT_EQ(packed->header("Cache-Control"), "public, max-age=31536000, immutable");
}

TEST_F(Http, StreamsUntilTheClientLeaves) {
  auto& c = client();
  c.send(get("/stream"));
  EXPECT_EQ(c.answer()->header("Content-Type"), "text/event-stream");
  ASSERT_TRUE(stream);
  EXPECT_TRUE(stream->send("data: 1\n\n"));
  world.run_until([&] { return c.received == "data: 1\n\n"; });
  c.received.clear();
  world.run_for(std::chrono::seconds{16});
  EXPECT_EQ(c.received, ":\n\n") << "a comment keeps it open";
  c.connection.reset();
  world.run_until([&] { return streams_closed == 1; });
  EXPECT_FALSE(stream->open());
  EXPECT_FALSE(stream->send("x"));
  EXPECT_EQ(metrics.gauge("skerry_http_streams", "").value(), 0);
}

TEST_F(Http, DropsAStreamWhoseClientDoesNotRead) {
  auto& c = client();
  c.send(get("/stream"));
  ASSERT_TRUE(c.answer());
  c.connection->read_more(false);
  const std::string piece(64 * KiB, 'x');
  int sent = 0;
  while (stream->send(piece) && sent < 1'000) ++sent;
  EXPECT_LT(sent, 1'000);
  EXPECT_EQ(streams_closed, 1);
  EXPECT_EQ(metrics.counter("skerry_http_streams_dropped_total", "").value(), 1U);
}

TEST_F(Http, ClosesIdleAndSlowConnections) {
  auto& idle = client();
  auto& slow = client();
  auto& used = client();
  slow.send("GET /hello HTTP/1.1\r\nHo");
  world.run_for(std::chrono::seconds{33});
  EXPECT_EQ(slow.answer()->status, 408);
  world.run_for(std::chrono::seconds{3});
  EXPECT_TRUE(slow.closed);
  EXPECT_FALSE(idle.closed);
  EXPECT_EQ(used.ask(get("/hello"))->status, 200);
  world.run_for(std::chrono::seconds{50});
  EXPECT_TRUE(idle.closed);
  EXPECT_FALSE(used.closed);
}

class FewConnections : public Http {
 protected:
  FewConnections() : Http({.connections_max = 2}) {}
};

TEST_F(FewConnections, RefusesMoreThanItsLimit) {
  auto& a = client();
  auto& b = client();
  EXPECT_EQ(a.ask(get("/hello"))->status, 200);
  EXPECT_EQ(b.ask(get("/hello"))->status, 200);
  EXPECT_EQ(client().answer()->status, 503);
  EXPECT_EQ(metrics.counter("skerry_http_connections_refused_total", "").value(), 1U);
}

}  // namespace
}  // namespace skerry::http
