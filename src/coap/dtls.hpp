// DTLS of a server's context: how its handshakes are judged, and who speaks on a session.
#pragma once

#include <coap3/coap.h>

#include <map>
#include <memory>

#include "base/metrics.hpp"
#include "coap/coap.hpp"

struct evp_pkey_st;
struct ssl_st;
struct x509_st;

namespace skerry::coap {

class Dtls {
 public:
  Dtls(coap_context_t* context, metrics::Registry& metrics) : context_(context), metrics_(metrics) {}
  ~Dtls();
  Dtls(const Dtls&) = delete;
  Dtls& operator=(const Dtls&) = delete;

  Result<> start(SecureOptions options);
  Result<> reload(std::string_view chain_pem, std::string_view key_pem);
  // Who speaks on it. Nobody: what it has shown is not, or no longer, believed.
  Speaker* speaker(coap_session_t* session);
  void recheck();
  void event(coap_session_t* session, coap_event_t event);

 private:
  static int set_up(void* ssl, coap_dtls_pki_t* setup);
  int set_up_session(ssl_st* ssl) const;
  static const coap_bin_const_t* key_of(coap_bin_const_t* name, coap_session_t* session, void* self);

  struct Session {
    std::shared_ptr<Speaker> speaker;
    std::string key_name;
    bool shaken = false;
  };
  coap_context_t* context_;
  metrics::Registry& metrics_;
  SecureOptions options_;
  coap_dtls_pki_t pki_{};
  std::shared_ptr<x509_st> certificate_;
  std::vector<std::shared_ptr<x509_st>> chain_;
  std::shared_ptr<evp_pkey_st> key_;
  Buffer given_;  // the key that key_of() points to
  coap_bin_const_t given_view_{};
  std::map<coap_session_t*, Session> sessions_;
};

bool is_secure(const coap_session_t* session);
Address address_of(const coap_session_t* session);

}  // namespace skerry::coap
