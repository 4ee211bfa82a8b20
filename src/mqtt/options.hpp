// Options: what a site may change about the MQTT door. Defaults are the limits.
#pragma once

#include "mqtt/limits.hpp"

namespace skerry::mqtt {

struct Options {
  std::uint32_t packet_bytes_max = limits::packet_bytes_max;  // up to limits::packet_bytes_ceiling
  std::size_t client_id_bytes_max = limits::client_id_bytes_max;
  std::size_t connections_max = limits::connections_max;
  std::size_t sessions_max = limits::sessions_max;
  std::size_t subscriptions_per_session_max = limits::subscriptions_per_session_max;
  std::size_t retained_max = limits::retained_max;
  std::uint16_t topic_alias_max = limits::topic_alias_max;
  std::uint16_t receive_maximum = limits::receive_maximum;
  std::uint16_t inflight_max = limits::inflight_max;
  std::size_t unsent_bytes_max = limits::unsent_bytes_max;
  std::size_t will_bytes_max = limits::will_bytes_max;
  std::uint16_t keep_alive_s_max = 0;  // 0: whatever the client asks for, also none
  std::uint32_t session_expiry_s_max = limits::session_expiry_s_max;
  std::chrono::seconds connect_within = limits::connect_within;
  std::chrono::seconds command_expiry = limits::command_expiry;
  std::chrono::seconds checkpoint_every = limits::checkpoint_every;
};

}  // namespace skerry::mqtt
