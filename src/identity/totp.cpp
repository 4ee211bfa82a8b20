// HMAC-SHA-1 and dynamic truncation (RFC 4226 5.3).
#include "identity/totp.hpp"

#include <openssl/evp.h>

#include "identity/key.hpp"
#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

constexpr std::uint64_t step_seconds = 30;

std::string base32(Bytes bytes) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const auto each : bytes) {
    bits = (bits << 8) | std::to_integer<std::uint32_t>(each);
    for (held += 8; held >= 5; held -= 5) text += letters[(bits >> (held - 5)) & 31];
  }
  if (held > 0) text += letters[(bits << (5 - held)) & 31];
  return text;
}

}  // namespace

std::string totp_at(Bytes secret, std::uint64_t step) {
  unsigned char message[8];
  for (int i = 7; i >= 0; --i, step >>= 8) message[i] = static_cast<unsigned char>(step & 255);
  unsigned char mac[20];
  std::size_t size = 0;
  INVARIANT(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA1", nullptr, secret.data(), secret.size(), message, sizeof message,
                      mac, sizeof mac, &size) != nullptr);
  const int at = mac[19] & 15;
  const std::uint32_t number = (static_cast<std::uint32_t>(mac[at] & 127) << 24) |
                               (static_cast<std::uint32_t>(mac[at + 1]) << 16) |
                               (static_cast<std::uint32_t>(mac[at + 2]) << 8) | mac[at + 3];
  auto text = std::to_string(number % 1'000'000);
  return std::string(6 - text.size(), '0') + text;
}

std::optional<std::uint64_t> totp_step_of(Bytes secret, std::string_view code, Wall now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto step = static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 30)) / step_seconds;
  std::optional<std::uint64_t> found;
  for (const auto each : {step - 1, step, step + 1}) {
    if (same_secret(as_bytes(totp_at(secret, each)), as_bytes(code))) found = each;
  }
  return found;
}

std::string totp_uri(Bytes secret, std::string_view account, std::string_view issuer) {
  return "otpauth://totp/" + std::string(issuer) + ":" + std::string(account) + "?secret=" + base32(secret) +
         "&issuer=" + std::string(issuer);
}

}  // namespace skerry::identity
