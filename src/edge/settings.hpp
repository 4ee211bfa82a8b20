// Settings: every key a gateway can be configured with, and its default.
#pragma once

#include "base/config.hpp"
#include "record/classes.hpp"
#include "sync/local_fields.hpp"
#include "twin/twin.hpp"

namespace skerry::edge {

config::Schema schema();
config::Sections sections();  // a line about each group of keys
// What no key can say by itself: all of the functions below. A file that passes it starts a gateway.
Result<> check(const config::Config& config);

// The class of each topic: `log.classes` where it is set, else the defaults. Errors name the bad filter or class.
Result<record::ClassRules> class_rules(const config::Config& config);

// `local.fields`: what never leaves. Errors name the filter.
Result<sync::LocalFields> local_fields(const config::Config& config);

// `twin.rules`, and failover.recovery.conflict_resolution for all other fields. Errors name the filter.
Result<twin::Rules> twin_rules(const config::Config& config);

Result<record::ClassMask> sync_classes(const config::Config& config);

// `site.time_zone`, or this machine's own. Code::invalid: no such zone here.
Result<std::string> time_zone(const config::Config& config);

// `port` moved by port_offset; 0 stays 0 (the system chooses).
Result<std::uint16_t> port(const config::Config& config, std::string_view key);

bool listens_on_loopback(const config::Config& config);

// Without TLS and accounts a gateway listens on loopback only: refuses another listen.host unless listen.insecure says
// so.
Result<std::string> listen_host(const config::Config& config);

}  // namespace skerry::edge
