// Reading certificates, requests and revocation lists.
#include "identity/certificate.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "identity/limits.hpp"
#include "identity/openssl.hpp"

namespace skerry::identity {
namespace {

int no_passphrase(char*, int, int, void*) { return -1; }

Wall time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  using namespace std::chrono;
  const year_month_day date{year{parts.tm_year + 1900}, month{static_cast<unsigned>(parts.tm_mon + 1)},
                            day{static_cast<unsigned>(parts.tm_mday)}};
  return Wall{} + (sys_days{date} - sys_days{}) + hours{parts.tm_hour} + minutes{parts.tm_min} + seconds{parts.tm_sec};
}

std::string name_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return text_of(bio.get());
}

// The only entry of that kind; empty when there is none, or more than one, or a NUL in it.
std::string only_entry(const X509_NAME* name, int nid) {
  const int at = X509_NAME_get_index_by_NID(name, nid, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text.find('\0') == std::string::npos ? text : std::string();
}

std::string serial_hex(const ASN1_INTEGER* serial) {
  BIGNUM* const number = ASN1_INTEGER_to_BN(serial, nullptr);
  if (number == nullptr) return {};
  Buffer bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  const bool negative = BN_is_negative(number) != 0;
  BN_free(number);
  return (negative ? "-" : "") + hex(bytes);
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  const auto* const data = ASN1_STRING_get0_data(bytes);
  const int size = ASN1_STRING_length(bytes);
  if (size == 4) return ::inet_ntop(AF_INET, data, text, sizeof text);
  if (size == 16) return ::inet_ntop(AF_INET6, data, text, sizeof text);
  return {};
}

}  // namespace

std::string Certificate::crl_url() const {
  auto* const points =
      static_cast<CRL_DIST_POINTS*>(X509_get_ext_d2i(handle_.get(), NID_crl_distribution_points, nullptr, nullptr));
  std::string url;
  for (int i = 0; url.empty() && i < sk_DIST_POINT_num(points); ++i) {
    const auto* const name = sk_DIST_POINT_value(points, i)->distpoint;
    if (name == nullptr || name->type != 0) continue;
    for (int k = 0; url.empty() && k < sk_GENERAL_NAME_num(name->name.fullname); ++k) {
      const auto* const each = sk_GENERAL_NAME_value(name->name.fullname, k);
      if (each->type != GEN_URI) continue;
      const auto* const text = each->d.uniformResourceIdentifier;
      url.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                 static_cast<std::size_t>(ASN1_STRING_length(text)));
    }
  }
  CRL_DIST_POINTS_free(points);
  ERR_clear_error();
  return url;
}

Result<Certificate> Certificate::own(x509_st* handle) {
  Certificate made;
  made.handle_ = std::shared_ptr<x509_st>(handle, X509_free);
  const auto* const subject = X509_get_subject_name(handle);
  made.common_name_ = only_entry(subject, NID_commonName);
  made.subject_ = name_text(subject);
  made.issuer_ = name_text(X509_get_issuer_name(handle));
  made.serial_ = serial_hex(X509_get0_serialNumber(handle));
  made.not_before_ = time_of(X509_get0_notBefore(handle));
  made.not_after_ = time_of(X509_get0_notAfter(handle));
  const auto unit = only_entry(subject, NID_organizationalUnitName);
  made.role_ = unit == "operator" ? Role::operator_ : unit == "gateway" ? Role::gateway : Role::device;
  auto* const names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(handle, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const auto* const each = sk_GENERAL_NAME_value(names, i);
    if (each->type == GEN_DNS) {
      made.dns_names_.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName)),
                                   static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
    } else if (each->type == GEN_IPADD) {
      made.addresses_.push_back(address_text(each->d.iPAddress));
    }
  }
  GENERAL_NAMES_free(names);
  ERR_clear_error();
  return made;
}

std::string_view name(Role role) {
  switch (role) {
    case Role::gateway: return "gateway";
    case Role::operator_: return "operator";
    default: return "device";
  }
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
  if (pem.size() > limits::pem_bytes_max) return fail(Code::invalid, "is too long for a certificate");
  const auto bio = bio_of(pem);
  auto* const handle = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr);
  if (handle == nullptr) return fail(Code::invalid, "is no certificate in PEM: " + openssl_reason());
  return own(handle);
}

Result<std::vector<Certificate>> Certificate::all_from_pem(std::string_view pem) {
  std::vector<Certificate> all;
  const auto bio = bio_of(pem);
  while (auto* const handle = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
    all.push_back(TRY(own(handle)));
  ERR_clear_error();
  if (all.empty()) return fail(Code::invalid, "holds no certificate in PEM");
  return all;
}

Result<Certificate> Certificate::from_der(Bytes der) {
  if (der.size() > limits::pem_bytes_max) return fail(Code::invalid, "is too long for a certificate");
  const auto* at = to_uchar(der);
  auto* const handle = d2i_X509(nullptr, &at, static_cast<long>(der.size()));
  if (handle == nullptr) return fail(Code::invalid, "is no certificate: " + openssl_reason());
  auto made = own(handle);
  if (at != to_uchar(der) + der.size()) return fail(Code::invalid, "has bytes after the certificate");
  return made;
}

std::string Certificate::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  INVARIANT(PEM_write_bio_X509(bio.get(), handle_.get()) == 1);
  return text_of(bio.get());
}

Buffer Certificate::der() const {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(handle_.get(), &bytes);
  INVARIANT(size > 0);
  Buffer der(reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + size);
  OPENSSL_free(bytes);
  return der;
}

std::string Certificate::fingerprint() const { return hex(sha256(der())); }

Key Certificate::key() const {
  EVP_PKEY* const key = X509_get_pubkey(handle_.get());  // a reference of ours
  ERR_clear_error();
  return key == nullptr ? Key() : Key(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

// ---- requests ----

namespace {

Result<Request> read_request(X509_REQ* handle) {
  if (handle == nullptr) return fail(Code::invalid, "is no certificate request (PKCS#10): " + openssl_reason());
  const std::unique_ptr<X509_REQ, decltype(&X509_REQ_free)> request(handle, X509_REQ_free);
  EVP_PKEY* const key = X509_REQ_get_pubkey(handle);
  if (key == nullptr) return fail(Code::invalid, "the request's key cannot be read: " + openssl_reason());
  Request made{.key = Key(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free))};
  // Strength first: checking a signature by a giant key is work that a stranger could order.
  TRY(made.key.check_strength());
  if (X509_REQ_verify(handle, key) != 1) {
    ERR_clear_error();
    return fail(Code::denied, "the request's signature is not by its key");
  }
  made.common_name = only_entry(X509_REQ_get_subject_name(handle), NID_commonName);
  ERR_clear_error();
  return made;
}

}  // namespace

Result<Request> read_request_pem(std::string_view pem) {
  if (pem.size() > limits::pem_bytes_max) return fail(Code::invalid, "is too long for a certificate request");
  const auto bio = bio_of(pem);
  return read_request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_passphrase, nullptr));
}

Result<Request> read_request_der(Bytes der) {
  if (der.size() > limits::pem_bytes_max) return fail(Code::invalid, "is too long for a certificate request");
  const auto* at = to_uchar(der);
  return read_request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
}

// ---- revocation lists ----

Result<RevocationList> RevocationList::own(X509_crl_st* handle) {
  RevocationList made;
  made.handle_ = std::shared_ptr<X509_crl_st>(handle, X509_CRL_free);
  made.issuer_ = name_text(X509_CRL_get_issuer(handle));
  made.this_update_ = time_of(X509_CRL_get0_lastUpdate(handle));
  made.next_update_ = time_of(X509_CRL_get0_nextUpdate(handle));
  ERR_clear_error();
  return made;
}

Result<RevocationList> RevocationList::from_pem(std::string_view pem) { return TRY(all_from_pem(pem)).front(); }

Result<std::vector<RevocationList>> RevocationList::all_from_pem(std::string_view pem) {
  std::vector<RevocationList> all;
  const auto bio = bio_of(pem);
  while (auto* const handle = PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr))
    all.push_back(TRY(own(handle)));
  ERR_clear_error();
  if (all.empty()) return fail(Code::invalid, "holds no revocation list in PEM");
  return all;
}

std::string RevocationList::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free_all);
  INVARIANT(PEM_write_bio_X509_CRL(bio.get(), handle_.get()) == 1);
  return text_of(bio.get());
}

Buffer RevocationList::der() const {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_CRL(handle_.get(), &bytes);
  INVARIANT(size > 0);
  Buffer der(reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + size);
  OPENSSL_free(bytes);
  return der;
}

std::vector<std::string> RevocationList::serials() const {
  std::vector<std::string> all;
  auto* const revoked = X509_CRL_get_REVOKED(handle_.get());
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
    all.push_back(serial_hex(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i))));
  return all;
}

bool RevocationList::signed_by(const Certificate& issuer) const {
  const auto key = issuer.key();
  const bool good = issuer.subject() == issuer_ && !key.empty() && X509_CRL_verify(handle_.get(), key.handle()) == 1;
  ERR_clear_error();
  return good;
}

// ---- PKCS#7 ----

Result<Buffer> certificates_pkcs7(const std::vector<Certificate>& certificates) {
  const std::unique_ptr<PKCS7, decltype(&PKCS7_free)> box(PKCS7_new(), PKCS7_free);
  bool good = PKCS7_set_type(box.get(), NID_pkcs7_signed) == 1 && PKCS7_content_new(box.get(), NID_pkcs7_data) == 1 &&
              PKCS7_set_detached(box.get(), 1) == 1;
  for (const auto& each : certificates) good = good && PKCS7_add_certificate(box.get(), each.handle()) == 1;
  unsigned char* bytes = nullptr;
  const int size = good ? i2d_PKCS7(box.get(), &bytes) : 0;
  if (size <= 0) return fail(Code::io, "cannot pack the certificates: " + openssl_reason());
  Buffer der(reinterpret_cast<std::byte*>(bytes), reinterpret_cast<std::byte*>(bytes) + size);
  OPENSSL_free(bytes);
  return der;
}

}  // namespace skerry::identity
