// Identity behind the CoAP door with DTLS.
#pragma once

#include "coap/coap.hpp"
#include "identity/identity.hpp"

namespace skerry::edge {

tls::Verdict alert_of(identity::Fault fault);

// All but the server's own certificate and key.
coap::SecureOptions coap_access(identity::Identity& identity);

}  // namespace skerry::edge
