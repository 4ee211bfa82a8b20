// What identity makes of an MQTT client: certificate, token or password at CONNECT, policy at each topic.
#pragma once

#include "identity/identity.hpp"
#include "mqtt/mqtt.hpp"

namespace skerry::edge {

class MqttAccess final : public mqtt::Access {
 public:
  explicit MqttAccess(identity::Identity& identity) : identity_(identity) {}
  std::shared_ptr<mqtt::Grant> connect(const Caller& caller) override;

 private:
  identity::Answer<identity::Caller> who(const Caller& caller, const identity::Origin& from);
  identity::Identity& identity_;
};

}  // namespace skerry::edge
