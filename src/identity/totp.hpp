// Time-based one-time passwords (RFC 6238): SHA-1, 30 seconds, 6 digits, as every authenticator app has them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace skerry::identity {

std::string totp_at(Bytes secret, std::uint64_t step);
// The step that the code is of: now, the one before or after; nothing: of none. In constant time for each.
std::optional<std::uint64_t> totp_step_of(Bytes secret, std::string_view code, Wall now);
// For an app: `otpauth://totp/…`, its secret in base 32 (RFC 4648 6).
std::string totp_uri(Bytes secret, std::string_view account, std::string_view issuer);

}  // namespace skerry::identity
