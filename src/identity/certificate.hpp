// Certificates, requests and revocation lists (RFC 5280, RFC 2986): made, read, printed. OpenSSL stays in the .cpp.
//
// What is read is only read: whether it may be believed is verify.hpp's business. All types are shared, unchanging.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "identity/key.hpp"

struct x509_st;
struct X509_req_st;
struct X509_crl_st;

namespace skerry::identity {

// Parts of a distinguished name, in order: {"O", "Edge IoT CA"}, {"C", "US"}.
using NameParts = std::vector<std::pair<std::string, std::string>>;
// `O=Edge IoT CA, C=US, L=San Francisco`. Keys O, OU, C, ST, L, CN.
Result<NameParts> parse_name(std::string_view text);

// Whom a certificate of ours speaks for.
enum class Role : std::uint8_t { device, gateway, operator_ };
std::string_view name(Role role);

class Certificate {
 public:
  static Result<Certificate> from_pem(std::string_view pem);  // the first
  static Result<std::vector<Certificate>> all_from_pem(std::string_view pem);
  static Result<Certificate> from_der(Bytes der);  // nothing may follow it

  std::string pem() const;
  Buffer der() const;
  const std::string& common_name() const { return common_name_; }  // empty: none, or more than one
  const std::string& serial() const { return serial_; }            // hex, lower case
  const std::string& subject() const { return subject_; }          // RFC 2253
  const std::string& issuer() const { return issuer_; }
  Wall not_before() const { return not_before_; }
  Wall not_after() const { return not_after_; }
  const std::vector<std::string>& dns_names() const { return dns_names_; }
  const std::vector<std::string>& addresses() const { return addresses_; }  // as text
  std::string crl_url() const;         // the first distribution point's; empty: none
  Role role() const { return role_; }  // by the subject's OU: operator, gateway, else device
  Key key() const;
  std::string fingerprint() const;  // SHA-256 of the DER, hex

  x509_st* handle() const { return handle_.get(); }

 private:
  friend class Maker;
  static Result<Certificate> own(x509_st* handle);
  std::shared_ptr<x509_st> handle_;
  std::string common_name_;
  std::string serial_;
  std::string subject_;
  std::string issuer_;
  Wall not_before_{};
  Wall not_after_{};
  std::vector<std::string> dns_names_;
  std::vector<std::string> addresses_;
  Role role_ = Role::device;
};

// A PKCS#10 request whose signature proves that its sender holds the key. Extensions asked for are not looked at:
// the authority decides what stands in a certificate.
struct Request {
  Key key;
  std::string common_name;  // empty: none asked for
};
Result<Request> read_request_pem(std::string_view pem);
Result<Request> read_request_der(Bytes der);
Result<std::string> make_request_pem(const Key& key, std::string_view common_name);

enum class Purpose : std::uint8_t {
  root,    // self-signed; keyCertSign, cRLSign; no EKU
  issuer,  // path length 0; keyCertSign, cRLSign
  client,  // digitalSignature, keyEncipherment; clientAuth
  server,  // digitalSignature, keyEncipherment; serverAuth, clientAuth
};

struct Wanted {
  Purpose purpose = Purpose::client;
  NameParts subject;
  Key key;
  Wall not_before{};
  Wall not_after{};
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
  std::string crl_url;  // where its revocation list is; empty: it does not say
  Buffer serial;        // big-endian; made positive
};
// `issuer` is not looked at for Purpose::root.
Result<Certificate> make_certificate(const Wanted& wanted, const Certificate* issuer, const Key& issuer_key);

struct Revocation {
  std::string serial;  // hex
  Wall at{};
  std::string reason;  // key_compromise, superseded, cessation; anything else is unspecified
};

class RevocationList {
 public:
  static Result<RevocationList> from_pem(std::string_view pem);  // the first
  static Result<std::vector<RevocationList>> all_from_pem(std::string_view pem);
  std::string pem() const;
  Buffer der() const;
  const std::string& issuer() const { return issuer_; }
  Wall this_update() const { return this_update_; }
  Wall next_update() const { return next_update_; }
  std::vector<std::string> serials() const;
  bool signed_by(const Certificate& issuer) const;

 private:
  friend Result<RevocationList> make_crl(const std::vector<Revocation>&, const Certificate&, const Key&, Wall, Wall,
                                         std::uint64_t);
  static Result<RevocationList> own(X509_crl_st* handle);
  std::shared_ptr<X509_crl_st> handle_;
  std::string issuer_;
  Wall this_update_{};
  Wall next_update_{};
};
Result<RevocationList> make_crl(const std::vector<Revocation>& revoked, const Certificate& issuer, const Key& key,
                                Wall this_update, Wall next_update, std::uint64_t number);

// A degenerate PKCS#7 (RFC 5652 5.1, certs-only) as EST answers with it (RFC 7030 4.1.3), DER.
Result<Buffer> certificates_pkcs7(const std::vector<Certificate>& certificates);

}  // namespace skerry::identity
