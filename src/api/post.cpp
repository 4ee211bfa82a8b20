// POST /api/v1/readings and /api/v1/commands.
#include "api/post.hpp"

#include "api/limits.hpp"
#include "api/params.hpp"
#include "api/print.hpp"
#include "api/readings_in.hpp"
#include "codec/formats.hpp"
#include "codec/json.hpp"
#include "record/forgotten.hpp"

namespace skerry::api {
namespace {

std::optional<BodyFormat> format_of(const http::Request& request) {
  const auto type = media_type(request);
  if (type == "application/json") return BodyFormat::json;
  if (type == "application/x-ndjson" || type == "application/ndjson" || type == "application/jsonl")
    return BodyFormat::ndjson;
  return {};
}

http::Response unsupported(std::string_view types) {
  auto response = http::problem(415, "Content-Type must be " + std::string(types));
  response.headers.push_back({"Accept-Post", std::string(types)});
  return response;
}

std::string topic_of(const ReadingIn& reading) { return "sensors/" + reading.device + "/data"; }

// All or nothing: the first reading that the visitor may not report, by the device id in the body.
std::optional<http::Response> denied_record(const http::Request& request, const std::vector<ReadingIn>& readings) {
  if (!request.visitor) return {};
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const auto& device = readings[i].device;
    if (i != 0 && device == readings[i - 1].device) continue;
    if (request.visitor->may_publish(topic_of(readings[i]))) continue;
    std::string members = ",\"reason\":\"publish_denied\",\"index\":" + std::to_string(i) + ",\"field\":\"device_id\"";
    return http::problem(403,
                         "reading " + std::to_string(i) + ": the policy does not let " +
                             std::string(request.visitor->name()) + " report for " + device,
                         members);
  }
  return {};
}

http::Response problem_of(const InputError& error) {
  const auto name = error.field.empty() ? std::string() : " " + error.field;
  std::string members = ",\"index\":" + std::to_string(error.index) + ",\"field\":";
  if (error.field.empty()) {
    members += "null";
  } else {
    codec::append_json_string(members, error.field);
  }
  return http::problem(400, "reading " + std::to_string(error.index) + ":" + name + " " + error.detail, members);
}

}  // namespace

Post::Post(Deps& deps, const act::Options& act, Waiting& waiting)
    : deps_(deps),
      act_(act),
      waiting_(waiting),
      wall_(deps.loop.clock()),
      taken_(deps.metrics.counter("skerry_api_readings_total", "readings taken by POST")),
      refused_(deps.metrics.counter("skerry_api_bodies_refused_total",
                                    "POSTed bodies refused because something in them was wrong")) {}

void Post::readings(const http::Request& request, http::Responder responder) {
  if (const auto names = check_names(request, {}); !names) return responder.respond(http::problem(names.error()));
  auto format = format_of(request);
  std::string_view body = request.body;
  std::string text;  // of a body that was not
  if (const auto binary = format ? std::nullopt : codec::format_of(media_type(request))) {
    auto json = codec::to_json(as_bytes(body), *binary, readings_json_bytes_max);
    if (!json) {
      refused_.add();
      const auto status = json.error().code == Code::full ? 413 : 400;
      return responder.respond(http::problem(status, std::string(codec::name(*binary)) + ": " + json.error().text()));
    }
    text = std::move(*json);
    body = text;
    format = BodyFormat::json;
  }
  if (!format) {
    return responder.respond(
        unsupported("application/json, application/x-ndjson, application/msgpack, application/cbor, "
                    "application/vnd.skerry.custom-binary"));
  }
  const auto parsed = parse_readings(body, *format);
  if (!parsed) {
    refused_.add();
    return responder.respond(problem_of(parsed.error()));
  }
  if (auto denied = denied_record(request, *parsed)) return responder.respond(std::move(*denied));
  if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
  std::vector<std::string> topics;
  std::vector<record::Record> records;
  topics.reserve(parsed->size());  // records view these
  records.reserve(parsed->size());
  for (const auto& reading : *parsed) {
    topics.push_back(topic_of(reading));
    record::Record r;
    r.cls = deps_.classes.of(topics.back());
    r.qos = 1;
    r.topic = topics.back();
    r.payload = as_bytes(reading.object);
    r.origin = "http";
    records.push_back(r);
  }
  waiting_.expect();
  const auto first = deps_.log.append(records, log::Urgency::now);
  if (!first) {
    waiting_.forget();
    return responder.respond(http::problem(first.error()));
  }
  taken_.add(records.size());
  if (request.visitor) {
    for (const auto& r : records) request.visitor->published(r.topic, r.payload.size());
  }
  const Stored stored{*first, records.size()};
  waiting_.add(*first + stored.count, std::move(responder), [this, stored] { return accepted(stored); });
}

// The names under which the log keeps them, read back from it.
http::Response Post::accepted(const Stored& stored) const {
  std::string text = "{\"accepted\":" + std::to_string(stored.count) + ",\"items\":[";
  auto at = stored.first;
  const auto end = stored.first + stored.count;
  while (at < end) {
    const auto chunk = deps_.log.read(at, {.committed_only = true});
    if (!chunk || chunk->empty() || chunk->next() <= at) break;
    for (const auto& r : chunk->records()) {
      if (r.position >= end) break;
      if (text.back() != '[') text += ',';
      ObjectText object(text);
      object.text("device_id", record::device_of(r.topic)).count("offset", r.offset.value);
      if (codec::is_ahead(codec::event_time(r.payload, r.appended_at), r.appended_at)) object.flag("ahead", true);
      object.end();
    }
    at = chunk->next();
  }
  text += "]}";
  return http::json(std::move(text), 201);
}

void Post::forget(const std::string& device, http::Responder responder) {
  if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
  const auto topic = record::Forgotten::topic(device);
  std::string payload;
  ObjectText(payload).text("device_id", device).text("by", "api").end();
  record::Record r;
  r.cls = record::Class::critical;
  r.kind = record::Kind::config;
  r.topic = topic;
  r.origin = "http";
  r.payload = as_bytes(payload);
  waiting_.expect();
  const auto at = deps_.log.append(r, log::Urgency::now);
  if (!at) {
    waiting_.forget();
    return responder.respond(http::problem(at.error()));
  }
  waiting_.add(*at + 1, std::move(responder), [device, now = wall_.now(), position = at->value] {
    std::string text;
    ObjectText(text)
        .text("device_id", device)
        .time("forgotten_at", now)
        .count("position", position)
        .text("remains",
              "its records before this position stay in the log's files until they are trimmed; nothing shows them")
        .end();
    return http::json(std::move(text));
  });
}

http::Response Post::refused(const Error& error) {
  if (error.code == Code::full) return http::problem(503, error.text());
  if (error.code == Code::exists) return http::problem(409, error.text());
  if (error.code != Code::invalid) return http::problem(error);
  refused_.add();
  std::string members = ",\"field\":";
  codec::append_json_string(members, error.where);
  return http::problem(400, error.text(), members);
}

// PUT /api/v1/devices/{id}/meta: the whole of it, so that what is left out is no longer said.
void Post::meta(const http::Request& request, http::Responder responder) {
  if (const auto names = check_names(request, {}); !names) return responder.respond(http::problem(names.error()));
  if (format_of(request) != BodyFormat::json) return responder.respond(unsupported("application/json"));
  const std::string device(request.segment("id"));
  if (const auto ok = record::check_device_id(device); !ok)
    return responder.respond(refused(Error{Code::invalid, ok.error().what, "id"}));
  auto parsed = history::parse_meta(as_bytes(request.body));
  if (!parsed) return responder.respond(refused(parsed.error()));
  if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
  const auto topic = std::string(history::meta_topic) + device;
  record::Record r;
  r.cls = record::Class::critical;
  r.kind = record::Kind::config;
  r.topic = topic;
  r.payload = as_bytes(*parsed);
  r.origin = "http";
  waiting_.expect();
  const auto at = deps_.log.append(r, log::Urgency::now);
  if (!at) {
    waiting_.forget();
    return responder.respond(http::problem(at.error()));
  }
  waiting_.add(*at + 1, std::move(responder), [device, meta = std::move(*parsed)] {
    std::string text;
    ObjectText(text).text("device_id", device).raw("meta", meta).end();
    return http::json(std::move(text));
  });
}

void Post::alert_work(const http::Request& request, http::Responder responder, std::optional<act::AlertAction> action,
                      Worker& worker) {
  if (const auto names = check_names(request, {}); !names) return responder.respond(http::problem(names.error()));
  if (!request.body.empty() && format_of(request) != BodyFormat::json)
    return responder.respond(unsupported("application/json"));
  const bool one = action.has_value();  // the path names it, and the alert
  auto parsed = act::parse_work(as_bytes(request.body), action, one ? request.segment("id") : "");
  if (!parsed) return responder.respond(refused(parsed.error()));
  if (request.visitor) parsed->by = request.visitor->name();  // not what they call themselves
  if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
  waiting_.expect();
  auto kept = std::make_shared<http::Responder>(std::move(responder));
  const std::weak_ptr<bool> alive = alive_;
  const bool taken = worker.run([this, kept, one, alive, now = wall_.now(), work = std::move(*parsed)] {
    auto worked = deps_.act.work(work, now, "http");
    deps_.loop.post([this, kept, one, alive, worked = std::move(worked)]() mutable {
      if (alive.expired()) return;
      if (!worked) {
        waiting_.forget();
        return kept->respond(refused(worked.error()));
      }
      waiting_.add(worked->end, std::move(*kept), [one, items = std::move(worked->items)] {
        return one ? http::json(items.front()) : list_of(items, {});
      });
    });
  });
  if (taken) return;
  waiting_.forget();
  kept->respond(http::problem(503, "too many queries wait"));
}

void Post::command(const http::Request& request, http::Responder responder) {
  if (const auto names = check_names(request, {}); !names) return responder.respond(http::problem(names.error()));
  if (format_of(request) != BodyFormat::json) return responder.respond(unsupported("application/json"));
  if (!waiting_.has_room()) return responder.respond(http::problem(503, "too many answers wait for the disk"));
  const auto issue = [&]() -> Result<act::Tracker::Issued> {
    const auto wanted = TRY(act::parse_request(as_bytes(request.body)));
    if (request.visitor && !request.visitor->may_publish("commands/" + wanted.device_id))
      return fail(Code::denied, "the policy does not allow commands to this device", wanted.device_id);
    const auto command = TRY(act::make_command(wanted, wall_.now(), deps_.chance, act_));
    return deps_.act.issue(command, "http");
  };
  waiting_.expect();
  auto issued = issue();
  if (!issued) {
    waiting_.forget();
    return responder.respond(refused(issued.error()));
  }
  waiting_.add(issued->position + 1, std::move(responder), [kept = std::move(*issued)] {
    auto response = http::json(kept.item, 201);
    response.headers.push_back({"Location", "/api/v1/commands/" + kept.id});
    return response;
  });
}

}  // namespace skerry::api
