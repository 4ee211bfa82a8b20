// Making certificates, requests and revocation lists.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "identity/certificate.hpp"
#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

using Name = std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)>;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

Result<Name> name_of(const NameParts& parts) {
  Name name(X509_NAME_new(), X509_NAME_free);
  for (const auto& [key, value] : parts) {
    if (X509_NAME_add_entry_by_txt(name.get(), key.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()),
                                   -1, 0) != 1)
      return fail(Code::invalid, "\"" + value + "\" cannot stand in a subject: " + openssl_reason(), key);
  }
  return name;
}

void set_time(ASN1_TIME* to, Wall at) {
  // UTCTime until 2049, GeneralizedTime after (RFC 5280 4.1.2.5): ASN1_TIME_set chooses.
  INVARIANT(ASN1_TIME_set(to, std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count()) != nullptr);
}

bool set_serial(ASN1_INTEGER* to, Bytes bytes) {
  BIGNUM* const number = BN_bin2bn(to_uchar(bytes), static_cast<int>(bytes.size()), nullptr);
  if (number == nullptr) return false;
  const bool good = BN_is_zero(number) == 0 && BN_to_ASN1_INTEGER(number, to) != nullptr;
  BN_free(number);
  return good;
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool good = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return good;
}

// Not by X509V3_EXT_conf: a name is data there and must not be read as configuration.
bool add_names(X509* certificate, const Wanted& wanted) {
  if (wanted.dns_names.empty() && wanted.addresses.empty()) return true;
  GENERAL_NAMES* const names = sk_GENERAL_NAME_new_null();
  for (const auto& dns : wanted.dns_names) {
    auto* const text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    auto* const each = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(each, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, each);
  }
  bool good = true;
  for (const auto& address : wanted.addresses) {
    auto* const bytes = a2i_IPADDRESS(address.c_str());
    good = good && bytes != nullptr;
    if (bytes == nullptr) continue;
    auto* const each = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(each, GEN_IPADD, bytes);
    sk_GENERAL_NAME_push(names, each);
  }
  good = good && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
  GENERAL_NAMES_free(names);
  return good;
}

bool add_crl_url(X509* certificate, const std::string& url) {
  auto* const text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, url.data(), static_cast<int>(url.size()));
  auto* const name = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(name, GEN_URI, text);
  auto* const point = DIST_POINT_new();
  point->distpoint = DIST_POINT_NAME_new();
  point->distpoint->type = 0;
  point->distpoint->name.fullname = GENERAL_NAMES_new();
  sk_GENERAL_NAME_push(point->distpoint->name.fullname, name);
  CRL_DIST_POINTS* const points = CRL_DIST_POINTS_new();
  sk_DIST_POINT_push(points, point);
  const bool good = X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points, 0, X509V3_ADD_DEFAULT) == 1;
  CRL_DIST_POINTS_free(points);
  return good;
}

bool add_extensions(X509* certificate, X509* issuer, const Wanted& wanted) {
  const bool ca = wanted.purpose == Purpose::root || wanted.purpose == Purpose::issuer;
  const char* const constraints = wanted.purpose == Purpose::root     ? "critical,CA:TRUE"
                                  : wanted.purpose == Purpose::issuer ? "critical,CA:TRUE,pathlen:0"
                                                                      : "critical,CA:FALSE";
  bool good = extend(certificate, issuer, NID_basic_constraints, constraints) &&
              extend(certificate, issuer, NID_key_usage,
                     ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,keyEncipherment") &&
              extend(certificate, issuer, NID_subject_key_identifier, "hash");
  if (wanted.purpose != Purpose::root)
    good = good && extend(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  if (wanted.purpose == Purpose::client) good = good && extend(certificate, issuer, NID_ext_key_usage, "clientAuth");
  if (wanted.purpose == Purpose::server)
    good = good && extend(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  if (!wanted.crl_url.empty()) good = good && add_crl_url(certificate, wanted.crl_url);
  return good && add_names(certificate, wanted);
}

}  // namespace

Result<NameParts> parse_name(std::string_view text) {
  static constexpr std::string_view known[] = {"O", "OU", "C", "ST", "L", "CN"};
  NameParts parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto part = trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    if (part.empty()) continue;
    const auto equals = part.find('=');
    const auto key = trimmed(part.substr(0, equals));
    if (equals == std::string_view::npos || std::ranges::find(known, key) == std::end(known))
      return fail(Code::invalid, "is no part of a name; expected KEY=value with O, OU, C, ST, L or CN",
                  std::string(part));
    parts.emplace_back(key, trimmed(part.substr(equals + 1)));
  }
  if (parts.empty()) return fail(Code::invalid, "is an empty name");
  TRY(name_of(parts));
  return parts;
}

// Has the way into Certificate's inside.
class Maker {
 public:
  static Result<Certificate> make(const Wanted& wanted, const Certificate* issuer, const Key& issuer_key) {
    std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    X509* const c = made.get();
    X509* const parent = issuer == nullptr ? c : issuer->handle();
    const auto subject = TRY(name_of(wanted.subject));
    auto serial = wanted.serial;
    if (!serial.empty()) serial[0] &= std::byte{0x7f};  // positive
    const bool good = X509_set_version(c, X509_VERSION_3) == 1 && set_serial(X509_get_serialNumber(c), serial) &&
                      X509_set_subject_name(c, subject.get()) == 1 &&
                      X509_set_issuer_name(c, issuer == nullptr ? subject.get() : X509_get_subject_name(parent)) == 1 &&
                      X509_set_pubkey(c, wanted.key.handle()) == 1;
    if (!good) return fail(Code::io, "cannot make the certificate: " + openssl_reason());
    set_time(X509_getm_notBefore(c), wanted.not_before);
    set_time(X509_getm_notAfter(c), wanted.not_after);
    if (!add_extensions(c, parent, wanted) || X509_sign(c, issuer_key.handle(), EVP_sha256()) == 0)
      return fail(Code::io, "cannot sign the certificate: " + openssl_reason());
    return Certificate::own(made.release());
  }
};

Result<Certificate> make_certificate(const Wanted& wanted, const Certificate* issuer, const Key& issuer_key) {
  return Maker::make(wanted, wanted.purpose == Purpose::root ? nullptr : issuer, issuer_key);
}

Result<std::string> make_request_pem(const Key& key, std::string_view common_name) {
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(X509_REQ_new(), X509_REQ_free);
  const auto subject = TRY(name_of({{"CN", std::string(common_name)}}));
  if (X509_REQ_set_version(request.get(), 0) != 1 || X509_REQ_set_subject_name(request.get(), subject.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.handle()) != 1 ||
      X509_REQ_sign(request.get(), key.handle(), EVP_sha256()) == 0)
    return fail(Code::io, "cannot make the request: " + openssl_reason());
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  INVARIANT(PEM_write_bio_X509_REQ(bio.get(), request.get()) == 1);
  return text_of(bio.get());
}

namespace {

Buffer from_hex(std::string_view text) {
  Buffer bytes;
  if (text.size() % 2 != 0) return bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    append_byte(bytes, static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

int crl_reason(std::string_view reason) {
  return reason == "key_compromise" ? CRL_REASON_KEY_COMPROMISE
         : reason == "superseded"   ? CRL_REASON_SUPERSEDED
         : reason == "cessation"    ? CRL_REASON_CESSATION_OF_OPERATION
                                    : -1;
}

bool add_revoked(X509_CRL* crl, const Revocation& each) {
  X509_REVOKED* const entry = X509_REVOKED_new();
  ASN1_INTEGER* const serial = ASN1_INTEGER_new();
  ASN1_TIME* const at = ASN1_TIME_new();
  set_time(at, each.at);
  bool good = set_serial(serial, from_hex(each.serial)) && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
              X509_REVOKED_set_revocationDate(entry, at) == 1;
  if (const int reason = crl_reason(each.reason); good && reason >= 0) {
    ASN1_ENUMERATED* const value = ASN1_ENUMERATED_new();
    ASN1_ENUMERATED_set(value, reason);
    good = X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, 0) == 1;
    ASN1_ENUMERATED_free(value);
  }
  ASN1_INTEGER_free(serial);
  ASN1_TIME_free(at);
  if (good && X509_CRL_add0_revoked(crl, entry) == 1) return true;
  X509_REVOKED_free(entry);
  return false;
}

}  // namespace

Result<RevocationList> make_crl(const std::vector<Revocation>& revoked, const Certificate& issuer, const Key& key,
                                Wall this_update, Wall next_update, std::uint64_t number) {
  std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> crl(X509_CRL_new(), X509_CRL_free);
  bool good = X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.handle())) == 1;
  ASN1_TIME* const time = ASN1_TIME_new();
  set_time(time, this_update);
  good = good && X509_CRL_set1_lastUpdate(crl.get(), time) == 1;
  set_time(time, next_update);
  good = good && X509_CRL_set1_nextUpdate(crl.get(), time) == 1;
  ASN1_TIME_free(time);
  for (const auto& each : revoked) good = good && add_revoked(crl.get(), each);
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.handle(), nullptr, nullptr, crl.get(), 0);
  X509_EXTENSION* const authority =
      X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always");
  good = good && authority != nullptr && X509_CRL_add_ext(crl.get(), authority, -1) == 1;
  X509_EXTENSION_free(authority);
  ASN1_INTEGER* const n = ASN1_INTEGER_new();
  ASN1_INTEGER_set_uint64(n, number);
  good = good && X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, n, 0, 0) == 1;
  ASN1_INTEGER_free(n);
  good = good && X509_CRL_sort(crl.get()) == 1 && X509_CRL_sign(crl.get(), key.handle(), EVP_sha256()) > 0;
  if (!good) return fail(Code::io, "cannot make the revocation list: " + openssl_reason());
  return RevocationList::own(crl.release());
}

}  // namespace skerry::identity
