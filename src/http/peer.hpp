// One connection: reads requests in order, lets one be answered at a time, writes answers and streams.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.hpp"
#include "http/http.hpp"
#include "http/reader.hpp"

namespace skerry::http {

class Peer;

// What a connection asks of the server.
class PeerOwner {
 public:
  virtual ~PeerOwner() = default;
  virtual void handle(Peer& peer, RawRequest& request) = 0;  // answers now or later through Peer::answer
  virtual void counted(int status, std::optional<double> seconds) = 0;
  virtual void stream_dropped() = 0;
  virtual void stream_ended() = 0;
  virtual void gone(Peer& peer) = 0;  // forget it; it is destroyed at the end of the turn
  virtual const std::string& date() = 0;
  virtual Loop& loop() = 0;
  virtual const Options& options() const = 0;
};

class Peer final : public ConnectionHandler {
 public:
  Peer(PeerOwner& owner, std::unique_ptr<Connection> connection, std::uint64_t id, bool loopback);
  ~Peer() override;

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void on_drained() override;
  void on_tick(Mono now);

  // Ignored when that request has been answered already, or the peer is going.
  void answer(std::uint64_t request, Response response);
  bool begin_stream(std::uint64_t request, std::string_view content_type, std::function<void()> closed);
  bool send_stream(std::string_view text);
  void end();  // closes after what was sent has left

  std::uint64_t id() const { return id_; }
  std::uint64_t request_number() const { return request_number_; }
  bool loopback() const { return loopback_; }
  bool streaming() const { return state_ == State::streaming; }
  const Address& address() const { return connection_->peer(); }
  bool is_secure() const { return connection_->is_secure(); }
  Bytes certificate() const { return connection_->peer_certificate(); }

 private:
  enum class State : std::uint8_t { reading, answering, streaming, lingering, gone };
  void process();
  void refuse(int status, std::string_view detail);
  void write(const Response& response, bool keep_alive);
  void leave();  // destroys itself at the end of the turn
  void pack(Response& response) const;

  PeerOwner& owner_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t id_;
  bool loopback_;
  RequestReader reader_;
  State state_ = State::reading;
  std::string in_;
  std::uint64_t request_number_ = 0;
  bool processing_ = false;
  bool held_back_ = false;
  // of the request that is being answered
  bool head_only_ = false;
  bool keep_alive_ = false;
  bool http_1_0_ = false;
  bool gzip_ = false;
  Mono begun_{};
  Mono last_active_{};
  Mono last_sent_{};
  std::size_t unsent_before_ = 0;
  std::size_t lingered_bytes_ = 0;
  std::function<void()> stream_closed_;
};

}  // namespace skerry::http
