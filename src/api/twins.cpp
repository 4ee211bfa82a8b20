// Reading a twin, changing what is desired of it, reporting for a device, reversing a conflict.
#include "api/twins.hpp"

#include <simdjson.h>

#include "api/aside.hpp"
#include "api/params.hpp"
#include "api/print.hpp"

namespace skerry::api {
namespace {

using http::Request;
using http::Responder;

std::string who(const Request& request) { return request.visitor ? std::string(request.visitor->name()) : "api"; }

http::Response refused(const Error& error) {
  if (error.code == Code::full) return http::problem(error.where == "twins" ? 503 : 422, error.text());
  if (error.code == Code::exists) return http::problem(409, error.text());
  if (error.code == Code::unsupported) return http::problem(415, error.text());
  return http::problem(error);
}

class TwinRoutes : public std::enable_shared_from_this<TwinRoutes> {
 public:
  TwinRoutes(const Deps& deps, Waiting& waiting, Worker& worker) : deps_(deps), waiting_(waiting), worker_(worker) {}

  void add_to(http::Server& server) {
    server.route("GET", "/api/v1/twins", [self = shared_from_this()](const Request& q, Responder r) {
      answer_query(self->worker_, self->list(q), std::move(r));
    });
    server.route("GET", "/api/v1/twins/{id}", [self = shared_from_this()](const Request& q, Responder r) {
      answer_query(self->worker_, self->one(q), std::move(r));
    });
    server.route("PATCH", "/api/v1/twins/{id}",
                 [self = shared_from_this()](const Request& q, Responder r) { self->patch(q, std::move(r)); });
    server.route("POST", "/api/v1/twins/{id}/conflicts/{conflict}/reverse",
                 [self = shared_from_this()](const Request& q, Responder r) { self->reverse(q, std::move(r)); });
  }

 private:
  Result<Query> list(const Request& q) {
    TRY(check_names(q, {"device", "limit", "cursor", "conflicts"}));
    const auto conflicts = TRY(text_of(q, "conflicts"));
    if (!conflicts.empty() && conflicts != "open") return fail(Code::invalid, "must be open", "conflicts");
    const auto limit = TRY(limit_of(q, twin::page_items_default, twin::page_items_max));
    return [this, limit, open = !conflicts.empty(), device = TRY(device_of(q)),
            cursor = TRY(text_of(q, "cursor"))]() -> Result<http::Response> {
      if (!device.empty()) {
        auto twin = deps_.twins->twin(device);
        if (!twin && twin.error().code != Code::not_found) return std::unexpected(twin.error());
        return list_of(twin ? std::vector{std::move(*twin)} : std::vector<std::string>{}, {});
      }
      const auto page = deps_.twins->twins(cursor, limit, open);
      return list_of(page.items, page.next);
    };
  }

  Result<Query> one(const Request& q) {
    TRY(check_names(q, {}));
    return [this, id = std::string(q.segment("id"))]() -> Result<http::Response> {
      return http::json(TRY(deps_.twins->twin(id)));
    };
  }

  bool may(const Request& q, const std::string& topic) const { return !q.visitor || q.visitor->may_publish(topic); }

  // Answers when `written` is on disk.
  void answer(Result<twin::Twins::Written> written, Responder responder) {
    if (!written) {
      waiting_.forget();
      return responder.respond(refused(written.error()));
    }
    waiting_.add(written->end, std::move(responder), [item = std::move(written->item)] { return http::json(item); });
  }

  void patch(const Request& q, Responder responder) {
    const std::string id(q.segment("id"));
    auto change = twin_change(q);
    if (!change) return responder.respond(refused(change.error()));
    if (const auto ok = record::check_device_id(id); !ok)
      return responder.respond(http::problem(Error{Code::invalid, ok.error().what, "id"}));
    const auto topic = change->reported ? twin::reported_topic(id) : twin::desired_topic(id);
    if (!may(q, topic)) return responder.respond(http::problem(403, "the policy does not allow changing this twin"));
    if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
    waiting_.expect();
    if (!change->reported) return answer(deps_.twins->desire(id, change->patch, who(q)), std::move(responder));
    // As the device itself would say it.
    const auto at = deps_.log.append(record::Record{.cls = deps_.classes.of(topic),
                                                    .qos = 1,
                                                    .topic = topic,
                                                    .payload = as_bytes(change->body),
                                                    .origin = "http"},
                                     log::Urgency::now);
    if (!at) {
      waiting_.forget();
      return responder.respond(http::problem(at.error()));
    }
    waiting_.add(*at + 1, std::move(responder), [twins = deps_.twins, id] {
      auto item = twins->twin(id);
      return item ? http::json(std::move(*item)) : http::problem(item.error());
    });
  }

  void reverse(const Request& q, Responder responder) {
    if (const auto names = check_names(q, {}); !names) return responder.respond(http::problem(names.error()));
    const std::string id(q.segment("id"));
    if (!may(q, twin::desired_topic(id)))
      return responder.respond(http::problem(403, "the policy does not allow changing this twin"));
    if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
    waiting_.expect();
    answer(deps_.twins->reverse(id, q.segment("conflict"), who(q)), std::move(responder));
  }

  const Deps& deps_;
  Waiting& waiting_;
  Worker& worker_;
};

}  // namespace

Result<TwinChange> twin_change(const http::Request& request) {
  TRY(check_names(request, {"gateway"}));
  if (const auto type = media_type(request); type != "application/json" && type != "application/merge-patch+json")
    return fail(Code::unsupported, "must be application/json or application/merge-patch+json", "Content-Type");
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(request.body.data(), request.body.size()).get(object) != simdjson::SUCCESS || object.size() != 1)
    return fail(Code::invalid, "must be an object with either desired or reported", "body");
  const auto [key, value] = *object.begin();
  if (key != "desired" && key != "reported")
    return fail(Code::invalid, "is no part of a twin; expected desired or reported", std::string(key));
  TwinChange change{.reported = key == "reported", .patch = {}, .body = simdjson::minify(value)};
  auto patch = twin::parse_patch(as_bytes(change.body));
  if (!patch) return fail(patch.error().code, patch.error().what, std::string(key) + "." + patch.error().where);
  change.patch = std::move(*patch);
  return change;
}

void add_twin_routes(http::Server& server, const Deps& deps, Waiting& waiting, Worker& worker) {
  if (deps.twins == nullptr) return;
  std::make_shared<TwinRoutes>(deps, waiting, worker)->add_to(server);
}

}  // namespace skerry::api
