// Sensors as resources, and topics as resources.
#include "api/coap.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "api/coap_readings.hpp"
#include "api/limits.hpp"
#include "api/waiting.hpp"
#include "base/logger.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

constexpr std::string_view sensors = "sensors";
constexpr std::string_view sensor_prefix = "sensors/";
constexpr std::string_view topic_prefix = "ps/";
constexpr std::size_t devices_per_page = 1000;
constexpr std::size_t listed_at_start_max = 10'000;
constexpr std::size_t list_bytes_max = coap_list_bytes_max;

coap::Response not_allowed() { return coap::problem(403, "the policy does not allow it"); }

bool may_publish(const coap::Request& request, std::string_view topic) {
  if (request.speaker == nullptr) return true;
  if (!request.speaker->may_publish(topic)) return false;
  request.speaker->published(topic, request.body.size());
  return true;
}
bool may_subscribe(const coap::Request& request, std::string_view filter) {
  return request.speaker == nullptr || request.speaker->may_subscribe(filter);
}
std::string topic_of(std::string_view device) { return "sensors/" + std::string(device) + "/data"; }

class CoapPaths final : public CoapApi {
 public:
  explicit CoapPaths(CoapDeps deps)
      : deps_(std::move(deps)),
        waiting_(deps_.loop, deps_.log),
        taken_(deps_.metrics.counter("skerry_coap_readings_total", "Readings taken by CoAP POST.")),
        repeated_(deps_.metrics.counter("skerry_coap_repetitions_total",
                                        "Confirmable requests that came again and were taken once.")),
        refused_(deps_.metrics.counter("skerry_coap_bodies_refused_total",
                                       "POSTed bodies refused because something in them was wrong.")) {}
  ~CoapPaths() override { *alive_ = false; }
  CoapPaths(const CoapPaths&) = delete;
  CoapPaths& operator=(const CoapPaths&) = delete;

  Result<> start();
  Result<std::uint16_t> listen(const Address& address) override { return server_->listen(address); }
  Result<std::uint16_t> listen_secure(const Address& address, coap::SecureOptions options) override {
    return server_->listen_secure(address, std::move(options));
  }
  void reload(std::string_view chain_pem, std::string_view key_pem) override {
    if (const auto done = server_->reload(chain_pem, key_pem); !done)
      logger::error("coap", "the server's new certificate cannot be used", {{"why", done.error().text()}});
  }
  void recheck() override { server_->recheck(); }
  void call(const std::string& id, const coap::Call& call) override {
    deps_.loop.post([this, alive = std::weak_ptr(alive_), id, call] {
      if (alive.expired()) return;
      server_->call(call, [this, id](coap::Outcome outcome) { deps_.actions.ended(id, outcome); });
    });
  }

 private:
  struct Heard {  // the newest message of an observed topic
    std::string payload;
    bool known = false;
  };

  void list_devices();
  void get_all(const coap::Request& request, coap::Responder responder);
  void get_one(const coap::Request& request, coap::Responder responder);
  void get_topic(const coap::Request& request, coap::Responder responder);
  void post_reading(const coap::Request& request, coap::Responder responder);
  void publish(const coap::Request& request, coap::Responder responder);
  // Appends once, whatever comes again, and answers `then` when it is on disk.
  void take(const coap::Request& request, std::string topic, Bytes payload, bool retain, coap::Response then,
            coap::Responder responder);
  void observe(const coap::Request& request);
  void follow();

  CoapDeps deps_;
  Waiting waiting_;
  metrics::Counter& taken_;
  metrics::Counter& repeated_;
  metrics::Counter& refused_;
  std::unique_ptr<coap::Server> server_;
  std::unordered_map<std::string, Heard> observed_;  // by path
  log::Position followed_;                           // what observers have been told of
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<bool> follows_{false};
  std::atomic<bool> posted_{false};
  std::shared_ptr<void> subscription_;  // last: it goes first
};

Result<> CoapPaths::start() {
  server_ = TRY(
      coap::Server::make(deps_.loop, deps_.metrics, [this](std::chrono::milliseconds max) { waiting_.settle(max); }));
  using coap::Method;
  const auto on = [this](auto member) {
    return [this, member](const coap::Request& q, coap::Responder r) { (this->*member)(q, std::move(r)); };
  };
  server_->route(Method::get, std::string(sensors), on(&CoapPaths::get_all));
  server_->route(Method::post, std::string(sensors), on(&CoapPaths::post_reading));
  server_->route_below(Method::get, std::string(sensor_prefix), on(&CoapPaths::get_one));
  server_->route_below(Method::get, std::string(topic_prefix), on(&CoapPaths::get_topic));
  server_->route_below(Method::put, std::string(topic_prefix), on(&CoapPaths::publish));
  server_->route_below(Method::post, std::string(topic_prefix), on(&CoapPaths::publish));
  server_->offer(sensors, "sensors");
  server_->offered_below(std::string(sensor_prefix), [this](std::string_view path) -> std::optional<std::string> {
    if (!deps_.history.device(path.substr(sensor_prefix.size()))) return {};
    return "sensor";
  });
  server_->offered_below(std::string(topic_prefix), [](std::string_view path) -> std::optional<std::string> {
    if (!record::check_topic(path.substr(topic_prefix.size()))) return {};
    return "topic";
  });
  list_devices();
  subscription_ = deps_.log.on_commit([this] {
    if (!follows_.load(std::memory_order_seq_cst) || posted_.exchange(true)) return;
    deps_.loop.post([this, alive = std::weak_ptr(alive_)] {
      if (alive.expired()) return;
      posted_ = false;
      follow();
    });
  });
  return {};
}

void CoapPaths::list_devices() {
  std::string cursor;
  for (std::size_t listed = 0; listed < listed_at_start_max;) {
    const auto page = deps_.history.devices(devices_per_page, cursor);
    if (!page) return;
    for (const auto& device : page->items) server_->offer(std::string(sensor_prefix) + device.id, "sensor");
    listed += page->items.size();
    if (!page->next) return;
    cursor = *page->next;
  }
}

// ---- reading ----

void CoapPaths::get_all(const coap::Request& request, coap::Responder responder) {
  if (!may_subscribe(request, topic_of("+"))) return responder.respond(not_allowed());
  std::string text = "[";
  std::string cursor;
  std::size_t left = devices_per_page * 100;
  if (const auto limit = request.parameter("limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), left);
    if (error != std::errc{} || end != limit->data() + limit->size() || left == 0)
      return responder.respond(coap::problem(400, "limit must be a whole number from 1 on"));
  }
  while (left > 0) {
    const auto page = deps_.history.devices(std::min(left, devices_per_page), cursor);
    if (!page) return responder.respond(coap::problem(page.error()));
    for (const auto& device : page->items) {
      if (!device.last) continue;
      if (text.size() > 1) text += ',';
      append_coap_reading(text, *device.last);
      if (text.size() > list_bytes_max)
        return responder.respond(coap::problem(413, "the list is longer than 1 MiB; ask for fewer with ?limit="));
    }
    left -= std::min(left, page->items.size());
    if (!page->next) break;
    cursor = *page->next;
  }
  text += ']';
  observe(request);
  responder.respond(coap::json(std::move(text)));
}

void CoapPaths::get_one(const coap::Request& request, coap::Responder responder) {
  const auto id = request.path.substr(sensor_prefix.size());
  if (!may_subscribe(request, topic_of(id))) return responder.respond(not_allowed());
  const auto device = deps_.history.device(id);
  if (!device || !device->last)
    return responder.respond(coap::problem(404, "no reading of a device called " + std::string(id)));
  std::string text;
  append_coap_reading(text, *device->last);
  observe(request);
  responder.respond(coap::json(std::move(text)));
}

coap::Response message(std::string payload) {
  const bool is_json = codec::is_json(as_bytes(payload));
  return {205, is_json ? coap::Format::json : coap::Format::octets, std::move(payload), {}};
}

// The newest message of an observed topic, else the retained one.
void CoapPaths::get_topic(const coap::Request& request, coap::Responder responder) {
  const std::string topic(request.path.substr(topic_prefix.size()));
  if (const auto ok = record::check_topic(topic); !ok) return responder.respond(coap::problem(400, ok.error().text()));
  if (!may_subscribe(request, topic)) return responder.respond(not_allowed());
  const auto heard = observed_.find(std::string(request.path));
  if (heard != observed_.end() && heard->second.known) return responder.respond(message(heard->second.payload));
  observe(request);
  const auto at = deps_.retained(topic);
  const auto chunk = at ? deps_.log.read(*at, {.committed_only = true, .bytes_max = 1}) : Result<log::Chunk>{};
  if (at && chunk && !chunk->empty() && chunk->records().front().position == *at)
    return responder.respond(message(std::string(as_text(chunk->records().front().payload))));
  // Who observes a topic waits for what is to come.
  responder.respond(request.observe ? coap::Response{205, coap::Format::octets, {}, {}}
                                    : coap::problem(404, "no message is retained on this topic"));
}

// ---- observing: the log is followed only while somebody does ----

void CoapPaths::observe(const coap::Request& request) {
  if (!request.observe || observed_.contains(std::string(request.path))) return;
  if (observed_.empty()) {
    followed_ = deps_.log.committed_end();
    follows_.store(true, std::memory_order_seq_cst);
  }
  observed_.emplace(request.path, Heard{});
}

void CoapPaths::follow() {
  std::vector<std::string> changed;
  while (!observed_.empty()) {
    const auto chunk = deps_.log.read(followed_, {.committed_only = true});
    if (!chunk || chunk->empty()) break;
    for (const auto& r : chunk->records()) {
      if (r.kind != record::Kind::message) continue;
      if (const auto topic = observed_.find(std::string(topic_prefix) + std::string(r.topic));
          topic != observed_.end()) {
        topic->second = {std::string(as_text(r.payload)), true};
        changed.push_back(topic->first);
      }
      if (!record::matches("sensors/+/data", r.topic)) continue;
      const auto one = std::string(sensor_prefix) + std::string(record::device_of(r.topic));
      if (observed_.contains(one)) changed.push_back(one);
      if (observed_.contains(std::string(sensors))) changed.emplace_back(sensors);
    }
    followed_ = chunk->next();
  }
  std::ranges::sort(changed);
  const auto [first, last] = std::ranges::unique(changed);
  changed.erase(first, last);
  if (deps_.history.position() < followed_ && !changed.empty()) (void)deps_.history.step();  // answers come from it
  for (const auto& path : changed) {
    if (!server_->changed(path)) observed_.erase(path);
  }
  if (observed_.empty()) follows_.store(false, std::memory_order_seq_cst);
}

// ---- writing ----

void CoapPaths::post_reading(const coap::Request& request, coap::Responder responder) {
  const auto reading = parse_coap_reading(request);
  if (!reading) {
    refused_.add();
    return responder.respond(coap::problem(400, reading.error()));
  }
  if (!may_publish(request, topic_of(reading->device))) return responder.respond(not_allowed());
  server_->offer(std::string(sensor_prefix) + reading->device, "sensor");
  take(request, topic_of(reading->device), as_bytes(reading->object), false,
       {201, coap::Format::none, {}, {std::string(sensors), reading->device}}, std::move(responder));
}

void CoapPaths::publish(const coap::Request& request, coap::Responder responder) {
  std::string topic(request.path.substr(topic_prefix.size()));
  if (const auto ok = record::check_topic(topic); !ok) return responder.respond(coap::problem(400, ok.error().text()));
  if (topic.starts_with('$'))
    return responder.respond(coap::problem(403, "topics that begin with $ are the gateway's own"));
  if (!may_publish(request, topic)) return responder.respond(not_allowed());
  take(request, std::move(topic), request.body, request.method == coap::Method::put, {204, coap::Format::none, {}, {}},
       std::move(responder));
}

void CoapPaths::take(const coap::Request& request, std::string topic, Bytes payload, bool retain, coap::Response then,
                     coap::Responder responder) {
  auto place = deps_.exchanges.find(request.exchange);
  if (place) {
    repeated_.add();
  } else {
    if (!waiting_.has_room()) return responder.respond(coap::problem(503, "too many answers wait for the disk"));
    const auto origin = coap::origin_of(request.exchange);
    record::Record r;
    r.cls = deps_.classes.of(topic);
    r.qos = 1;
    r.retain = retain;
    r.topic = topic;
    r.payload = payload;
    r.origin = origin;
    waiting_.expect();
    const auto appended = deps_.log.append(r, log::Urgency::now);
    if (!appended) {
      waiting_.forget();
      return responder.respond(coap::problem(appended.error()));
    }
    deps_.exchanges.note(request.exchange, *appended, deps_.loop.clock().wall());
    if (record::matches("sensors/+/data", topic)) taken_.add();
    place = *appended;
    waiting_.forget();
  }
  waiting_.expect();
  auto held = std::make_shared<coap::Responder>(std::move(responder));
  waiting_.add(*place + 1, [held, then = std::move(then)](bool committed) mutable {
    held->respond(committed ? std::move(then) : coap::problem(503, log_failed_reason()));
  });
}

}  // namespace

Result<std::unique_ptr<CoapApi>> CoapApi::open(CoapDeps deps) {
  auto paths = std::make_unique<CoapPaths>(std::move(deps));
  TRY(paths->start());
  return paths;
}

}  // namespace skerry::api
