// What Linux knows of a TCP connection's way, and how much it keeps before it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/loop.hpp"

namespace skerry::tcp_path {

bool keep_unsent_below(int fd, std::size_t bytes);
bool use_congestion_control(int fd, const std::string& name);
std::optional<PathInfo> path_info(int fd);

}  // namespace skerry::tcp_path
