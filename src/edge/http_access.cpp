// Letting HTTP requests in.
#include "edge/http_access.hpp"

#include "api/https.hpp"
#include "edge/rights.hpp"

namespace skerry::edge {
namespace {

using identity::Action;
using identity::Identity;
using identity::Kind;
using identity::Refusal;

// Health, readiness and metrics answer without identity; the page's own files hold nothing.
bool is_open(std::string_view path) { return !path.starts_with("/api/") || path == "/api/v1/openapi.json"; }

class Known final : public http::Visitor {
 public:
  Known(Identity& identity, identity::Caller caller, identity::Origin from)
      : rights_(identity, std::move(caller), std::move(from)) {}

  std::string_view name() const override { return rights_.name(); }
  bool may_publish(std::string_view topic) const override { return rights_.may_publish(topic); }
  bool may_read(std::string_view device) const override {
    const auto& caller = rights_.caller();
    if (!device.empty() && caller.role == identity::Role::device && device == caller.id) return true;
    return rights_.may_subscribe("sensors/" + (device.empty() ? "+" : std::string(device)) + "/data");
  }
  bool may(Action action, std::string_view target) const { return rights_.may(action, target, "api_denied"); }

 private:
  mutable Rights rights_;
};

}  // namespace

http::Gate http_gate(Identity& identity) {
  return [&identity](http::Request& q) -> std::optional<http::Response> {
    if (is_open(q.path)) return {};
    const identity::Origin from{q.peer->host, "http"};
    const auto header = q.header("authorization");
    if (!header.starts_with("Bearer ")) {
      const Refusal none{Kind::unauthenticated, "token_needed", "a token is needed: Authorization: Bearer"};
      identity.refused(none, "anonymous", from, q.path);
      return api::problem(none);
    }
    auto caller = identity.by_token(header.substr(7), from);
    if (!caller) return api::problem(caller.error());
    const auto known = std::make_shared<Known>(identity, std::move(*caller), from);
    const bool reads = q.method == "GET" || q.method == "HEAD";
    if (!known->may(reads ? Action::read : Action::write, q.path))
      return api::problem({Kind::forbidden, "api_denied", "the policy does not allow it"});
    q.visitor = known;
    return {};
  };
}

}  // namespace skerry::edge
