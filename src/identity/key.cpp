// Keys over OpenSSL's EVP, and the encodings around them.
#include "identity/key.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>

#include "identity/limits.hpp"
#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

Key own(EVP_PKEY* key) { return Key(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free)); }

// OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Buffer public_der(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  INVARIANT(size > 0);
  Buffer bytes(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + size);
  OPENSSL_free(der);
  return bytes;
}

bool verify_with(EVP_PKEY* key, Bytes message, Bytes signature, bool pss) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* inner = nullptr;
  const bool own_hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
  if (EVP_DigestVerifyInit(context.get(), &inner, own_hash ? nullptr : EVP_sha256(), nullptr, key) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_AUTO) != 1))
    return false;
  return EVP_DigestVerify(context.get(), to_uchar(signature), signature.size(), to_uchar(message), message.size()) == 1;
}

}  // namespace

std::string openssl_reason() {
  const auto error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* const text = ERR_reason_error_string(error);
  return text == nullptr ? "error " + std::to_string(error) : std::string(text);
}

Result<Key> Key::make_rsa(unsigned bits) {
  EVP_PKEY* const made = EVP_RSA_gen(bits);
  if (made == nullptr) return fail(Code::io, "cannot make an RSA key: " + openssl_reason());
  return own(made);
}

Result<Key> Key::make_p256() {
  EVP_PKEY* const made = EVP_EC_gen("P-256");
  if (made == nullptr) return fail(Code::io, "cannot make a P-256 key: " + openssl_reason());
  return own(made);
}

Result<Key> Key::from_private_pem(std::string_view pem) {
  const auto bio = bio_of(pem);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) return fail(Code::invalid, "is no private key in PEM: " + openssl_reason());
  return own(key);
}

Result<Key> Key::from_public_pem(std::string_view pem) {
  if (pem.size() > limits::pem_bytes_max) return fail(Code::invalid, "is too long for a public key");
  const auto bio = bio_of(pem);
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr);
  if (key == nullptr) return fail(Code::invalid, "is no public key in PEM (SubjectPublicKeyInfo): " + openssl_reason());
  return own(key);
}

std::string Key::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  INVARIANT(PEM_write_bio_PKCS8PrivateKey(bio.get(), handle_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio.get());
}

std::string Key::public_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  INVARIANT(PEM_write_bio_PUBKEY(bio.get(), handle_.get()) == 1);
  return text_of(bio.get());
}

std::string Key::id() const { return hex(sha256(public_der(handle_.get()))); }
bool Key::is_rsa() const { return EVP_PKEY_get_base_id(handle_.get()) == EVP_PKEY_RSA; }

Result<> Key::check_strength() const {
  const int kind = EVP_PKEY_get_base_id(handle_.get());
  const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(handle_.get()));
  if (kind == EVP_PKEY_ED25519) return {};
  if (kind == EVP_PKEY_RSA) {
    if (bits < limits::rsa_bits_min)
      return fail(Code::denied, "the key is weak: RSA of " + std::to_string(bits) + " bits, at least 2048 are needed");
    if (bits > limits::rsa_bits_max) return fail(Code::denied, "the RSA key has more than 8192 bits");
    const auto numbers = TRY(rsa_numbers());
    if (numbers.e.size() < 3 || (std::to_integer<unsigned>(numbers.e.back()) & 1U) == 0)
      return fail(Code::denied, "the key is weak: its RSA exponent is below 65537");
    return {};
  }
  if (kind == EVP_PKEY_EC) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(handle_.get(), group.data(), group.size(), &size) != 1)
      return fail(Code::denied, "the key's curve has no name");
    const std::string_view name(group.data(), size);
    if (name == "prime256v1" || name == "secp384r1" || name == "secp521r1") return {};
    return fail(Code::denied, "the key's curve is " + std::string(name) + "; P-256, P-384 and P-521 are taken");
  }
  return fail(Code::denied, "the key is none of RSA, ECDSA, Ed25519");
}

Result<Key::RsaNumbers> Key::rsa_numbers() const {
  const auto number = [this](const char* name) -> Buffer {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(handle_.get(), name, &value) != 1) return {};
    Buffer bytes(static_cast<std::size_t>(BN_num_bytes(value)));
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return bytes;
  };
  RsaNumbers numbers{number(OSSL_PKEY_PARAM_RSA_N), number(OSSL_PKEY_PARAM_RSA_E)};
  if (numbers.n.empty() || numbers.e.empty()) return fail(Code::invalid, "is no RSA key");
  return numbers;
}

Result<Buffer> Key::sign(Bytes message) const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool own_hash = EVP_PKEY_get_base_id(handle_.get()) == EVP_PKEY_ED25519;
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, own_hash ? nullptr : EVP_sha256(), nullptr, handle_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, to_uchar(message), message.size()) != 1)
    return fail(Code::io, "cannot sign: " + openssl_reason());
  Buffer signature(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, to_uchar(message),
                     message.size()) != 1)
    return fail(Code::io, "cannot sign: " + openssl_reason());
  signature.resize(size);
  return signature;
}

bool Key::verifies(Bytes message, Bytes signature) const {
  bool good = verify_with(handle_.get(), message, signature, false);
  if (!good && is_rsa()) good = verify_with(handle_.get(), message, signature, true);
  ERR_clear_error();
  return good;
}

// ---- bytes and texts ----

Buffer sha256(Bytes bytes) {
  Buffer digest(32);
  INVARIANT(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                       EVP_sha256(), nullptr) == 1);
  return digest;
}

Buffer hmac_sha256(Bytes key, Bytes message) {
  Buffer mac(32);
  std::size_t size = 0;
  INVARIANT(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), to_uchar(message),
                      message.size(), reinterpret_cast<unsigned char*>(mac.data()), mac.size(), &size) != nullptr);
  return mac;
}

std::string hex(Bytes bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto b : bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4U];
    text += digits[std::to_integer<unsigned>(b) & 15U];
  }
  return text;
}

namespace {

constexpr std::string_view plain_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string to_64(Bytes bytes, std::string_view digits) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  unsigned held = 0;
  unsigned bits = 0;
  for (const auto b : bytes) {
    held = (held << 8U) | std::to_integer<unsigned>(b);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += digits[(held >> bits) & 63U];
    }
  }
  if (bits > 0) text += digits[(held << (6 - bits)) & 63U];
  return text;
}

// What is left over at the end must be zero: one value has one text.
Result<Buffer> from_64(std::string_view text, std::string_view digits) {
  Buffer bytes;
  bytes.reserve(text.size() * 3 / 4);
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const auto at = digits.find(c);
    if (at == std::string_view::npos) return fail(Code::invalid, "is no base64: it has a character that is none");
    held = (held << 6U) | static_cast<unsigned>(at);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      append_byte(bytes, static_cast<std::uint8_t>(held >> bits));
    }
  }
  if (bits >= 6 || (held & ((1U << bits) - 1)) != 0) return fail(Code::invalid, "is no base64: its end is cut off");
  return bytes;
}

}  // namespace

std::string base64(Bytes bytes) {
  auto text = to_64(bytes, plain_digits);
  while (text.size() % 4 != 0) text += '=';
  return text;
}
std::string base64url(Bytes bytes) { return to_64(bytes, url_digits); }
Result<Buffer> from_base64url(std::string_view text) { return from_64(text, url_digits); }

Result<Buffer> from_base64(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != ' ') plain += c;
  }
  for (int i = 0; i < 2 && plain.ends_with('='); ++i) plain.pop_back();
  return from_64(plain, plain_digits);
}

bool same_secret(Bytes a, Bytes b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

Buffer random_bytes(Chance& chance, std::size_t count) {
  Buffer bytes;
  while (bytes.size() < count) append_le(bytes, chance.next());
  bytes.resize(count);
  return bytes;
}

std::string random_code(Chance& chance, std::size_t groups) {
  static constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string code;
  for (std::size_t g = 0; g < groups; ++g) {
    if (g != 0) code += '-';
    auto bits = chance.next();
    for (int i = 0; i < 5; ++i, bits >>= 5) code += digits[bits & 31U];
  }
  return code;
}

}  // namespace skerry::identity
