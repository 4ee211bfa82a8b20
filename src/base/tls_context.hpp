// What TLS's two files share: contexts with Skerry's lists, and one connection's machine. Only tls*.cpp include it.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "base/tls.hpp"

namespace skerry::tls {

using Context = std::shared_ptr<SSL_CTX>;

std::string why_failed();  // OpenSSL's last error on this thread, in words; cleared
Result<Context> make_context(const SSL_METHOD* method);
Result<> use_certificate(SSL_CTX* context, std::string_view chain_pem, std::string_view key_pem);
Result<> trust(SSL_CTX* context, std::string_view pem, bool name_them);

class TlsConnection;
using Done = std::function<void(TlsConnection&, Result<>)>;

// A Connection over another. Until its handshake is done its maker owns it and hears of the end through `done`; then
// its door does.
class TlsConnection final : public Connection, public ConnectionHandler {
 public:
  TlsConnection(Loop& loop, std::unique_ptr<Connection> inner, SSL* ssl, Done done);
  ~TlsConnection() override;
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  void shake();  // begins

  void begin(ConnectionHandler& handler) override;
  void send(Bytes bytes) override;
  std::size_t unsent() const override { return plain_.size() + inner_->unsent(); }
  void read_more(bool on) override;
  void close() override;
  void keep_unsent_below(std::size_t bytes) override { inner_->keep_unsent_below(bytes); }
  bool use_congestion_control(const std::string& name) override { return inner_->use_congestion_control(name); }
  std::optional<PathInfo> path_info() const override { return inner_->path_info(); }
  const Address& peer() const override { return inner_->peer(); }
  Bytes peer_certificate() const override { return certificate_; }
  bool is_secure() const override { return true; }

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void on_drained() override;

  SSL* ssl() { return ssl_; }
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  Mono begun{};

 private:
  void step();     // the handshake
  void pump();     // from cipher text to the handler
  void encrypt();  // from plain text to the socket
  void flush();    // what OpenSSL wants to send
  void later(void (TlsConnection::*what)());

  Loop& loop_;
  std::unique_ptr<Connection> inner_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
  Done done_;
  ConnectionHandler* handler_ = nullptr;
  Buffer plain_;
  Buffer certificate_;
  bool shaken_ = false;
  bool reading_ = true;
  bool pumping_ = false;
  bool closed_ = false;  // by us, or told
  bool encrypt_later_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skerry::tls
