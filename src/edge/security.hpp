// Security: identity put on the doors of a gateway. MQTT with TLS (8883), CoAP with DTLS
// (5684), HTTPS with mutual TLS (8443), who may be
// anonymous, and what happens as time passes: revocations reach open connections within a second.
//
// open() makes the site's PKI on the first start. The listen calls as Node's; start() last. Ends before the broker
// does.
#pragma once

#include <memory>
#include <string>

#include "api/api.hpp"
#include "api/coap.hpp"
#include "api/https.hpp"
#include "base/config.hpp"
#include "base/loop.hpp"
#include "base/tls.hpp"
#include "identity/identity.hpp"
#include "mqtt/mqtt.hpp"

namespace skerry::edge {

struct Seams;

// Of the settings, for the commands as well.
Result<identity::Options> identity_options(const config::Config& config, std::string gateway_id);
config::Schema security_schema();
// Whether the plain HTTP door lets in who says nothing of who they are.
bool anonymous_api(const config::Config& config);
// A secret of each run, mode 0600: who can read it owns the data folder, and may ask the API for everything over
// loopback, whatever the mode. The commands send it as a bearer token.
inline std::string command_token_path(std::string_view data_dir) { return join_path(data_dir, "command.token"); }

class Security {
 public:
  // Nothing: no door asks for it (mqtts.enabled and https.enabled are off, security.mode is not strict).
  static Result<std::unique_ptr<Security>> open(const Seams& seams, const config::Config& config,
                                                const std::string& data_dir, const std::string& gateway_id,
                                                metrics::Registry& metrics);
  virtual ~Security() = default;

  virtual mqtt::Access& access() = 0;
  virtual identity::Identity& identity() = 0;
  // In front of the API, by both doors.
  virtual http::Gate gate() = 0;
  // The port; nothing: it is turned off.
  virtual Result<std::optional<std::uint16_t>> listen_mqtts(mqtt::Broker& broker) = 0;
  virtual Result<std::optional<std::uint16_t>> listen_ws(mqtt::Broker& broker) = 0;
  virtual Result<std::optional<std::uint16_t>> listen_https(api::Api& api) = 0;
  // On the CoAP loop, which does not run yet. end_coaps() before `coap` goes.
  virtual Result<std::optional<std::uint16_t>> listen_coaps(NetLoop& loop, api::CoapApi& coap) = 0;
  virtual void end_coaps() = 0;
  // `committed`: time of the newest record known, a floor for the clock.
  virtual void start(mqtt::Broker& broker, Wall committed) = 0;
};

}  // namespace skerry::edge
