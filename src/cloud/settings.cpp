// The schema of the cloud side.
#include "cloud/settings.hpp"

namespace skerry::cloud {

namespace key = config::key;

// clang-format off
config::Schema schema() {
  constexpr auto restart = config::Effect::restart;
  return {
      key::integer("port_offset", 0, "ports", 0, 50000, restart, "Added to every port, so that several run side by side."),
      key::text("listen.host", "127.0.0.1", restart, "Address that HTTP listens on, and the link where link.host is empty."),
      key::boolean("listen.insecure", false, restart, "Allow listen.host to be reachable from outside without TLS and accounts."),
      key::choice("logging.level", "info", {"debug", "info", "warn", "error", "off"}, restart, "Least important event to tell."),
      key::choice("logging.format", "text", {"text", "json"}, restart, "How events are written to standard error."),
      key::text("database.url", "", restart, "Where all is kept: postgresql://user:password@host/name, which any number of these share; empty: SQLite in the data folder."),
      key::integer("http.port", 8090, "port", 0, 65535, restart, "API of the fleet, health, metrics; 0: the system chooses."),
      key::text("http.allowed_hosts", "", restart, "Names, besides this host's loopback names, that the API may be reached by (comma between)."),
      key::integer("link.port", 8091, "port", 0, 65535, restart, "Where gateways connect; 0: the system chooses."),
      key::text("link.host", "", restart, "Address that the link listens on; empty: listen.host. Outside loopback it needs certificates."),
      key::text("link.certificate", "", restart, "PEM file with the link's own certificate, then its issuers; with it gateways connect by wss:// only. Looked at every 10 s."),
      key::text("link.key", "", restart, "PEM file with its private key."),
      key::text("link.ca", "", restart, "PEM file with the authorities that gateways' certificates must come from, root and issuers."),
      key::text("link.crl", "", restart, "PEM file with their revocation lists; empty: nothing is revoked."),
      key::boolean("link.any_role", false, restart, "Let a certificate in that does not say that it is a gateway's (OU=gateway); its common name is the gateway's id all the same."),
  };
}
// clang-format on

config::Sections sections() {
  return {
      {"listen", "Where it listens."},     {"logging", "What it tells its operator, on standard error."},
      {"database", "Where all is kept."},  {"http", "The API of the fleet."},
      {"link", "Where gateways connect."},
  };
}

}  // namespace skerry::cloud
