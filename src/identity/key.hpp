// Keys: RSA, P-256 and Ed25519 over OpenSSL, which stays in the .cpp. A Key is shared, unchanging, any thread.
//
// Signatures are over SHA-256: RSA PKCS#1 v1.5 (or PSS when verifying), ECDSA in DER (RFC 3279), Ed25519 over the
// message itself. Private keys leave only as PEM (PKCS#8) for a file that only its owner reads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/chance.hpp"
#include "base/result.hpp"

struct evp_pkey_st;

namespace skerry::identity {

class Key {
 public:
  Key() = default;
  explicit Key(std::shared_ptr<evp_pkey_st> handle) : handle_(std::move(handle)) {}

  static Result<Key> make_rsa(unsigned bits);
  static Result<Key> make_p256();
  static Result<Key> from_private_pem(std::string_view pem);
  static Result<Key> from_public_pem(std::string_view pem);  // SubjectPublicKeyInfo

  bool empty() const { return handle_ == nullptr; }
  std::string private_pem() const;
  std::string public_pem() const;
  std::string id() const;  // SHA-256 of its SubjectPublicKeyInfo, hex: names the key whatever certificate it is in
  // Code::denied, with the reason: RSA below 2048 bits or with a small exponent, curves other than P-256, P-384, P-521.
  Result<> check_strength() const;
  bool is_rsa() const;

  Result<Buffer> sign(Bytes message) const;
  bool verifies(Bytes message, Bytes signature) const;
  // RSA only: modulus and exponent, big-endian, for JWKS (RFC 7518 6.3.1).
  struct RsaNumbers {
    Buffer n;
    Buffer e;
  };
  Result<RsaNumbers> rsa_numbers() const;

  evp_pkey_st* handle() const { return handle_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> handle_;
};

// ---- bytes, hashes and texts that keys and tokens need ----
Buffer sha256(Bytes bytes);
Buffer hmac_sha256(Bytes key, Bytes message);  // RFC 2104
std::string hex(Bytes bytes);
std::string base64(Bytes bytes);                       // RFC 4648 section 4, padded, one line
Result<Buffer> from_base64(std::string_view text);     // strict but for line breaks and missing padding
std::string base64url(Bytes bytes);                    // section 5, unpadded
Result<Buffer> from_base64url(std::string_view text);  // strict: no padding, no line breaks
bool same_secret(Bytes a, Bytes b);                    // in constant time, where the lengths are equal
Buffer random_bytes(Chance& chance, std::size_t count);
// `groups` groups of five letters and digits that cannot be mistaken for each other (Crockford base 32): 25 bits each.
std::string random_code(Chance& chance, std::size_t groups);
std::string openssl_reason();  // of what failed last on this thread, cleared

}  // namespace skerry::identity
