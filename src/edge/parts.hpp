// What the settings make of each part of a gateway: at its start, and again at a reload.
#pragma once

#include <string>
#include <vector>

#include "api/api.hpp"
#include "base/config.hpp"
#include "coap/actions.hpp"
#include "log/log.hpp"
#include "mqtt/mqtt.hpp"
#include "stream/stream.hpp"

namespace skerry::edge {

log::Options log_options(const config::Config& config);
mqtt::Options mqtt_options(const config::Config& config);
api::Options api_options(const config::Config& config);
coap::ActionOptions action_options(const config::Config& config, const record::ClassRules& classes,
                                   std::string checkpoint_path);
void configure_logger(const config::Config& config);
// The shipped ones, the demo's (empty: none), then the site's own; one of the site's with a shipped one's name takes
// its place.
Result<std::vector<stream::PipelineText>> find_pipelines(Files& files, const config::Config& config,
                                                         const std::string& data_dir, std::string_view demo);

}  // namespace skerry::edge
