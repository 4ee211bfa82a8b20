// The keys of security: TLS doors, PKI, risk, policy.
#include "edge/security.hpp"

namespace skerry::edge {

namespace key = config::key;

// clang-format off
config::Schema security_schema() {
  constexpr auto restart = config::Effect::restart;
  constexpr double year = 31536000;
  return {
      key::choice("security.mode", "default", {"default", "strict"}, restart, "strict: every door needs an identity, on loopback too."),
      key::boolean("security.allow_anonymous", true, restart, "Let clients without credentials in on the plain doors; on loopback only."),
      key::text("security.policy", "", restart, "File that says who may publish, subscribe and ask for what; empty: devices speak under their own id. Read again when it changes."),
      key::choice("security.cloned", "flag", {"flag", "quarantine"}, restart, "What happens to an identity that is used at two places."),
      key::integer("security.identity_rate", 60, "per minute", 0, 1000000, restart, "Connections, challenges, sessions and tokens of one identity; what comes faster is refused. 0: no limit."),
      key::integer("security.address_rate", 600, "per minute", 0, 1000000, restart, "Log-ins, registrations and challenges from one address that is not loopback; what comes faster is refused. 0: no limit."),

      key::boolean("mqtts.enabled", true, restart, "Listen for MQTT with TLS."),
      key::integer("mqtts.port", 8883, "port", 0, 65535, restart, "MQTT with TLS; 0: the system chooses, as it does where mqtt.port is 0 and this is not set."),
      key::choice("mqtts.client_certificate", "optional", {"optional", "required"}, restart, "optional: a client without one needs a token or a password."),
      key::boolean("ws.enabled", true, restart, "Listen for MQTT over WebSocket, at /mqtt."),
      key::integer("ws.port", 8084, "port", 0, 65535, restart, "MQTT over WebSocket; 0: the system chooses, as it does where mqtt.port is 0 and this is not set."),
      key::boolean("ws.tls", false, restart, "With TLS (wss), as it must be outside loopback."),
      key::boolean("coaps.enabled", true, restart, "Listen for CoAP over DTLS: certificates and pre-shared keys."),
      key::integer("coaps.port", 5684, "port", 0, 65535, restart, "CoAP over DTLS; 0: the system chooses, as it does where coap.port is 0 and this is not set."),
      key::boolean("https.enabled", true, restart, "Listen for HTTPS with mutual TLS: registration, sessions, EST."),
      key::integer("https.port", 8443, "port", 0, 65535, restart, "HTTPS; 0: the system chooses, as it does where http.port is 0 and this is not set."),

      key::text("tls.host", "", restart, "Address that the doors with TLS listen on; empty: listen.host."),
      key::text("tls.names", "", restart, "Names and addresses, besides localhost, 127.0.0.1 and ::1, that the server's certificate names (comma between)."),
      key::number("tls.handshakes_per_second", 1000, "handshakes per second", 0, 1e6, restart, "Of each door; others wait their turn. 0: no limit."),

      key::choice("pki.issuer", "p256", {"p256", "root"}, restart, "What signs devices' certificates: a P-256 issuer below the root, or the root itself."),
      key::text("pki.subject.ca", "O=Edge IoT CA, C=US, L=San Francisco", restart, "Subject of the site's root."),
      key::text("pki.subject.device", "O=Edge IoT Device, C=US, L=Edge", restart, "Subject of a device's certificate, besides its common name."),
      key::text("pki.name_suffix", "edge.local", restart, "What follows the id in a device's subject alternative name."),
      key::duration("pki.device_valid", "365d", 60, 10 * year, restart, "How long a device's certificate is valid."),
      key::duration("pki.renew_after_expiry", "90d", 0, year, restart, "How long after its expiry a known, unrevoked key may renew."),
      key::choice("pki.crl_stale", "warn", {"warn", "refuse"}, restart, "What a revocation list past its nextUpdate does: warn and add risk, or refuse every certificate."),
      key::text("pki.crl_url", "", restart, "Where the server's certificate says that the revocation list is (DER); empty: /pki/crl.der of the HTTPS door, where its port is fixed."),
      key::boolean("pki.crl_renew", true, restart, "Sign the revocation list again before it is stale; off where somebody else signs it."),

      key::number("risk.location", 0.3, "risk", 0, 1, restart, "Added where the location differs."),
      key::number("risk.hour", 0.2, "risk", 0, 1, restart, "Added at unusual hours."),
      key::integer("risk.day_begins", 6, "hour", 0, 23, restart, "Local hours below are unusual."),
      key::integer("risk.day_ends", 22, "hour", 0, 23, restart, "Local hours above are unusual."),
      key::number("risk.address", 0.4, "risk", 0, 1, restart, "Added for a suspicious address."),
      key::text("risk.suspicious", "", restart, "Suspicious addresses and networks: 203.0.113.0/24 (comma between)."),
      key::number("risk.behaviour_above", 0.5, "anomaly", 0, 1, restart, "A behaviour anomaly above adds its own value."),
      key::number("risk.cloned", 0.4, "risk", 0, 1, restart, "Added for an identity that was seen at two places."),
      key::number("risk.crl_stale", 0.1, "risk", 0, 1, restart, "Added while the revocation list is stale."),
      key::number("risk.restricted_from", 0.2, "risk", 0, 1, restart, "Below it a session has the device's clearance."),
      key::number("risk.minimal_from", 0.5, "risk", 0, 1, restart, "Below it a session is restricted, from it on minimal."),
  };
}
// clang-format on

}  // namespace skerry::edge
