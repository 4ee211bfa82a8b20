// Letting MQTT clients in.
#include "edge/mqtt_access.hpp"

#include "edge/rights.hpp"

namespace skerry::edge {
namespace {

using identity::Identity;
using identity::Kind;
using identity::Origin;

class Known final : public mqtt::Grant {
 public:
  Known(Identity& identity, identity::Caller caller, Origin from)
      : identity_(identity), rights_(identity, std::move(caller), std::move(from)) {}

  bool may_publish(std::string_view topic) override { return rights_.may_publish(topic); }
  bool may_subscribe(std::string_view filter) override { return rights_.may_subscribe(filter); }
  void published(std::string_view topic, std::size_t bytes) override { rights_.published(topic, bytes); }
  bool may_stay() override { return rights_.may_stay(); }
  bool may_take_over(const mqtt::Grant& held) override {
    const auto* const other = dynamic_cast<const Known*>(&held);
    return other == nullptr ||
           (other->rights_.caller().id == rights_.caller().id && other->rights_.caller().role == rights_.caller().role);
  }
  void was_taken_over() override { identity_.taken_over(rights_.caller().id, rights_.from()); }

 private:
  Identity& identity_;
  Rights rights_;
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
  if (!known || !identity_.paced(*known, from)) return nullptr;
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
