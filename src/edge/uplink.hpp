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
// The way main, which is cloud.url, and those of link.ways.
Result<std::vector<link::WayOptions>> uplink_ways(const config::Config& config);
// A rate as people write it, 2Mbit or 256kbit (per second), in bytes per second; `adaptive` is 0.
Result<std::uint64_t> parse_rate(std::string_view text);
std::string uplink_json(const link::UplinkStatus& status);
std::string link_json(const link::UplinkStatus& status);         // how it is shared: /api/v1/link
std::string uplink_ways_json(const link::UplinkStatus& status);  // its ways and moves, which link_json() holds
// Statistics by device, as a list: /api/v1/link/devices.
std::string link_devices_json(const link::Devices& devices, std::string_view cursor, std::size_t limit);

}  // namespace skerry::edge
