// Letting MQTT clients in.
#include "edge/mqtt_access.hpp"

#include <algorithm>
#include <array>

namespace skerry::edge {
namespace {

using identity::Identity;
using identity::Kind;
using identity::Origin;

class Known final : public mqtt::Grant {
 public:
  Known(Identity& identity, identity::Caller caller, Origin from)
      : identity_(identity), caller_(std::move(caller)), from_(std::move(from)) {}

  bool may_publish(std::string_view topic) override {
    // Devices publish to few topics: what was decided holds until something has changed.
    if (const auto revision = identity_.revision(); revision != revision_) {
      revision_ = revision;
      for (auto& each : allowed_) each.clear();
    }
    if (std::ranges::find(allowed_, topic) != allowed_.end()) return true;
    if (!allows(identity::Action::publish, topic)) return false;
    allowed_[next_++ % allowed_.size()] = topic;
    return true;
  }
  bool may_subscribe(std::string_view filter) override { return allows(identity::Action::subscribe, filter); }
  bool may_stay() override { return identity_.still(caller_); }
  bool may_take_over(const mqtt::Grant& held) override {
    const auto* const other = dynamic_cast<const Known*>(&held);
    return other == nullptr || (other->caller_.id == caller_.id && other->caller_.role == caller_.role);
  }
  void was_taken_over() override { identity_.taken_over(caller_.id, from_); }

 private:
  bool allows(identity::Action action, std::string_view target) {
    const auto decision = identity_.may(caller_, action, target);
    if (decision.allowed) return true;
    identity_.refused({Kind::forbidden, action == identity::Action::publish ? "publish_denied" : "subscribe_denied",
                       "the policy does not allow it"},
                      caller_.text(), from_, target);
    return false;
  }

  Identity& identity_;
  const identity::Caller caller_;
  const Origin from_;
  std::array<std::string, 4> allowed_;
  std::size_t next_ = 0;
  std::uint64_t revision_ = 0;
};

// On loopback, where that is allowed.
class Anonymous final : public mqtt::Grant {
 public:
  bool may_take_over(const mqtt::Grant& held) override { return dynamic_cast<const Known*>(&held) == nullptr; }
};

}  // namespace

identity::Answer<identity::Caller> MqttAccess::who(const Caller& caller, const Origin& from) {
  if (!caller.certificate.empty()) return identity_.by_certificate(caller.certificate, from);
  if (caller.password) {
    const auto password = as_text(*caller.password);
    if (identity::looks_like_token(password)) return identity_.by_token(password, from);
    return identity_.by_password(caller.user.value_or(""), password, from);
  }
  identity::Refusal nobody{Kind::unauthenticated, "credentials_needed", "a certificate, token or password is needed"};
  identity_.refused(nobody, "anonymous", from, caller.client_id);
  return std::unexpected(std::move(nobody));
}

std::shared_ptr<mqtt::Grant> MqttAccess::connect(const Caller& caller) {
  const Origin from{caller.peer.host, caller.secure ? "mqtts" : "mqtt"};
  const bool bare = caller.certificate.empty() && !caller.password && !caller.user;
  if (bare && !caller.secure && identity_.may_be_anonymous(caller.peer.host)) return std::make_shared<Anonymous>();
  auto known = who(caller, from);
  if (!known) return nullptr;
  // A device's own id as client id is the device's alone.
  if (known->role == identity::Role::device && caller.client_id != known->id &&
      identity_.device(caller.client_id) != nullptr) {
    identity_.refused({Kind::forbidden, "client_id_of_another", "the client id is another device's"}, known->text(),
                      from, caller.client_id);
    return nullptr;
  }
  identity_.connected(*known, from);
  return std::make_shared<Known>(identity_, std::move(*known), from);
}

}  // namespace skerry::edge
