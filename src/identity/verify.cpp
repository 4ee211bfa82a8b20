// Path validation by OpenSSL with a given time, and what it leaves out.
#include "identity/verify.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), StackFree>;

Fault fault_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return Fault::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return Fault::not_yet_valid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED: return Fault::unknown_ca;
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA: return Fault::wrong_use;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK: return Fault::weak;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION: return Fault::name_mismatch;
    default: return Fault::bad;
  }
}

bool strong_signature(X509* certificate) {
  int digest = NID_undef;
  int bits = 0;
  std::uint32_t flags = 0;
  int key = NID_undef;
  if (X509_get_signature_info(certificate, &digest, &key, &bits, &flags) != 1) return false;
  return bits >= 112 && digest != NID_sha1 && digest != NID_md5;
}

// What RFC 5280 asks of every certificate and OpenSSL does not look at.
Verdict check_each(X509* c, bool is_root) {
  if (X509_get_version(c) != X509_VERSION_3) return {Fault::bad, "a certificate of the chain is not of version 3"};
  const auto* const serial = X509_get0_serialNumber(c);
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  const bool positive = number != nullptr && BN_is_zero(number) == 0 && BN_is_negative(number) == 0;
  BN_free(number);
  if (!positive) return {Fault::bad, "a serial number is not positive (RFC 5280 4.1.2.2)"};
  if (ASN1_STRING_length(serial) > 20) return {Fault::bad, "a serial number has more than 20 octets"};
  EVP_PKEY* const key = X509_get0_pubkey(c);
  if (key == nullptr) return {Fault::bad, "a certificate's key cannot be read"};
  EVP_PKEY_up_ref(key);
  if (const auto strong = Key(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free)).check_strength(); !strong)
    return {Fault::weak, strong.error().what};
  if (!is_root && !strong_signature(c)) return {Fault::weak, "a signature of the chain is weaker than SHA-256"};
  int critical = -1;
  auto* const uses = static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(c, NID_ext_key_usage, &critical, nullptr));
  const bool empty = uses != nullptr && sk_ASN1_OBJECT_num(uses) == 0;
  sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
  if (empty || (uses == nullptr && critical == -2))
    return {Fault::bad, "an extended key usage is empty or there twice"};
  return {};
}

Verdict check_leaf(const Certificate& leaf, const VerifyOptions& options) {
  X509* const c = leaf.handle();
  const auto flags = X509_get_extension_flags(c);
  if ((flags & EXFLAG_INVALID) != 0) return {Fault::malformed, "an extension cannot be read"};
  if ((flags & EXFLAG_CA) != 0) return {Fault::wrong_use, "is the certificate of a CA"};
  const auto wanted = options.client ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
  if ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(c) & static_cast<unsigned>(wanted)) == 0)
    return {Fault::wrong_use, options.client ? "has no extended key usage clientAuth" : "has no serverAuth"};
  if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(c) & KU_DIGITAL_SIGNATURE) == 0)
    return {Fault::wrong_use, "has no key usage digitalSignature"};
  return {};
}

Verdict check_names(const Certificate& leaf, const VerifyOptions& options) {
  const auto& cn = leaf.common_name();
  if (cn.empty()) return {Fault::name_mismatch, "has no common name, or more than one"};
  if (leaf.role() != Role::device || options.suffix.empty()) return {};
  const auto own = cn + "." + options.suffix;
  bool found = false;
  for (const auto& dns : leaf.dns_names()) {
    if (dns == own)
      found = true;
    else if (dns.ends_with("." + options.suffix))
      return {Fault::name_mismatch, "names another device in its subject alternative names"};
  }
  if (!found) return {Fault::name_mismatch, "its subject alternative names do not hold " + own};
  return {};
}

Stack stack_of(std::span<const Certificate> all) {
  Stack stack(sk_X509_new_null());
  for (const auto& each : all) sk_X509_push(stack.get(), each.handle());
  return stack;
}

// The best that can be said of a leaf whose chain OpenSSL refused at several places is the first it finds.
int only_expiry_is_wrong(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  return X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED &&
                 X509_STORE_CTX_get_error_depth(context) == 0
             ? 1
             : 0;
}

}  // namespace

std::string_view name(Fault fault) {
  switch (fault) {
    case Fault::none: return "ok";
    case Fault::malformed: return "certificate_malformed";
    case Fault::expired: return "certificate_expired";
    case Fault::not_yet_valid: return "certificate_not_yet_valid";
    case Fault::unknown_ca: return "unknown_ca";
    case Fault::revoked: return "certificate_revoked";
    case Fault::wrong_use: return "certificate_wrong_use";
    case Fault::weak: return "certificate_weak";
    case Fault::name_mismatch: return "certificate_name_mismatch";
    default: return "certificate_bad";
  }
}

Verdict verify(const Certificate& leaf, std::span<const Certificate> untrusted, std::span<const Certificate> trusted,
               const VerifyOptions& options) {
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(), X509_STORE_free);
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(X509_STORE_CTX_new(),
                                                                                X509_STORE_CTX_free);
  const auto trust = stack_of(trusted);
  const auto others = stack_of(untrusted);
  INVARIANT(X509_STORE_CTX_init(context.get(), store.get(), leaf.handle(), others.get()) == 1);
  X509_STORE_CTX_set0_trusted_stack(context.get(), trust.get());
  auto* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::floor<std::chrono::seconds>(options.now).time_since_epoch().count());
  X509_VERIFY_PARAM_set_depth(parameters, 6);
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);
  if (options.ignore_expiry) X509_STORE_CTX_set_verify_cb(context.get(), only_expiry_is_wrong);
  const int good = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good != 1) return {fault_of(error), X509_verify_cert_error_string(error)};
  auto* const chain = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    if (auto bad = check_each(sk_X509_value(chain, i), i > 0 && i == sk_X509_num(chain) - 1); !bad.good()) return bad;
  }
  if (auto bad = check_leaf(leaf, options); !bad.good()) return bad;
  if (options.own_names) return check_names(leaf, options);
  return {};
}

}  // namespace skerry::identity
