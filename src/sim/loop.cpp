// Simulated sockets: pieces of bytes as events in the World.
#include "sim/loop.hpp"

#include <algorithm>
#include <utility>

namespace skerry::sim {

// One side. What it sends is an event at the other side; what cannot be taken yet waits in `inbox`.
struct Host::End : std::enable_shared_from_this<Host::End> {
  End(Host& h, World& w, Network& n) : host(&h), world(w), network(n), powered(h.powered_) {}

  Host* host;
  World& world;
  Network& network;
  std::shared_ptr<bool> powered;  // of the host it is on
  std::weak_ptr<End> other;
  ConnectionHandler* handler = nullptr;
  Buffer out;
  Buffer inbox;
  Mono last_arrival{};
  Address peer;
  bool started = false;
  bool reading = true;
  bool closed = false;  // by us
  bool broken = false;  // no more arrives or leaves
  bool dirty = false;
  bool tell_closed = false;  // the other side has gone; told after the inbox is empty

  Mono arrival() {
    const auto delay =
        std::chrono::microseconds{1 + world.chance().below(static_cast<std::uint64_t>(network.delay_max.count()))};
    last_arrival = std::max(last_arrival + std::chrono::nanoseconds{1}, world.mono() + delay);
    return last_arrival;
  }

  void flush();
  void deliver();
  void hang_up();
};

struct Network::Port {
  Host* host;
  std::shared_ptr<bool> powered;
  Loop::Accept accept;
};

void Host::End::flush() {
  dirty = false;
  if (out.empty() || broken) return;
  const bool whole = !world.chance().one_in(4);
  for (std::size_t at = 0; at < out.size();) {
    const auto left = out.size() - at;
    const auto size = whole ? left : 1 + world.chance().below(left);
    auto piece = std::make_shared<Buffer>(out.begin() + static_cast<std::ptrdiff_t>(at),
                                          out.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    world.at(arrival(), [peer_end = other, piece] {
      const auto to = peer_end.lock();
      if (!to || to->broken || to->closed || !*to->powered) return;
      to->host->run([&] {
        append_bytes(to->inbox, *piece);
        to->deliver();
      });
    });
  }
  out.clear();
  if (handler != nullptr) {
    world.at(world.mono() + std::chrono::microseconds{1}, [self = weak_from_this()] {
      const auto end = self.lock();
      if (!end || end->broken || end->closed || !*end->powered || end->handler == nullptr) return;
      end->host->run([&] {
        if (end->handler != nullptr) end->handler->on_drained();
      });
    });
  }
}

void Host::End::deliver() {
  const auto self = shared_from_this();
  if (!started || !reading || handler == nullptr) return;
  if (!inbox.empty()) {
    const auto bytes = std::exchange(inbox, {});
    handler->on_bytes(bytes);
  }
  if (tell_closed && inbox.empty() && handler != nullptr && !closed) {
    broken = true;
    auto* const told = std::exchange(handler, nullptr);
    told->on_closed({Code::closed, "the other side closed the connection", {}});
  }
}

void Host::End::hang_up() {
  // The other side hears of it after all that was sent before.
  world.at(arrival(), [peer_end = other] {
    const auto to = peer_end.lock();
    if (!to || to->closed || !*to->powered) return;
    to->host->run([&] {
      to->tell_closed = true;
      to->deliver();
    });
  });
}

class HostConnection final : public Connection {
 public:
  explicit HostConnection(std::shared_ptr<Host::End> end) : end_(std::move(end)) {}
  ~HostConnection() override {
    if (!end_->closed && *end_->powered) {
      end_->out.clear();
      end_->hang_up();
    }
    end_->closed = true;
    end_->handler = nullptr;
  }
  HostConnection(const HostConnection&) = delete;
  HostConnection& operator=(const HostConnection&) = delete;

  void begin(ConnectionHandler& handler) override {
    end_->handler = &handler;
    end_->started = true;
    end_->host->post([end = end_] { end->deliver(); });
  }
  void send(Bytes bytes) override {
    if (end_->closed || end_->broken) return;
    append_bytes(end_->out, bytes);
    if (!std::exchange(end_->dirty, true)) end_->host->dirty_.push_back(end_);
    if (!end_->host->in_turn_) end_->host->post([] {});
  }
  std::size_t unsent() const override { return end_->out.size(); }
  void read_more(bool on) override {
    end_->reading = on;
    if (on) end_->host->post([end = end_] { end->deliver(); });
  }
  void close() override {
    if (std::exchange(end_->closed, true)) return;
    end_->handler = nullptr;
    end_->flush();
    end_->hang_up();
  }
  const Address& peer() const override { return end_->peer; }

 private:
  std::shared_ptr<Host::End> end_;
};

namespace {

class HostTimer final : public Timer {
 public:
  explicit HostTimer(std::shared_ptr<bool> alive) : alive_(std::move(alive)) {}
  ~HostTimer() override { *alive_ = false; }
  HostTimer(const HostTimer&) = delete;
  HostTimer& operator=(const HostTimer&) = delete;

 private:
  std::shared_ptr<bool> alive_;
};

template <typename Held>
class HostListener final : public Listener {
 public:
  HostListener(std::shared_ptr<Held> held, std::uint16_t port) : held_(std::move(held)), port_(port) {}
  std::uint16_t port() const override { return port_; }

 private:
  std::shared_ptr<Held> held_;
  std::uint16_t port_;
};

}  // namespace

Host::Host(World& world, Network& network) : world_(world), network_(network), powered_(std::make_shared<bool>(true)) {}
Host::~Host() { *powered_ = false; }

void Host::run(std::function<void()> work) {
  if (in_turn_) return work();
  in_turn_ = true;
  work();
  end_turn();
  in_turn_ = false;
}

void Host::end_turn() {
  while (!turn_end_.empty()) {
    const auto work = std::exchange(turn_end_, {});
    for (const auto& each : work) each();
  }
  for (const auto& weak : std::exchange(dirty_, {})) {
    if (const auto end = weak.lock(); end && !end->closed) end->flush();
  }
}

void Host::post(std::function<void()> work) {
  world_.after(std::chrono::microseconds{1}, [this, powered = powered_, work = std::move(work)] {
    if (*powered) run(work);
  });
}

void Host::at_turn_end(std::function<void()> work) {
  turn_end_.push_back(std::move(work));
  if (!in_turn_) post([] {});
}

std::unique_ptr<Timer> Host::after(std::chrono::nanoseconds delay, std::function<void()> work) {
  auto alive = std::make_shared<bool>(true);
  world_.after(std::max(delay, std::chrono::nanoseconds{1'000}),
               [this, powered = powered_, alive, work = std::move(work)] {
                 if (*powered && *alive) run(work);
               });
  return std::make_unique<HostTimer>(alive);
}

Result<std::unique_ptr<Listener>> Host::listen(const Address& address, Accept accept) {
  const auto number = address.port != 0 ? address.port : network_.next_port_++;
  const auto taken = network_.ports_.find(number);
  if (taken != network_.ports_.end() && !taken->second.expired())
    return fail(Code::busy, "the port is in use", address.text());
  auto port = std::make_shared<Network::Port>(Network::Port{this, powered_, std::move(accept)});
  network_.ports_[number] = port;
  return std::make_unique<HostListener<Network::Port>>(std::move(port), number);
}

void Host::wire(const std::shared_ptr<End>& end) {
  std::erase_if(ends_, [](const auto& weak) { return weak.expired(); });
  ends_.push_back(end);
}

void Host::connect(const Address& address, const Via& /*via*/, Connected connected) {
  const auto delay =
      std::chrono::microseconds{1 + world_.chance().below(static_cast<std::uint64_t>(network_.delay_max.count()))};
  world_.after(delay, [this, powered = powered_, address, connected = std::move(connected)] {
    if (!*powered) return;
    const auto found = network_.ports_.find(address.port);
    const auto port = found == network_.ports_.end() ? nullptr : found->second.lock();
    if (!port || !*port->powered) {
      return run([&] { connected(fail(Code::closed, "cannot connect: connection refused", address.text())); });
    }
    auto mine = std::make_shared<End>(*this, world_, network_);
    auto theirs = std::make_shared<End>(*port->host, world_, network_);
    mine->other = theirs;
    theirs->other = mine;
    mine->peer = address;
    theirs->peer = {"127.0.0.1", static_cast<std::uint16_t>(40'000 + world_.chance().below(20'000))};
    wire(mine);
    port->host->wire(theirs);
    port->host->run([&] { port->accept(std::make_unique<HostConnection>(theirs)); });
    run([&] { connected(std::make_unique<HostConnection>(mine)); });
  });
}

void Host::crash() {
  *powered_ = false;
  for (const auto& weak : std::exchange(ends_, {})) {
    if (const auto end = weak.lock()) {
      if (!end->closed) end->hang_up();
      end->broken = true;
      end->handler = nullptr;
    }
  }
  turn_end_.clear();
  dirty_.clear();
}

void Host::cut_all() {
  for (const auto& weak : ends_) {
    const auto end = weak.lock();
    if (!end || end->closed) continue;
    const auto other = end->other.lock();
    end->broken = true;
    end->hang_up();
    if (other) {
      other->hang_up();
      other->broken = true;
    }
  }
}

std::size_t Host::connections() const {
  return static_cast<std::size_t>(std::ranges::count_if(ends_, [](const auto& weak) {
    const auto end = weak.lock();
    return end && !end->closed && !end->broken;
  }));
}

}  // namespace skerry::sim
