// What the link's two sides show each other: certificates in files, and who a gateway's certificate speaks for.
//
// Files are PEM. `trusted`: the authorities that the other side's certificate must come from; one that is self-signed
// is a root, the others are issuers below it. `certificate`: our own, then its issuers. `revoked`: their revocation
// lists, where there are any.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "identity/certificate.hpp"
#include "identity/verify.hpp"

namespace skerry::link {

struct CredentialFiles {
  std::string trusted;
  std::string certificate;
  std::string key;
  std::string revoked;  // empty: nothing is revoked
};

struct Credentials {
  std::string trusted;
  std::string certificate;
  std::string key;
  std::string revoked;
  bool operator==(const Credentials&) const = default;
};
// Errors name the file and what is wrong in it: that there is none, that it holds no certificate. That key and
// certificate belong together is found out where they are used.
Result<Credentials> load_credentials(Files& files, const CredentialFiles& paths);

// Whom the cloud lets in.
class Judge {
 public:
  // `any_role`: a certificate need not say that it is a gateway's (OU=gateway, as `skerry pki issue --role gateway`
  // writes it). Code::invalid or Code::damaged: what is in the files cannot be used.
  static Result<Judge> make(const Credentials& credentials, bool any_role);

  struct Verdict {
    identity::Fault fault = identity::Fault::none;
    std::string reason;   // for metrics: `ok`, `certificate_expired`, `not_a_gateway` …
    std::string what;     // a sentence for people
    std::string gateway;  // that it speaks for: its common name
    bool good() const { return reason == "ok"; }
  };
  Verdict judge(Bytes leaf_der, Wall now) const;

 private:
  std::vector<identity::Certificate> roots_;
  std::vector<identity::Certificate> all_;
  std::vector<identity::RevocationList> lists_;
  bool any_role_ = false;
};

// Why a connection to the cloud did not come to be, or ended, for people and for a counter.
struct Trouble {
  std::string kind;  // unreachable, cloud_certificate, own_certificate, credentials, tls, refused, closed
  std::string text;
};
Trouble trouble_of(const Error& error, bool tls);

}  // namespace skerry::link
