// The cloud's JSON: what a gateway's API gives, with `gateway_id` added.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/shelf.hpp"

namespace skerry::cloud {

struct Reached {
  std::string state;
  Wall at;
  std::string detail;
};

void append_reading(std::string& to, std::string_view gateway, const ReadingView& reading);
std::string alert_text(std::string_view gateway, Wall received_at, std::uint64_t offset, std::string_view payload);
std::string command_text(std::string_view gateway, std::string_view payload, const std::vector<Reached>& reached,
                         std::string_view more = {});  // members, each behind a comma
void append_fate_news(std::string& to, std::string_view gateway, std::string_view command, std::string_view device,
                      std::string_view state, Wall at);
// Appends `data` of an object that is being written, as a gateway does.
std::string payload_members(Bytes payload, EventTime timestamp, Wall received_at);

}  // namespace skerry::cloud
