// Who holds a port: so that "address in use" says something a person can act on.
#pragma once

#include <cstdint>
#include <string>

namespace skerry {

// "mosquitto (process 812)", or empty when nobody, or nobody we may look at, listens on it.
std::string port_holder(std::uint16_t port);

}  // namespace skerry
