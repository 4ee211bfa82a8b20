// Routes of the HTTPS door: JSON in, what identity says out.
#include "api/https.hpp"

#include <nlohmann/json.hpp>

#include "api/aside.hpp"
#include "api/est.hpp"
#include "api/limits.hpp"
#include "codec/json.hpp"

namespace skerry::api {
namespace {

using http::Request;
using http::Responder;
using http::Response;
using identity::Answer;
using identity::Caller;
using identity::Identity;
using identity::Kind;
using identity::Origin;
using Json = nlohmann::ordered_json;

int status_of(Kind kind) {
  switch (kind) {
    case Kind::unauthenticated: return 401;
    case Kind::forbidden: return 403;
    case Kind::not_found: return 404;
    case Kind::exists: return 409;
    case Kind::too_often: return 429;
    case Kind::unavailable: return 503;
    default: return 400;
  }
}

Answer<Json> object_of(const Request& request, bool may_be_empty) {
  if (request.body.size() > identity_body_bytes_max)
    return identity::refuse(Kind::invalid, "malformed", "the body is longer than a request of this kind needs");
  if (request.body.empty() && may_be_empty) return Json::object();
  auto json = Json::parse(request.body, nullptr, false);
  if (!json.is_object()) return identity::refuse(Kind::invalid, "malformed", "the body is no JSON object");
  return json;
}

Answer<std::string> text_in(const Json& json, const char* name, bool needed = false) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) {
    if (needed) return identity::refuse(Kind::invalid, "malformed", std::string(name) + " is missing");
    return std::string();
  }
  if (!found->is_string()) return identity::refuse(Kind::invalid, "malformed", std::string(name) + " is no text");
  return found->get<std::string>();
}

Json device_json(const identity::Device& device) {
  return {{"id", device.id},
          {"name", device.name},
          {"type", device.type},
          {"status", device.status},
          {"attributes", Json::parse(device.attributes, nullptr, false)},
          {"registered_at", format_rfc3339(to_event(device.registered_at))},
          {"last_seen", nullptr}};
}

class HttpsImpl final : public Https {
 public:
  HttpsImpl(http::Server& server, Worker& worker, Identity& identity)
      : identity_(identity), server_(server), worker_(worker) {
    route("POST", "/devices/register", &HttpsImpl::register_device);
    route("POST", "/devices/{id}/auth", &HttpsImpl::authenticate);
    route("POST", "/devices/{id}/challenge", &HttpsImpl::challenge);
    route("POST", "/devices/{id}/session", &HttpsImpl::open_session);
    route("POST", "/devices/{id}/revoke", &HttpsImpl::revoke);
    route("GET", "/sessions", &HttpsImpl::sessions);
    route("DELETE", "/sessions/{id}", &HttpsImpl::end_session);
    route("GET", "/.well-known/jwks.json", &HttpsImpl::jwks);
    route("GET", "/pki/crl.pem", &HttpsImpl::crl);
    route("GET", "/pki/crl.der", &HttpsImpl::crl_der);
    route("GET", "/pki/ca.pem", &HttpsImpl::ca);
    add_est(server_, worker_, identity_);
  }

 private:
  using Method = Answer<Response> (HttpsImpl::*)(const Request&);

  void route(std::string_view method, std::string_view pattern, Method answer) {
    server_.route(method, pattern, [this, answer](const Request& q, Responder r) {
      answer_aside(worker_, q, std::move(r), [this, answer](const Request& kept) {
        auto made = (this->*answer)(kept);
        return made ? std::move(*made) : problem(made.error());
      });
    });
  }

  static Origin origin(const Request& q) { return {q.peer->host, "https"}; }

  // The one behind the client certificate; the gate has let it pass.
  Answer<Caller> caller(const Request& q) {
    if (q.certificate.empty()) {
      identity::Refusal none{Kind::unauthenticated, "certificate_needed", "a client certificate is needed"};
      identity_.refused(none, "anonymous", origin(q), q.segment("id"));
      return std::unexpected(none);
    }
    auto got = identity_.by_certificate(q.certificate, origin(q));
    if (got) identity_.connected(*got, origin(q));
    return got;
  }

  Answer<Response> register_device(const Request& q) {
    const auto body = TRY(object_of(q, false));
    identity::Enrolment wanted;
    wanted.id = TRY(text_in(body, "id", true));
    wanted.name = TRY(text_in(body, "name"));
    wanted.type = TRY(text_in(body, "type"));
    wanted.csr = TRY(text_in(body, "csr"));
    wanted.public_key = TRY(text_in(body, "public_key"));
    wanted.claim_code = TRY(text_in(body, "claim_code"));
    wanted.location = TRY(text_in(body, "location"));
    wanted.clearance = TRY(text_in(body, "clearance"));
    if (const auto found = body.find("attributes"); found != body.end() && !found->is_null()) {
      if (!found->is_object()) return identity::refuse(Kind::invalid, "malformed", "attributes is no object");
      wanted.attributes = found->dump();
    }
    std::optional<Caller> by;
    if (!q.certificate.empty()) by = TRY(caller(q));
    const auto made = TRY(identity_.enrol(wanted, by ? &*by : nullptr, origin(q)));
    auto json = device_json(made.device);
    json["certificate"] = made.certificate;
    json["ca_certificate"] = identity_.ca_pem();
    return http::json(json.dump(), 201);
  }

  Answer<Response> authenticate(const Request& q) {
    const auto by = TRY(caller(q));
    TRY(object_of(q, true));
    const auto token = TRY(identity_.authenticate(q.segment("id"), by, origin(q)));
    return http::json(Json{{"token", token.token},
                           {"expires_in", token.expires_in.count()},
                           {"status", "authenticated"},
                           {"device", device_json(token.device)}}
                          .dump());
  }

  Answer<Response> challenge(const Request& q) {
    TRY(object_of(q, true));
    const auto text = TRY(identity_.challenge(q.segment("id"), origin(q)));
    return http::json(Json{{"challenge", text}, {"expires_in", identity::challenge_seconds}}.dump());
  }

  static Answer<identity::Context> context_of(const Json& body) {
    identity::Context context;
    const auto found = body.find("context");
    if (found == body.end() || found->is_null()) return context;
    if (!found->is_object()) return identity::refuse(Kind::invalid, "malformed", "context is no object");
    context.location = TRY(text_in(*found, "location"));
    context.ip_address = TRY(text_in(*found, "ip_address"));
    for (const char* name : {"behaviour_anomaly", "behavior_anomaly"}) {
      const auto value = found->find(name);
      if (value == found->end() || value->is_null()) continue;
      if (!value->is_number() || value->get<double>() < 0 || value->get<double>() > 1)
        return identity::refuse(Kind::invalid, "malformed", std::string(name) + " is no number from 0 to 1");
      context.behaviour_anomaly = value->get<double>();
    }
    return context;
  }

  Answer<Response> open_session(const Request& q) {
    const auto body = TRY(object_of(q, false));
    const auto challenge = TRY(text_in(body, "challenge", true));
    const auto signature = TRY(text_in(body, "signature", true));
    const auto context = TRY(context_of(body));
    const auto opened = TRY(identity_.open_session(q.segment("id"), challenge, signature, context, origin(q)));
    Json factors = Json::array();
    for (const auto& each : opened.risk.factors)
      factors.push_back({{"factor", each.name}, {"value", each.value}, {"why", each.why}});
    return http::json(Json{
        {"status", "authenticated"},
        {"session_id", opened.session_id},
        {"session_token", opened.session_token},
        {"access_level", opened.access_level},
        {"expires_in", opened.expires_in.count()},
        {"risk_score", opened.risk.score},
        {"factors",
         factors}}.dump());
  }

  Answer<Response> revoke(const Request& q) {
    const auto by = TRY(caller(q));
    const auto body = TRY(object_of(q, true));
    auto reason = TRY(text_in(body, "reason"));
    if (reason.empty()) reason = "unspecified";
    TRY(identity_.revoke(q.segment("id"), reason, by, origin(q)));
    return http::json(Json{{"id", q.segment("id")}, {"status", "revoked"}}.dump());
  }

  // By client certificate, or by the session's own token.
  Answer<Caller> caller_or_bearer(const Request& q) {
    const auto header = q.header("authorization");
    if (q.certificate.empty() && header.starts_with("Bearer ")) return identity_.by_token(header.substr(7), origin(q));
    return caller(q);
  }

  Answer<Response> sessions(const Request& q) {
    const auto by = TRY(caller_or_bearer(q));
    Json items = Json::array();
    for (const auto& each : identity_.sessions()) {
      if (by.role == identity::Role::device && by.id != each.device) continue;
      items.push_back({{"id", each.id},
                       {"device_id", each.device},
                       {"access_level", each.level},
                       {"risk_score", each.risk},
                       {"from", each.from},
                       {"expires", format_rfc3339(to_event(each.expires))}});
    }
    return http::json(Json{{"items", items}, {"next", nullptr}}.dump());
  }

  Answer<Response> end_session(const Request& q) {
    const auto by = TRY(caller_or_bearer(q));
    TRY(identity_.end_session(q.segment("id"), by, origin(q)));
    Response none;
    none.status = 204;
    return none;
  }

  Answer<Response> jwks(const Request&) {
    auto response = http::json(identity_.jwks());
    response.content_type = "application/jwk-set+json";
    return response;
  }

  static Response pem(std::string text) {
    auto response = http::json(std::move(text));
    response.content_type = "application/x-pem-file";
    return response;
  }
  Answer<Response> crl(const Request&) {
    auto text = identity_.crl_pem();
    if (!text) return identity::refuse(Kind::unavailable, "no_list", text.error().what);
    return pem(std::move(*text));
  }
  Answer<Response> crl_der(const Request&) {
    const auto bytes = identity_.crl_der();
    if (!bytes) return identity::refuse(Kind::unavailable, "no_list", bytes.error().what);
    auto response = http::json(std::string(as_text(*bytes)));
    response.content_type = "application/pkix-crl";  // RFC 2585 4.2
    return response;
  }
  Answer<Response> ca(const Request&) { return pem(identity_.ca_pem()); }

  Identity& identity_;
  http::Server& server_;
  Worker& worker_;
};

}  // namespace

http::Response problem(const identity::Refusal& refusal) {
  std::string members = ",\"reason\":";
  codec::append_json_string(members, refusal.reason);
  auto response = http::problem(status_of(refusal.kind), refusal.what, members);
  if (refusal.kind == Kind::unauthenticated)
    response.headers.push_back({"WWW-Authenticate", "Bearer realm=\"skerry\""});
  if (refusal.kind == Kind::too_often) response.headers.push_back({"Retry-After", "60"});
  return response;
}

std::unique_ptr<Https> Https::add(http::Server& server, Worker& worker, Identity& identity) {
  return std::make_unique<HttpsImpl>(server, worker, identity);
}

bool is_renewal(std::string_view path) { return path == est_reenrol_path; }

}  // namespace skerry::api
