// Host and Origin, compared as RFC 6454 and RFC 9110 7.2 write them.
#include "http/guard.hpp"

#include <algorithm>

#include "http/text.hpp"

namespace skerry::http {
namespace {

// An address cannot be rebound: only names can.
bool is_address(std::string_view name) {
  if (name.empty()) return false;
  return name.find(':') != std::string_view::npos || name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = host.substr(end + 1);
    return rest.empty() || rest.starts_with(':') ? host.substr(1, end - 1) : std::string_view{};
  }
  const auto name = host.substr(0, host.find(':'));
  return name.find_first_of("/@ ") == std::string_view::npos ? name : std::string_view{};
}

bool is_loopback_name(std::string_view name) { return same_name(name, "localhost") || is_loopback_address(name); }

bool is_loopback_address(std::string_view host) {
  return host == "::1" || host == "localhost" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

bool host_allowed(std::string_view host, bool loopback, const std::vector<std::string>& hosts) {
  const auto name = host_name(host);
  const auto listed = std::ranges::any_of(
      hosts, [&](const std::string& h) { return h == "*" || (!name.empty() && same_name(h, name)); });
  if (listed) return true;
  if (loopback) return !name.empty() && is_loopback_name(name);
  return hosts.empty() || is_loopback_name(name) || is_address(name);
}

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& origins) {
  if (std::ranges::any_of(origins, [&](const std::string& o) { return same_name(o, origin); })) return true;
  const auto scheme = origin.find("://");
  return scheme != std::string_view::npos && same_name(origin.substr(scheme + 3), host);
}

}  // namespace skerry::http
