// Handshakes judged by OpenSSL's callbacks, below libcoap, which knows neither our alerts nor our clock.
#include "coap/dtls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "base/logger.hpp"

namespace skerry::coap {
namespace {

// RFC 7925 and RFC 7252 9.1.3: the CCM_8 suites are mandatory, and what small clients have.
constexpr const char* suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-CCM:"
    "ECDHE-ECDSA-AES128-CCM8:ECDHE-PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:"
    "PSK-CHACHA20-POLY1305:PSK-AES128-CCM:PSK-AES128-CCM8";
constexpr const char* curves = "X25519:P-256:P-384";

int no_passphrase(char*, int, int, void*) { return -1; }

int error_of(tls::Verdict verdict) {
  switch (verdict) {
    case tls::Verdict::good: return X509_V_OK;
    case tls::Verdict::expired: return X509_V_ERR_CERT_HAS_EXPIRED;
    case tls::Verdict::unknown_ca: return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case tls::Verdict::revoked: return X509_V_ERR_CERT_REVOKED;
    case tls::Verdict::unsupported: return X509_V_ERR_INVALID_PURPOSE;
    default: return X509_V_ERR_CERT_REJECTED;
  }
}

Buffer der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  Buffer bytes(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + std::max(size, 0));
  OPENSSL_free(der);
  return bytes;
}

// libcoap keeps its session as the application's data of the SSL.
int judge(X509_STORE_CTX* context, void* verify) {
  const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto peer = address_of(static_cast<const coap_session_t*>(SSL_get_app_data(ssl)));
  const auto verdict = (*static_cast<const tls::Verify*>(verify))(der_of(X509_STORE_CTX_get0_cert(context)), peer);
  X509_STORE_CTX_set_error(context, error_of(verdict));
  return verdict == tls::Verdict::good ? 1 : 0;
}

SSL* ssl_of(const coap_session_t* session) {
  coap_tls_library_t library = COAP_TLS_LIBRARY_NOTLS;
  auto* const found = coap_session_get_tls(session, &library);
  return library == COAP_TLS_LIBRARY_OPENSSL ? static_cast<SSL*>(found) : nullptr;
}

}  // namespace

bool is_secure(const coap_session_t* session) { return coap_session_get_proto(session) == COAP_PROTO_DTLS; }

Address address_of(const coap_session_t* session) {
  const auto* const remote = coap_session_get_addr_remote(session);
  char text[INET6_ADDRSTRLEN] = {};
  const bool six = remote->addr.sa.sa_family == AF_INET6;
  ::inet_ntop(remote->addr.sa.sa_family,
              six ? static_cast<const void*>(&remote->addr.sin6.sin6_addr) : &remote->addr.sin.sin_addr, text,
              sizeof text);
  return {text, coap_address_get_port(remote)};
}

Dtls::~Dtls() {
  for (auto& [session, each] : sessions_) each.speaker.reset();
}

Result<> Dtls::reload(std::string_view chain_pem, std::string_view key_pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> chain(
      BIO_new_mem_buf(chain_pem.data(), static_cast<int>(chain_pem.size())), BIO_free_all);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> key(
      BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), BIO_free_all);
  std::vector<std::shared_ptr<X509>> all;
  while (auto* const each = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr))
    all.emplace_back(each, X509_free);
  const std::shared_ptr<EVP_PKEY> own(PEM_read_bio_PrivateKey(key.get(), nullptr, no_passphrase, nullptr),
                                      EVP_PKEY_free);
  ERR_clear_error();
  if (all.empty() || !own || X509_check_private_key(all.front().get(), own.get()) != 1) {
    ERR_clear_error();
    return fail(Code::invalid, "the server's certificate and key do not belong together");
  }
  certificate_ = all.front();
  chain_.assign(all.begin() + 1, all.end());
  key_ = own;
  return {};
}

Result<> Dtls::start(SecureOptions options) {
  options_ = std::move(options);
  TRY(reload(options_.chain_pem, options_.key_pem));
  pki_.version = COAP_DTLS_PKI_SETUP_VERSION;
  pki_.verify_peer_cert = 1;
  pki_.additional_tls_setup_call_back = &Dtls::set_up;
  pki_.cn_call_back_arg = this;  // the way to us for set_up(): there is no argument of its own
  const auto bytes = [](const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.c_str()); };
  pki_.pki_key.key_type = COAP_PKI_KEY_PEM_BUF;
  pki_.pki_key.key.pem_buf = {bytes(options_.authorities_pem), bytes(options_.chain_pem),
                              bytes(options_.key_pem),         options_.authorities_pem.size() + 1,
                              options_.chain_pem.size() + 1,   options_.key_pem.size() + 1};
  if (coap_context_set_pki(context_, &pki_) != 1) return fail(Code::invalid, "libcoap does not take the certificate");
  static constexpr std::uint8_t none[] = "a key that is asked for by name";  // libcoap looks at PSK only with one
  coap_dtls_spsk_t psk{};
  psk.version = COAP_DTLS_SPSK_SETUP_VERSION;
  psk.validate_id_call_back = &Dtls::key_of;
  psk.id_call_back_arg = this;
  psk.psk_info.key = {sizeof none, none};
  if (coap_context_set_psk2(context_, &psk) != 1) return fail(Code::invalid, "libcoap does not take pre-shared keys");
  coap_context_set_max_handshake_sessions(context_, handshakes_max);
  coap_context_set_max_idle_sessions(context_, sessions_idle_max);
  coap_context_set_session_timeout(context_, static_cast<unsigned>(session_idle.count()));
  return {};
}

int Dtls::set_up(void* ssl, coap_dtls_pki_t* setup) {
  return static_cast<const Dtls*>(setup->cn_call_back_arg)->set_up_session(static_cast<SSL*>(ssl));
}

// Called at the ClientHello of every session, whichever way it goes on.
int Dtls::set_up_session(SSL* ssl) const {
  auto* const chain = sk_X509_new_null();
  for (const auto& each : chain_) sk_X509_push(chain, each.get());
  const bool good = SSL_use_cert_and_key(ssl, certificate_.get(), key_.get(), chain, 1) == 1 &&
                    SSL_set_cipher_list(ssl, suites) == 1 && SSL_set1_groups_list(ssl, curves) == 1;
  sk_X509_free(chain);
  SSL_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(ssl), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cert_verify_callback(SSL_get_SSL_CTX(ssl), judge, const_cast<tls::Verify*>(&options_.verify));
  SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  ERR_clear_error();
  return good ? 1 : 0;
}

const coap_bin_const_t* Dtls::key_of(coap_bin_const_t* name, coap_session_t* session, void* self) {
  auto& dtls = *static_cast<Dtls*>(self);
  const std::string text(reinterpret_cast<const char*>(name->s), std::min<std::size_t>(name->length, 128));
  dtls.sessions_[session].key_name = text;
  dtls.given_ = dtls.options_.key_of(text, address_of(session));
  dtls.given_view_ = {dtls.given_.size(), reinterpret_cast<const std::uint8_t*>(dtls.given_.data())};
  return &dtls.given_view_;
}

void Dtls::event(coap_session_t* session, coap_event_t event) {
  if (!is_secure(session)) return;
  const auto count = [this](const char* name, const char* help) { metrics_.counter(name, help).add(); };
  if (event == COAP_EVENT_DTLS_CONNECTED) {
    sessions_[session].shaken = true;
    count("skerry_coap_handshakes_total", "DTLS handshakes done.");
  } else if (event == COAP_EVENT_DTLS_ERROR) {
    count("skerry_coap_handshakes_failed_total", "DTLS handshakes that failed, and sessions that broke.");
  } else if (event == COAP_EVENT_SERVER_SESSION_DEL) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return;
    const auto gone = std::move(found->second);
    sessions_.erase(found);
    if (!gone.shaken && !gone.key_name.empty()) options_.gave_up(gone.key_name, address_of(session));
  }
  metrics_.gauge("skerry_coap_sessions", "DTLS sessions that are open.")
      .set(static_cast<double>(std::ranges::count_if(sessions_, [](const auto& each) { return each.second.shaken; })));
}

Speaker* Dtls::speaker(coap_session_t* session) {
  auto& kept = sessions_[session];
  if (kept.speaker) return kept.speaker.get();
  auto* const ssl = ssl_of(session);
  if (ssl == nullptr) return nullptr;
  Shown shown{.key_name = kept.key_name, .peer = address_of(session)};
  Buffer der;
  if (auto* const certificate = SSL_get0_peer_certificate(ssl)) der = der_of(certificate);
  shown.certificate = der;
  kept.speaker = options_.admit(shown);
  return kept.speaker.get();
}

void Dtls::recheck() {
  std::vector<coap_session_t*> ended;
  for (const auto& [session, each] : sessions_) {
    if (each.speaker && !each.speaker->may_stay()) ended.push_back(session);
  }
  for (auto* const session : ended) {
    sessions_.erase(session);
    coap_session_disconnected(session, COAP_NACK_RST);
    metrics_.counter("skerry_coap_sessions_ended_total", "DTLS sessions ended because their identity no longer holds.")
        .add();
  }
}

}  // namespace skerry::coap
