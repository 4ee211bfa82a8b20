// Contexts with their lists, a listener that lets handshakes begin in turn, and connecting as a client.
#include "base/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

#include "base/tls_context.hpp"

namespace skerry::tls {
namespace {

// Mozilla Server Side TLS, intermediate, 5.7.
constexpr const char* suites_12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* suites_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* groups = "X25519:P-256:P-384";
constexpr long session_s = 3600;
constexpr auto sweep_every = std::chrono::milliseconds{500};
// Handshakes under way at once. A machine that does fewer a second than may begin would else have thousands half done,
// each too old before its turn comes: in a storm of 10,000 on a busy machine 184 were in after four minutes.
constexpr std::size_t under_way_max = 128;

int verify_error(Verdict verdict) {
  switch (verdict) {
    case Verdict::good: return X509_V_OK;
    case Verdict::expired: return X509_V_ERR_CERT_HAS_EXPIRED;
    case Verdict::unknown_ca: return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    case Verdict::revoked: return X509_V_ERR_CERT_REVOKED;
    case Verdict::unsupported: return X509_V_ERR_INVALID_PURPOSE;
    default: return X509_V_ERR_CERT_REJECTED;
  }
}

int no_passphrase(char*, int, int, void*) { return -1; }

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
Bio bio_of(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all};
}

}  // namespace

std::string why_failed() {
  const auto error = ERR_peek_error();
  ERR_clear_error();
  const char* const text = error == 0 ? nullptr : ERR_reason_error_string(error);
  return text == nullptr ? "no reason given" : text;
}

Result<Context> make_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), suites_12) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), suites_13) != 1 || SSL_CTX_set1_groups_list(context.get(), groups) != 1)
    return fail(Code::unsupported, "TLS cannot be set up: " + why_failed());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

Result<> use_certificate(SSL_CTX* context, std::string_view chain_pem, std::string_view key_pem) {
  const auto chain = bio_of(chain_pem);
  const std::unique_ptr<X509, decltype(&X509_free)> leaf(
      PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr), X509_free);
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return fail(Code::invalid, "the certificate cannot be used: " + why_failed());
  SSL_CTX_clear_chain_certs(context);
  while (X509* const next = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr))
    SSL_CTX_add0_chain_cert(context, next);
  ERR_clear_error();
  const auto bio = bio_of(key_pem);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return fail(Code::invalid, "the key cannot be used, or is another certificate's: " + why_failed());
  return {};
}

Result<> trust(SSL_CTX* context, std::string_view pem, bool name_them) {
  const auto bio = bio_of(pem);
  int count = 0;
  while (X509* const each = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each);
    if (name_them) SSL_CTX_add_client_CA(context, each);
    X509_free(each);
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return fail(Code::invalid, "there is no certificate to trust");
  return {};
}

namespace {

// The connection whose handshake runs on this thread, for the callback that OpenSSL calls from inside.
struct Asking {
  const Verify* verify;
  const Address* peer;
};

int ask(X509_STORE_CTX* context, void*) {
  const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* const asking = static_cast<const Asking*>(SSL_get_app_data(ssl));
  unsigned char* der = nullptr;
  const int size = i2d_X509(X509_STORE_CTX_get0_cert(context), &der);
  const Bytes leaf(reinterpret_cast<std::byte*>(der), size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto verdict = *asking->verify ? (*asking->verify)(leaf, *asking->peer) : Verdict::good;
  OPENSSL_free(der);
  X509_STORE_CTX_set_error(context, verify_error(verdict));
  return verdict == Verdict::good ? 1 : 0;
}

class ServerImpl final : public Server, public std::enable_shared_from_this<ServerImpl> {
 public:
  ServerImpl(ServerOptions options, metrics::Registry& metrics)
      : options_(std::move(options)),
        metrics_(metrics),
        seconds_(metrics.histogram("skerry_tls_handshake_seconds", "TLS: from a handshake's begin to its end",
                                   {{"door", options_.door}})),
        waiting_(metrics.gauge("skerry_tls_waiting", "connections whose TLS handshake waits for its turn",
                               {{"door", options_.door}})),
        dropped_(metrics.counter("skerry_tls_dropped_total", "connections closed because too many handshakes wait",
                                 {{"door", options_.door}})) {}

  Result<> reload(std::string_view chain_pem, std::string_view key_pem) override {
    auto context = TRY(make_context(TLS_server_method()));
    TRY(use_certificate(context.get(), chain_pem, key_pem));
    SSL_CTX* const c = context.get();
    if (options_.only_13) SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_timeout(c, session_s);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);  // tickets only: no memory of ours
    SSL_CTX_set_session_id_context(c, reinterpret_cast<const unsigned char*>(options_.door.data()),
                                   static_cast<unsigned>(std::min<std::size_t>(options_.door.size(), 32)));
    SSL_CTX_set_num_tickets(c, 1);
    if (options_.client != ClientCertificate::none) {
      SSL_CTX_set_verify(c,
                         options_.client == ClientCertificate::required
                             ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                             : SSL_VERIFY_PEER,
                         nullptr);
      SSL_CTX_set_cert_verify_callback(c, ask, nullptr);
      if (!options_.authorities_pem.empty()) TRY(trust(c, options_.authorities_pem, true));
    }
    const std::scoped_lock lock(mutex_);
    context_ = std::move(context);
    return {};
  }

  Context context() {
    const std::scoped_lock lock(mutex_);
    return context_;
  }

  Result<std::unique_ptr<Listener>> listen(Loop& loop, const Address& address, Loop::Accept accept) override;

  void counted(TlsConnection& connection, const Result<>& done, Mono now) {
    if (done) {
      seconds_.observe(std::chrono::duration<double>(now - connection.begun).count());
      metrics_
          .counter("skerry_tls_handshakes_total", "TLS handshakes done",
                   {{"door", options_.door}, {"resumed", connection.resumed() ? "yes" : "no"}})
          .add();
    } else {
      metrics_
          .counter(
              "skerry_tls_handshakes_failed_total", "TLS handshakes that failed, by reason",
              {{"door", options_.door}, {"reason", done.error().code == Code::closed ? "closed" : done.error().what}})
          .add();
    }
  }

  const ServerOptions options_;
  metrics::Registry& metrics_;
  metrics::Histogram& seconds_;
  metrics::Gauge& waiting_;
  metrics::Counter& dropped_;
  std::mutex mutex_;
  Context context_;
};

// Lives until the listener and every handshake it began are gone.
class TlsListener final : public Listener {
 public:
  struct State : std::enable_shared_from_this<State> {
    State(Loop& l, std::shared_ptr<ServerImpl> s, Loop::Accept a)
        : loop(l), server(std::move(s)), accept(std::move(a)) {}

    void arrived(std::unique_ptr<Connection> connection) {
      if (waiting.size() >= server->options_.waiting_max) {
        server->dropped_.add();
        return;
      }
      waiting.push_back(std::move(connection));
      take_turns();
    }

    void take_turns() {
      const auto now = loop.clock().mono();
      const auto rate = server->options_.handshakes_per_second;
      // What a tenth of a second allows may come at once.
      turns = std::min(turns + std::chrono::duration<double>(now - turned).count() * rate, std::max(1.0, rate / 10));
      turned = now;
      auto under_way = young(now);
      while (!waiting.empty() && (rate <= 0 || turns >= 1) && under_way < under_way_max) {
        turns -= 1;
        ++under_way;
        auto connection = std::move(waiting.front());
        waiting.pop_front();
        begin(std::move(connection), now);
      }
      server->waiting_.set(static_cast<double>(waiting.size()));
      if (!waiting.empty() && !timer) {
        timer = loop.after(std::chrono::milliseconds{10}, [this] {
          timer.reset();
          take_turns();
        });
      }
    }

    // Those that stall stop counting at half of their time, so that they cannot keep others out.
    std::size_t young(Mono now) const {
      return static_cast<std::size_t>(std::ranges::count_if(
          shaking, [&](const auto& each) { return now - each.first->begun < server->options_.handshake_within / 2; }));
    }

    void begin(std::unique_ptr<Connection> inner, Mono now) {
      const auto context = server->context();
      SSL* const ssl = SSL_new(context.get());
      if (ssl == nullptr) return;
      SSL_set_accept_state(ssl);
      auto made = std::make_unique<TlsConnection>(loop, std::move(inner), ssl,
                                                  [weak = weak_from_this()](TlsConnection& c, Result<> r) {
                                                    if (const auto state = weak.lock()) state->done(c, std::move(r));
                                                  });
      auto& connection = *made;
      connection.begun = now;
      auto& held = shaking[&connection];
      held.connection = std::move(made);
      held.asking = {&server->options_.verify, &connection.peer()};
      SSL_set_app_data(ssl, &held.asking);
      if (!sweep) sweep = loop.after(sweep_every, [this] { drop_slow(); });
      connection.shake();
    }

    void done(TlsConnection& connection, Result<> result) {
      server->counted(connection, result, loop.clock().mono());
      const auto found = shaking.find(&connection);
      auto held = std::move(found->second.connection);
      shaking.erase(found);
      SSL_set_app_data(connection.ssl(), nullptr);
      if (result) return accept(std::move(held));
      // It is running right now: it goes when the turn is over.
      loop.post([held = std::shared_ptr<TlsConnection>(std::move(held))] {});
    }

    void drop_slow() {
      sweep.reset();
      const auto now = loop.clock().mono();
      std::erase_if(shaking, [&](const auto& each) {
        if (now - each.first->begun < server->options_.handshake_within) return false;
        server->counted(*each.first, fail(Code::denied, "TLS: the handshake took too long"), now);
        return true;
      });
      if (!shaking.empty()) sweep = loop.after(sweep_every, [this] { drop_slow(); });
    }

    struct Held {
      std::unique_ptr<TlsConnection> connection;
      Asking asking{};
    };
    Loop& loop;
    std::shared_ptr<ServerImpl> server;
    Loop::Accept accept;
    std::deque<std::unique_ptr<Connection>> waiting;
    std::map<TlsConnection*, Held> shaking;
    double turns = 1;
    Mono turned{};
    std::unique_ptr<Timer> timer;
    std::unique_ptr<Timer> sweep;
  };

  TlsListener(std::shared_ptr<State> state, std::unique_ptr<Listener> inner)
      : state_(std::move(state)), inner_(std::move(inner)) {}
  std::uint16_t port() const override { return inner_->port(); }

 private:
  std::shared_ptr<State> state_;
  std::unique_ptr<Listener> inner_;
};

Result<std::unique_ptr<Listener>> ServerImpl::listen(Loop& loop, const Address& address, Loop::Accept accept) {
  auto state = std::make_shared<TlsListener::State>(loop, shared_from_this(), std::move(accept));
  state->turned = loop.clock().mono();
  auto inner = TRY(loop.listen(address, [weak = std::weak_ptr(state)](std::unique_ptr<Connection> c) {
    if (const auto held = weak.lock()) held->arrived(std::move(c));
  }));
  return std::make_unique<TlsListener>(std::move(state), std::move(inner));
}

// ---- as a client ----

struct Connecting : std::enable_shared_from_this<Connecting> {
  std::unique_ptr<TlsConnection> connection;
  std::unique_ptr<Timer> timer;
  Loop::Connected connected;
  std::shared_ptr<Connecting> self;  // until it is over

  void over(Result<std::unique_ptr<Connection>> result) {
    const auto held = std::exchange(self, nullptr);
    timer.reset();
    const auto tell = std::exchange(connected, nullptr);
    if (tell) tell(std::move(result));
  }
};

bool is_address(const std::string& name) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

Result<SSL*> client_ssl(const ClientOptions& options) {
  const auto context = TRY(make_context(TLS_client_method()));
  if (options.only_13) SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  TRY(trust(context.get(), options.trusted_pem, false));
  if (!options.chain_pem.empty()) TRY(use_certificate(context.get(), options.chain_pem, options.key_pem));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL* const ssl = SSL_new(context.get());
  if (ssl == nullptr) return fail(Code::unsupported, "TLS cannot be set up: " + why_failed());
  SSL_set_connect_state(ssl);
  if (is_address(options.server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), options.server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, options.server_name.c_str());
    SSL_set1_host(ssl, options.server_name.c_str());
  }
  return ssl;
}

void shake_as_client(Loop& loop, std::unique_ptr<Connection> inner, SSL* ssl, std::chrono::seconds within,
                     Loop::Connected connected) {
  auto pending = std::make_shared<Connecting>();
  pending->self = pending;
  pending->connected = std::move(connected);
  pending->connection = std::make_unique<TlsConnection>(
      loop, std::move(inner), ssl, [&loop, pending = pending.get()](TlsConnection& c, Result<> result) {
        auto held = std::move(pending->connection);
        if (result) return pending->over(std::move(held));
        auto error = result.error();
        if (const long bad = SSL_get_verify_result(c.ssl()); bad != X509_V_OK)
          error.what = std::string("the server's certificate is refused: ") + X509_verify_cert_error_string(bad);
        loop.post([kept = std::shared_ptr<TlsConnection>(std::move(held))] {});
        pending->over(std::unexpected(std::move(error)));
      });
  pending->timer = loop.after(within, [pending = pending.get()] {
    const auto dropped = std::move(pending->connection);
    pending->over(fail(Code::closed, "the TLS handshake took too long"));
  });
  pending->connection->shake();
}

}  // namespace

Result<std::shared_ptr<Server>> Server::make(const ServerOptions& options, metrics::Registry& metrics) {
  auto server = std::make_shared<ServerImpl>(options, metrics);
  TRY(server->reload(options.chain_pem, options.key_pem));
  return server;
}

Result<> connect(Loop& loop, const Address& address, const ClientOptions& options, Loop::Connected connected) {
  SSL* const ssl = TRY(client_ssl(options));
  loop.connect(address, options.via,
               [&loop, ssl, within = options.handshake_within,
                connected = std::move(connected)](Result<std::unique_ptr<Connection>> got) mutable {
                 if (!got) {
                   SSL_free(ssl);
                   return connected(std::move(got));
                 }
                 shake_as_client(loop, std::move(*got), ssl, within, std::move(connected));
               });
  return {};
}

}  // namespace skerry::tls
