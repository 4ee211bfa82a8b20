// `skerry up --lan`: a gateway that the network reaches, by TLS only, with an account and a device made for a start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cli/cli.hpp"

namespace skerry::cli {

// What to print once the ports are known.
using LanText = std::function<std::string(std::uint16_t mqtts, std::uint16_t https)>;

// Adds the settings that open the doors with TLS, and makes the account `admin` and the device `esp32` in the data
// folder where they are not there: their passwords are told this once. Code::not_found: the machine is on no network.
Result<LanText> prepare_lan(StartOptions& options);

}  // namespace skerry::cli
