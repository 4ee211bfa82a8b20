// Limits of identity: names, units, sources. What a site may change is a setting with this default.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/bytes.hpp"

namespace skerry::identity::limits {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// ---- certificates ----
inline constexpr unsigned root_rsa_bits = 4096;  // required
inline constexpr unsigned rsa_bits_min = 2048;   // of a device's key; NIST SP 800-57 part 1, table 2
inline constexpr unsigned rsa_bits_max = 8192;   // beyond it a check costs a stranger's milliseconds of ours
inline constexpr days root_valid{3652};          // 10 years, required
inline constexpr days issuer_valid{1826};        // 5 years
inline constexpr std::size_t issuers_max = 8;    // kept, whose certificates still verify: more than a root's life holds
inline constexpr days device_valid{365};         // 1 year, required
inline constexpr days server_valid{365};         // Mozilla's profile and browsers take at most 366
inline constexpr minutes backdated{5};           // notBefore, for devices whose clocks are a little behind
inline constexpr days renew_after_expiry{90};    // a known, unrevoked key may still renew
inline constexpr days crl_valid{7};              // nextUpdate; signed again at half of it
inline constexpr std::size_t id_bytes_max = 64;  // X.520 ub-common-name
inline constexpr std::size_t pem_bytes_max = 64 * KiB;
inline constexpr std::size_t chain_max = 8;  // certificates a peer may send

// ---- time ----
inline constexpr hours clock_leap_max{24};  // known_time.hpp; a clock set by hand after months may be off by hours

// ---- claim codes, challenges, tokens, sessions ----
inline constexpr days code_valid{30};
inline constexpr std::size_t codes_per_call_max = 100'000;
inline constexpr seconds challenge_valid{60};
inline constexpr std::size_t challenges_max = 50'000;        // unanswered, of all devices
inline constexpr std::size_t challenges_per_device_max = 8;  // the oldest goes
inline constexpr hours session_valid{1};                     // required
inline constexpr hours token_valid{24};                      // required
inline constexpr days token_key_valid{30};                   // then a new key signs; the old one still verifies
inline constexpr std::size_t token_bytes_max = 8 * KiB;
inline constexpr std::size_t sessions_max = 100'000;
inline constexpr seconds token_leeway{30};  // RFC 8725 allows for clocks that differ

// ---- accounts ----
inline constexpr std::size_t logins_max = 1'000;  // sessions of browsers
inline constexpr hours login_idle{8};             // without a request
inline constexpr hours login_valid{24};

// ---- refusals ----
inline constexpr unsigned failures_before_lock = 10;  // of one identity or address, within failure_window
inline constexpr minutes failure_window{5};
inline constexpr minutes lock_first{1};  // doubles with each further lock
inline constexpr hours lock_max{1};
inline constexpr std::size_t guarded_max = 20'000;            // identities and addresses remembered
inline constexpr unsigned takeovers_of_a_clone = 3;           // more within failure_window: two places, one key
inline constexpr unsigned audited_refusals_per_minute = 120;  // further ones are counted and told as a sum

// ---- the journal ----
inline constexpr std::size_t line_bytes_max = 64 * KiB;
inline constexpr std::size_t attributes_bytes_max = 16 * KiB;

static_assert(2 * lock_first <= lock_max);
static_assert(session_valid < token_valid);
static_assert(attributes_bytes_max < line_bytes_max);

}  // namespace skerry::identity::limits
