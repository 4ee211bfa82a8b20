// The link to the cloud, as settings make it and as the API shows it.
#pragma once

#include <string>

#include "base/config.hpp"
#include "link/link.hpp"

namespace skerry::edge {

config::Schema uplink_schema();
// Errors name the key. `gateway` and `data_dir` are only carried along: a check has none.
Result<link::UplinkOptions> uplink_options(const config::Config& config, const std::string& gateway,
                                           const std::string& data_dir);
std::string uplink_json(const link::UplinkStatus& status);

}  // namespace skerry::edge
