// Passwords: kept as scrypt (RFC 7914) with a salt of their own, checked in constant time.
#pragma once

#include <string>
#include <string_view>

#include "base/chance.hpp"
#include "base/result.hpp"

namespace skerry::identity {

// `scrypt$N$r$p$salt$hash`, base64url. About 25 ms and 8 MiB.
std::string hash_password(std::string_view password, Chance& chance);
bool password_matches(std::string_view password, std::string_view stored);

}  // namespace skerry::identity
