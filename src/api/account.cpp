// The three paths, and the cookie.
#include "api/account.hpp"

#include <nlohmann/json.hpp>

#include "api/aside.hpp"
#include "api/https.hpp"

namespace skerry::api {
namespace {

using http::Request;
using http::Responder;
using http::Response;
using identity::Kind;
using Json = nlohmann::ordered_json;

std::string cookie_name(const Request& request) {
  const auto host = request.header("host");
  const auto colon = host.rfind(':');
  const bool port =
      colon != std::string_view::npos && host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  return "skerry_" + (port ? std::string(host.substr(colon + 1)) : std::string("0"));
}

// SameSite: no other site's page makes the browser send it. HttpOnly: no script reads it.
http::Header cookie(const Request& request, std::string_view token) {
  auto text = cookie_name(request) + "=" + std::string(token) + "; Path=/; HttpOnly; SameSite=Strict";
  if (request.secure) text += "; Secure";
  if (token.empty()) text += "; Max-Age=0";
  return {"Set-Cookie", std::move(text)};
}

identity::Origin origin_of(const Request& request) { return {request.peer->host, request.secure ? "https" : "http"}; }

Json who(const identity::Login& login, bool needed) {
  return {{"name", login.account.name},
          {"role", identity::name(login.account.role)},
          {"csrf", login.csrf},
          {"login_needed", needed}};
}

Response log_in(identity::Identity& identity, const Request& request) {
  const auto body = Json::parse(request.body, nullptr, false);
  const auto text = [&body](const char* name) {
    const auto found = body.find(name);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!body.is_object() || text("name").empty() || text("password").empty())
    return problem({Kind::invalid, "malformed",
                    "a JSON object with name and password is needed, and code where the account has a second factor"});
  const auto made = identity.login(text("name"), text("password"), text("code"), origin_of(request));
  if (!made) return problem(made.error());
  auto response = http::json(who(*made, true).dump());
  response.headers.push_back(cookie(request, made->token));
  return response;
}

Response me(identity::Identity* identity, bool needed, const Request& request) {
  const bool here = needed || request.secure;
  if (identity != nullptr) {
    const auto token = login_token(request);
    const auto login =
        token.empty() ? identity::refuse(Kind::unauthenticated, "login_needed", "log in") : identity->by_login(token);
    if (login) return http::json(who(*login, here).dump());
  }
  return http::json(
      Json{{"name", nullptr}, {"role", here ? Json() : Json("admin")}, {"csrf", nullptr}, {"login_needed", here}}
          .dump());
}

}  // namespace

std::string login_token(const Request& request) {
  const auto name = cookie_name(request) + "=";
  auto rest = request.header("cookie");
  while (!rest.empty()) {
    const auto end = rest.find(';');
    auto one = rest.substr(0, end);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.starts_with(name)) return std::string(one.substr(name.size()));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return {};
}

bool csrf_is_right(const Request& request, const identity::Login& login) {
  return identity::same_secret(as_bytes(request.header("x-csrf-token")), as_bytes(login.csrf));
}

void add_account_routes(http::Server& server, Worker& worker, identity::Identity* identity, bool needed) {
  server.route("POST", "/api/v1/login", [&worker, identity](const Request& q, Responder r) {
    if (identity == nullptr)
      return r.respond(http::problem(404, "this gateway has no accounts: every door with an identity is turned off"));
    answer_aside(worker, q, std::move(r), [identity](const Request& kept) { return log_in(*identity, kept); });
  });
  server.route("POST", "/api/v1/logout", [&worker, identity](const Request& q, Responder r) {
    answer_aside(worker, q, std::move(r), [identity](const Request& kept) {
      const auto token = login_token(kept);
      if (identity != nullptr && !token.empty()) identity->logout(token, origin_of(kept));
      Response response;
      response.status = 204;
      response.headers.push_back(cookie(kept, {}));
      return response;
    });
  });
  server.route("GET", "/api/v1/me",
               [identity, needed](const Request& q, Responder r) { r.respond(me(identity, needed, q)); });
}

}  // namespace skerry::api
