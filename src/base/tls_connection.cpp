// One TLS connection: OpenSSL between two memory buffers.
#include <openssl/err.h>

#include <array>
#include <utility>

#include "base/tls_context.hpp"

namespace skerry::tls {
namespace {

constexpr std::size_t record_bytes = 16 * KiB;  // RFC 8446 5.1

}  // namespace

TlsConnection::TlsConnection(Loop& loop, std::unique_ptr<Connection> inner, SSL* ssl, Done done)
    : loop_(loop),
      inner_(std::move(inner)),
      ssl_(ssl),
      in_(BIO_new(BIO_s_mem())),
      out_(BIO_new(BIO_s_mem())),
      done_(std::move(done)) {
  BIO_set_mem_eof_return(in_, -1);
  BIO_set_mem_eof_return(out_, -1);
  SSL_set_bio(ssl_, in_, out_);
}

TlsConnection::~TlsConnection() {
  *alive_ = false;
  SSL_free(ssl_);
}

void TlsConnection::shake() {
  inner_->begin(*this);
  step();
}

void TlsConnection::step() {
  ERR_clear_error();
  const int got = SSL_do_handshake(ssl_);
  const int error = got == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, got);
  const auto why = error == SSL_ERROR_SSL ? why_failed() : std::string("the handshake broke off");
  flush();  // the alert as well
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
  if (error != SSL_ERROR_NONE) {
    closed_ = true;
    inner_->close();
    const auto done = std::exchange(done_, nullptr);
    return done(*this, fail(Code::denied, "TLS: " + why, inner_->peer().text()));
  }
  shaken_ = true;
  if (const X509* const peer = SSL_get0_peer_certificate(ssl_)) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(peer, &der);
    if (size > 0) certificate_.assign(reinterpret_cast<std::byte*>(der), reinterpret_cast<std::byte*>(der) + size);
    OPENSSL_free(der);
  }
  const auto done = std::exchange(done_, nullptr);
  done(*this, {});
}

void TlsConnection::begin(ConnectionHandler& handler) {
  handler_ = &handler;
  if (!pumping_) later(&TlsConnection::pump);
}

void TlsConnection::later(void (TlsConnection::*what)()) {
  loop_.post([this, what, alive = std::weak_ptr(alive_)] {
    const auto held = alive.lock();
    if (held && *held) (this->*what)();
  });
}

void TlsConnection::on_bytes(Bytes bytes) {
  const auto alive = alive_;
  BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  if (!shaken_) {
    if (closed_) return;
    pumping_ = true;  // what came behind the handshake is read below, not later
    step();
    if (!*alive) return;
    pumping_ = false;
    if (!shaken_) return;
  }
  pump();
}

void TlsConnection::pump() {
  if (pumping_ || handler_ == nullptr || !shaken_) return;
  const auto alive = alive_;
  pumping_ = true;
  std::array<std::byte, record_bytes> plain;  // NOLINT: filled by SSL_read
  while (reading_ && !closed_ && handler_ != nullptr) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, plain.data(), static_cast<int>(plain.size()));
    if (got > 0) {
      handler_->on_bytes(Bytes(plain).first(static_cast<std::size_t>(got)));
      if (!*alive) return;
      continue;
    }
    const int error = SSL_get_error(ssl_, got);
    if (error == SSL_ERROR_WANT_READ) break;
    const auto why =
        error == SSL_ERROR_ZERO_RETURN ? std::string("the other side closed the connection") : "TLS: " + why_failed();
    flush();
    closed_ = true;
    inner_->close();
    auto* const told = std::exchange(handler_, nullptr);
    if (told != nullptr) told->on_closed({Code::closed, why, {}});
    if (!*alive) return;
  }
  pumping_ = false;
  flush();  // key updates, tickets
}

void TlsConnection::send(Bytes bytes) {
  if (closed_) return;
  append_bytes(plain_, bytes);
  if (plain_.size() >= 4 * record_bytes) return encrypt();
  if (std::exchange(encrypt_later_, true)) return;
  loop_.at_turn_end([this, alive = std::weak_ptr(alive_)] {
    const auto held = alive.lock();
    if (held && *held) encrypt();
  });
}

// Many small sends of a turn become few records.
void TlsConnection::encrypt() {
  encrypt_later_ = false;
  if (plain_.empty() || !shaken_) return;
  ERR_clear_error();
  const int done = SSL_write(ssl_, plain_.data(), static_cast<int>(plain_.size()));
  plain_.clear();
  if (plain_.capacity() > record_bytes) Buffer().swap(plain_);
  flush();
  if (done <= 0 && !closed_) {
    const auto why = why_failed();
    closed_ = true;
    inner_->close();
    auto* const told = std::exchange(handler_, nullptr);
    if (told != nullptr) told->on_closed({Code::closed, "TLS: cannot send: " + why, {}});
  }
}

void TlsConnection::flush() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out_, &data);
  if (size <= 0) return;
  inner_->send(Bytes(reinterpret_cast<const std::byte*>(data), static_cast<std::size_t>(size)));
  BIO_reset(out_);
}

void TlsConnection::read_more(bool on) {
  reading_ = on;
  inner_->read_more(on);
  if (on) later(&TlsConnection::pump);
}

void TlsConnection::close() {
  if (closed_) return;
  encrypt();
  if (closed_) return;
  closed_ = true;
  handler_ = nullptr;
  ERR_clear_error();
  SSL_shutdown(ssl_);  // close_notify
  flush();
  inner_->close();
}

void TlsConnection::on_closed(const Error& why) {
  if (closed_) return;
  closed_ = true;
  if (!shaken_) {
    const auto done = std::exchange(done_, nullptr);
    if (done) done(*this, fail(Code::closed, why.what, inner_->peer().text()));
    return;
  }
  auto* const told = std::exchange(handler_, nullptr);
  if (told != nullptr) told->on_closed(why);
}

void TlsConnection::on_drained() {
  if (handler_ == nullptr) return;
  const auto alive = alive_;
  handler_->on_drained();
  if (*alive) encrypt();  // the turn may be over
}

}  // namespace skerry::tls
