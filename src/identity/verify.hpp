// Whether a certificate may be believed: stricter than OpenSSL by itself (what x509-limbo calls too lax is refused).
//
// Every certificate of the chain: version 3, a positive serial of at most 20 octets, a key that is not weak, a
// signature by SHA-256 or better, validity against the time given (never the system's clock), RFC 5280 in full
// (OpenSSL's X509_STRICT, name constraints included). The leaf, moreover: not a CA, an EKU that names the use,
// digitalSignature, and for a device a common name that its subject alternative names agree with. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "identity/certificate.hpp"

namespace skerry::identity {

enum class Fault : std::uint8_t {
  none,
  malformed,
  expired,
  not_yet_valid,
  unknown_ca,
  revoked,
  wrong_use,      // no clientAuth, a CA, no digitalSignature
  weak,           // key or signature
  name_mismatch,  // common name, subject alternative names, name constraints
  bad,            // anything else that RFC 5280 forbids
};
// `certificate_expired`, `unknown_ca` …: for problems, metrics and the audit log.
std::string_view name(Fault fault);

struct Verdict {
  Fault fault = Fault::none;
  std::string what;  // a sentence for people
  bool good() const { return fault == Fault::none; }
};

struct VerifyOptions {
  Wall now{};
  bool client = true;     // clientAuth, else serverAuth
  bool own_names = true;  // of a device of ours: SAN holds `{CN}.{suffix}` and no other name below it
  std::string suffix = "edge.local";
  bool ignore_expiry = false;  // of the leaf, for renewal: the caller judges how long ago
};

Verdict verify(const Certificate& leaf, std::span<const Certificate> untrusted, std::span<const Certificate> trusted,
               const VerifyOptions& options);

}  // namespace skerry::identity
