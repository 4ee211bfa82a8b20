// Wire: one WebSocket over one way to the cloud, from connecting on. Its owner hears what happens, and destroys it at
// any time but inside one of its calls (keep it until the loop's turn is over).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "base/loop.hpp"
#include "http/websocket.hpp"
#include "link/link.hpp"

namespace skerry::link {

// Bytes of a connection, in both directions: with headers of TCP and IP where the system counts them.
struct Traffic {
  std::uint64_t out = 0;
  std::uint64_t in = 0;
};

class Wire final : public ConnectionHandler {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_open(Wire& wire) = 0;
    virtual void on_message(Wire& wire, Bytes message) = 0;
    virtual void on_end(Wire& wire, Trouble why) = 0;  // it did not come to be, or is over; the last call
    virtual void on_read(Wire& wire) = 0;              // bytes were taken in
    virtual void on_drained(Wire& wire) = 0;           // the system has little left to send
  };
  struct Options {
    std::size_t way = 0;  // its owner's
    WayOptions to;
    CredentialFiles credentials;
    std::string congestion_control;
  };
  struct Deps {
    Loop& loop;
    Files& files;
    Chance& chance;
  };

  Wire(const Deps& deps, Options options, Owner& owner);
  ~Wire() override;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void begin();
  void close();  // as both sides should; its owner hears no more
  void send(std::span<const Buffer> frames);
  bool open() const { return socket_ && socket_->open(); }
  std::size_t way() const { return options_.way; }
  Mono begun() const { return begun_; }
  std::size_t unsent() const { return connection_ ? connection_->unsent() : 0; }
  std::optional<PathInfo> path_info() const { return connection_ ? connection_->path_info() : std::nullopt; }
  void keep_unsent_below(std::size_t bytes) { connection_->keep_unsent_below(bytes); }
  const Traffic& traffic();

  void on_bytes(Bytes bytes) override;
  void on_closed(const Error& why) override;
  void on_drained() override {
    if (owner_ != nullptr) owner_->on_drained(*this);
  }

 private:
  void connected(Result<std::unique_ptr<Connection>> connection);
  Result<> connect();
  void put(Bytes bytes);
  void end(Trouble why);

  Deps deps_;
  Options options_;
  Owner* owner_;
  Mono begun_{};
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<http::WebSocket> socket_;
  std::unique_ptr<Timer> within_;
  Traffic ours_;     // as this program sees it
  Traffic traffic_;  // as told last
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skerry::link
