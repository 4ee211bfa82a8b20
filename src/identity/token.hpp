// Tokens: JWTs signed RS256 (RFC 7519, 7515), and the keys that sign them, as a JWKS (RFC 7517).
//
// Strict in what is taken (RFC 8725): the algorithm is pinned to RS256 whatever the header says, the key is found by
// kid among our own keys and by nothing else (no file, no URL, no embedded key), `crit` is refused, iss, aud and exp
// must be there and right. Keys are RSA 2048 in DATA/pki/tokens; a new one signs from token_key_valid on, old ones
// verify as long as a token of theirs may live.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "base/time.hpp"
#include "identity/key.hpp"

namespace skerry::identity {

struct Claims {
  std::string issuer;    // the gateway
  std::string audience;  // `skerry`
  std::string id;        // jti
  std::string device_id;
  std::string device_type;
  std::string access_level;  // of a session token; empty in a device's token
  std::optional<double> risk_score;
  Wall issued_at{};
  Wall expires_at{};
};

struct TokenKey {
  std::string kid;  // RFC 7638 thumbprint
  Key key;
  Wall made_at{};
};

class Tokens {
 public:
  static constexpr std::string_view audience = "skerry";

  static Result<Tokens> open(Files& files, std::string_view dir, std::string issuer, Wall now);

  Result<std::string> sign(const Claims& claims) const;
  // Code::denied; `what` says why, `where` is its short name: malformed, algorithm, key, signature, critical, issuer,
  // audience, expired, not_yet_valid.
  Result<Claims> verify(std::string_view token, Wall now) const;
  std::string jwks() const;
  // Makes a new key when the newest is old, drops those that nothing alive was signed by. True: something changed.
  Result<bool> rotate(Wall now, bool at_once = false);
  // Drops the keys that a clock which had run ahead made; what they signed is from the future, and not taken anyway.
  Result<> drop_after(Wall now);
  std::size_t keys() const { return keys_.size(); }
  const std::string& issuer() const { return issuer_; }

 private:
  Tokens(Files& files, std::string dir, std::string issuer)
      : files_(&files), dir_(std::move(dir)), issuer_(std::move(issuer)) {}
  std::string file_of(const TokenKey& each) const;
  Files* files_;
  std::string dir_;
  std::string issuer_;
  std::vector<TokenKey> keys_;  // newest first
};

// Three parts of base64url: what a password that is a token looks like.
bool looks_like_token(std::string_view text);

}  // namespace skerry::identity
