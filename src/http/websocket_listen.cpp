// One connection inside another: binary messages in, bytes out, and back.
#include "http/websocket_listen.hpp"

#include <map>
#include <utility>

#include "http/guard.hpp"
#include "http/websocket.hpp"

namespace skerry::http {
namespace {

constexpr auto open_within = std::chrono::seconds{10};

// Owned by the listener until the upgrade is done, then by the door.
class Inside final : public Connection, public ConnectionHandler {
 public:
  using Done = std::function<void(Inside&, bool opened)>;
  Inside(Loop& loop, std::unique_ptr<Connection> below, WebSocket::Options options, Chance& chance, Done done)
      : loop_(loop), below_(std::move(below)), socket_(std::move(options), chance), done_(std::move(done)) {}
  ~Inside() override { *alive_ = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  void open() { below_->begin(*this); }

  void begin(ConnectionHandler& handler) override {
    handler_ = &handler;
    deliver_later();
  }
  void send(Bytes bytes) override {
    if (closed_) return;
    append_bytes(plain_, bytes);
    if (std::exchange(frame_later_, true)) return;
    loop_.at_turn_end([this, alive = std::weak_ptr(alive_)] {
      const auto held = alive.lock();
      if (held && *held) frame();
    });
  }
  std::size_t unsent() const override { return plain_.size() + below_->unsent(); }
  void read_more(bool on) override {
    reading_ = on;
    below_->read_more(on);
    if (on) deliver_later();
  }
  void close() override {
    if (std::exchange(closed_, true)) return;
    handler_ = nullptr;
    write_plain();
    socket_.close(1000, "", out_);
    flush();
    below_->close();
  }
  const Address& peer() const override { return below_->peer(); }
  Bytes peer_certificate() const override { return below_->peer_certificate(); }
  bool is_secure() const override { return below_->is_secure(); }

  void on_bytes(Bytes bytes) override {
    std::vector<WebSocket::Event> events;
    socket_.on_bytes(bytes, events, out_);
    flush();
    for (auto& event : events) {
      if (event.kind == WebSocket::Event::Kind::message && !event.text) {
        append_bytes(received_, event.message);
      } else if (event.kind == WebSocket::Event::Kind::message) {
        ended_ = "a text message where only binary ones are spoken";  // MQTT 5.0 section 6.0.0-1
      } else if (event.kind == WebSocket::Event::Kind::ended) {
        ended_ = event.why.empty() ? "the WebSocket ended" : event.why;
      }
    }
    const auto alive = alive_;
    if (done_ && (socket_.open() || !ended_.empty())) {
      const auto done = std::exchange(done_, nullptr);
      done(*this, ended_.empty());
      if (!*alive) return;
    }
    deliver();
  }
  void on_closed(const Error& why) override {
    ended_ = why.what;
    if (done_) {
      const auto done = std::exchange(done_, nullptr);
      return done(*this, false);
    }
    deliver();
  }
  void on_drained() override {
    if (handler_ == nullptr) return;
    const auto alive = alive_;
    handler_->on_drained();
    if (*alive) frame();
  }
  void refuse() { below_->close(); }

 private:
  void deliver_later() {
    loop_.post([this, alive = std::weak_ptr(alive_)] {
      const auto held = alive.lock();
      if (held && *held) deliver();
    });
  }
  void deliver() {
    const auto alive = alive_;
    while (handler_ != nullptr && reading_ && !received_.empty()) {
      const auto bytes = std::exchange(received_, {});
      handler_->on_bytes(bytes);
      if (!*alive) return;
    }
    if (handler_ == nullptr || ended_.empty() || !received_.empty()) return;
    closed_ = true;
    below_->close();
    auto* const told = std::exchange(handler_, nullptr);
    told->on_closed({Code::closed, ended_, {}});
  }
  void write_plain() {
    if (!plain_.empty()) socket_.send(plain_, false, out_);
    plain_.clear();
  }
  void frame() {
    frame_later_ = false;
    write_plain();
    flush();
  }
  void flush() {
    if (out_.empty()) return;
    below_->send(out_);
    out_.clear();
  }

  Loop& loop_;
  std::unique_ptr<Connection> below_;
  WebSocket socket_;
  Done done_;
  ConnectionHandler* handler_ = nullptr;
  Buffer plain_;     // to be sent
  Buffer out_;       // framed
  Buffer received_;  // to be delivered
  std::string ended_;
  bool reading_ = true;
  bool closed_ = false;
  bool frame_later_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

struct Opening {
  std::unique_ptr<Inside> connection;
  std::unique_ptr<Timer> late;
};

struct Upgrades {
  explicit Upgrades(Loop& l) : loop(l) {}
  Loop& loop;
  Loop::Accept accept;
  std::map<Inside*, Opening> opening;

  void done(Inside& inside, bool opened) {
    const auto found = opening.find(&inside);
    auto held = std::move(found->second.connection);
    opening.erase(found);
    if (opened) return accept(std::move(held));
    held->refuse();
    loop.post([kept = std::shared_ptr<Inside>(std::move(held))] {});  // it is running right now
  }
};

class UpgradingListener final : public Listener {
 public:
  UpgradingListener(std::shared_ptr<Upgrades> upgrades, std::unique_ptr<Listener> below)
      : upgrades_(std::move(upgrades)), below_(std::move(below)) {}
  std::uint16_t port() const override { return below_->port(); }

 private:
  std::shared_ptr<Upgrades> upgrades_;
  std::unique_ptr<Listener> below_;
};

}  // namespace

Listen websocket_listen(Loop& loop, Listen below, const WebSocketDoor& door, Chance& chance) {
  return [&loop, &chance, below = std::move(below), door](const Address& address,
                                                          Loop::Accept accept) -> Result<std::unique_ptr<Listener>> {
    auto upgrades = std::make_shared<Upgrades>(loop);
    upgrades->accept = std::move(accept);
    WebSocket::Options options{
        .path = door.path, .protocol = door.protocol, .message_bytes_max = door.message_bytes_max};
    options.loopback = is_loopback_address(address.host);
    const auto arrived = [weak = std::weak_ptr(upgrades), options, &chance](std::unique_ptr<Connection> connection) {
      const auto held = weak.lock();
      if (!held) return;
      auto made = std::make_unique<Inside>(held->loop, std::move(connection), options, chance,
                                           [weak](Inside& inside, bool opened) {
                                             if (const auto up = weak.lock()) up->done(inside, opened);
                                           });
      auto& inside = *made;
      auto& entry = held->opening[&inside];
      entry.connection = std::move(made);
      entry.late = held->loop.after(open_within, [weak, key = &inside] {
        if (const auto up = weak.lock()) up->opening.erase(key);
      });
      inside.open();
    };
    auto listener = TRY(below ? below(address, arrived) : loop.listen(address, arrived));
    return std::make_unique<UpgradingListener>(std::move(upgrades), std::move(listener));
  };
}

}  // namespace skerry::http
