// Letting HTTP requests in.
#include "edge/http_access.hpp"

#include "api/account.hpp"
#include "api/https.hpp"
#include "edge/rights.hpp"

namespace skerry::edge {
namespace {

using identity::Action;
using identity::Identity;
using identity::Kind;
using identity::Refusal;

// These hold nothing of a site's, or are how one gets in.
bool is_open(std::string_view path) {
  return path == "/api/v1/openapi.json" || path == "/api/v1/me" || path == "/api/v1/login" || path == "/api/v1/logout";
}
bool is_of_identity(std::string_view path) {
  return path.starts_with("/devices/") || path.starts_with("/sessions") || path.starts_with("/.well-known/") ||
         path.starts_with("/pki/");
}
bool is_reading(const http::Request& q) { return q.method == "GET" || q.method == "HEAD"; }

// Readings are records of the log, which says who sent them.
bool is_change(const http::Request& q) { return !is_reading(q) && q.path != "/api/v1/readings"; }

class Known final : public http::Visitor {
 public:
  Known(Identity& identity, identity::Caller caller, identity::Origin from)
      : rights_(identity, std::move(caller), std::move(from)) {}

  std::string_view name() const override { return rights_.name(); }
  bool may_publish(std::string_view topic) const override { return rights_.may_publish(topic); }
  void published(std::string_view topic, std::size_t bytes) const override { rights_.published(topic, bytes); }
  bool may_read(std::string_view device) const override {
    const auto& caller = rights_.caller();
    if (!device.empty() && caller.role == identity::Role::device && device == caller.id) return true;
    return rights_.may_subscribe("sensors/" + (device.empty() ? "+" : std::string(device)) + "/data");
  }
  bool may_stay() const override { return rights_.may_stay(); }
  bool may(Action action, std::string_view target) const { return rights_.may(action, target, "api_denied"); }

 private:
  mutable Rights rights_;
};

// Somebody with an account.
class Person final : public http::Visitor {
 public:
  Person(Identity& identity, const identity::Login& login)
      : identity_(identity), token_(login.token), name_("user:" + login.account.name), role_(login.account.role) {}
  std::string_view name() const override { return name_; }
  bool may_publish(std::string_view) const override { return role_ != identity::AccountRole::viewer; }
  bool may_read(std::string_view) const override { return true; }
  bool may_stay() const override { return identity_.by_login(token_).has_value(); }
  bool may_ask(const http::Request& q) const {
    if (is_reading(q) || role_ == identity::AccountRole::admin) return true;
    if (role_ == identity::AccountRole::viewer) return false;
    return q.path == "/api/v1/readings" || q.path == "/api/v1/commands" || q.path.starts_with("/api/v1/alerts/") ||
           q.path.starts_with("/api/v1/twins/") ||
           (q.path.starts_with("/api/v1/devices/") && q.path.ends_with("/meta"));
  }

 private:
  Identity& identity_;
  const std::string token_;
  const std::string name_;
  const identity::AccountRole role_;
};

// A command of whoever owns the data folder.
class Owner final : public http::Visitor {
 public:
  std::string_view name() const override { return "cli"; }
  bool may_publish(std::string_view) const override { return true; }
  bool may_read(std::string_view) const override { return true; }
  bool may_stay() const override { return true; }
};

class GateKeeper {
 public:
  GateKeeper(Identity& identity, bool anonymous, std::string command_token)
      : identity_(identity), anonymous_(anonymous), command_token_(std::move(command_token)) {}

  std::optional<http::Response> look_at(http::Request& q) const {
    const identity::Origin from{q.peer->host, q.secure ? "https" : "http"};
    const bool api = q.path.starts_with("/api/");
    if (!q.certificate.empty()) {
      auto caller = identity_.by_certificate(q.certificate, from, api::is_renewal(q.path));
      if (!caller) return api::problem(caller.error());
      return api && !is_open(q.path) ? let_in(q, std::move(*caller), from) : std::nullopt;
    }
    if (is_of_identity(q.path) && !q.secure) return http::problem(404, "this is answered by HTTPS only");
    if (!api) return {};  // health, metrics, the page's files
    if (is_open(q.path)) return {};
    const auto header = q.header("authorization");
    if (is_command(header, from)) {
      q.visitor = std::make_shared<Owner>();
      if (is_change(q)) identity_.asked("cli", from, said(q));
      return {};
    }
    if (header.starts_with("Bearer ")) {
      auto caller = identity_.by_token(header.substr(7), from);
      if (!caller) return api::problem(caller.error());
      return let_in(q, std::move(*caller), from);
    }
    if (const auto token = api::login_token(q); !token.empty()) {
      if (const auto login = identity_.by_login(token)) return let_in(q, *login, from);
    }
    if (anonymous_ && !q.secure) return {};
    const Refusal none{Kind::unauthenticated, "login_needed", "log in, or give a token: Authorization: Bearer"};
    identity_.refused(none, "anonymous", from, q.path);
    return api::problem(none);
  }

 private:
  static std::string said(const http::Request& q) { return std::string(q.method) + " " + std::string(q.path); }
  bool is_command(std::string_view header, const identity::Origin& from) const {
    static constexpr std::string_view scheme = "Bearer ";
    return header.starts_with(scheme) && identity::is_loopback(from.address) &&
           identity::same_secret(as_bytes(header.substr(scheme.size())), as_bytes(command_token_));
  }
  std::optional<http::Response> let_in(http::Request& q, identity::Caller caller, const identity::Origin& from) const {
    const auto known = std::make_shared<Known>(identity_, std::move(caller), from);
    if (!known->may(is_reading(q) ? Action::read : Action::write, q.path))
      return api::problem({Kind::forbidden, "api_denied", "the policy does not allow it"});
    q.visitor = known;
    return {};
  }
  std::optional<http::Response> let_in(http::Request& q, const identity::Login& login,
                                       const identity::Origin& from) const {
    const auto person = std::make_shared<Person>(identity_, login);
    const auto no = [&](const Refusal& refusal) {
      identity_.refused(refusal, person->name(), from, q.path);
      return api::problem(refusal);
    };
    if (!is_reading(q) && !api::csrf_is_right(q, login))
      return no({Kind::forbidden, "csrf", "the header X-CSRF-Token is missing or wrong; GET /api/v1/me tells it"});
    if (!person->may_ask(q))
      return no({Kind::forbidden, "role_denied",
                 "the role " + std::string(identity::name(login.account.role)) + " does not allow it"});
    if (is_change(q)) identity_.asked(person->name(), from, said(q));
    q.visitor = person;
    return {};
  }

  Identity& identity_;
  const bool anonymous_;
  const std::string command_token_;
};

}  // namespace

http::Gate http_gate(Identity& identity, bool anonymous, std::string command_token) {
  return [keeper = GateKeeper(identity, anonymous, std::move(command_token))](http::Request& q) {
    return keeper.look_at(q);
  };
}

}  // namespace skerry::edge
