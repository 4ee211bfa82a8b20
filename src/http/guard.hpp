// Who may ask: the Host and Origin of a request, against DNS rebinding and forged requests from web pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skerry::http {

// Without the port; of an IPv6 literal without the brackets. Empty when it is no host.
std::string_view host_name(std::string_view host);
bool is_loopback_name(std::string_view name);
bool is_loopback_address(std::string_view host);

// May be answered. Not on loopback: any name where nothing is listed, else the listed ones and addresses.
bool host_allowed(std::string_view host, bool loopback, const std::vector<std::string>& hosts);
// An Origin header may change things: it names the host asked, or is listed.
bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& origins);

}  // namespace skerry::http
