// The loop on real sockets: Asio waits for readiness, reads and writes are plain system calls.
//
// A turn runs what is ready (bounded), then the turn-end work, then writes what was sent in it: many small sends are
// one write. All connections share one read buffer, because a buffer each would be most of a gateway's memory.
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

#include "base/logger.hpp"
#include "base/loop.hpp"
#include "base/ports.hpp"
#include "base/tcp_path.hpp"

namespace skerry {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::size_t read_bytes = 64 * KiB;  // taken from one socket before the next has its turn
constexpr std::size_t kept_bytes = 16 * KiB;  // of a send buffer between bursts
constexpr int handlers_per_turn = 512;
constexpr int accepts_per_turn = 64;
constexpr int drains_per_turn = 4;
constexpr auto close_grace = std::chrono::seconds{5};

class NetLoopImpl;

Error net_error(const char* doing, int error) {
  return {Code::closed, std::string(doing) + ": " + std::strerror(error), {}};
}

// What outlives the owner's Connection while Asio still holds a handler of it.
struct Socket : std::enable_shared_from_this<Socket> {
  Socket(NetLoopImpl& l, tcp::socket s) : loop(l), socket(std::move(s)) {}

  void wait_readable();
  void on_readable();
  void wait_writable();
  void flush();
  void drop(const Error& why);
  void linger();
  void drain();
  void end();

  NetLoopImpl& loop;
  tcp::socket socket;
  ConnectionHandler* handler = nullptr;
  Buffer out;
  std::size_t out_at = 0;
  bool reading = true;
  bool waiting_readable = false;
  bool waiting_writable = false;
  bool dirty = false;
  bool closing = false;
  bool lingering = false;
  bool dead = false;
  bool paced = false;  // its owner wants to hear when the kernel has little left to send
  Address peer;
  std::unique_ptr<asio::steady_timer> grace;
};

class NetConnection final : public Connection {
 public:
  explicit NetConnection(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}
  ~NetConnection() override {
    if (!socket_->closing) socket_->end();
    socket_->handler = nullptr;
  }
  NetConnection(const NetConnection&) = delete;
  NetConnection& operator=(const NetConnection&) = delete;

  void begin(ConnectionHandler& handler) override {
    socket_->handler = &handler;
    socket_->wait_readable();
  }
  void send(Bytes bytes) override;
  std::size_t unsent() const override { return socket_->out.size() - socket_->out_at; }
  void read_more(bool on) override {
    socket_->reading = on;
    if (on) socket_->wait_readable();
  }
  void close() override;
  void keep_unsent_below(std::size_t bytes) override;
  bool use_congestion_control(const std::string& name) override;
  std::optional<PathInfo> path_info() const override;
  const Address& peer() const override { return socket_->peer; }

 private:
  std::shared_ptr<Socket> socket_;
};

class NetTimer final : public Timer {
 public:
  NetTimer(asio::io_context& io, std::chrono::nanoseconds delay, std::function<void()> work)
      : timer_(std::make_shared<asio::steady_timer>(io, delay)), alive_(std::make_shared<bool>(true)) {
    timer_->async_wait([alive = alive_, timer = timer_, work = std::move(work)](const ErrorCode& error) {
      if (!error && *alive) work();
    });
  }
  ~NetTimer() override {
    *alive_ = false;
    timer_->cancel();
  }
  NetTimer(const NetTimer&) = delete;
  NetTimer& operator=(const NetTimer&) = delete;

 private:
  std::shared_ptr<asio::steady_timer> timer_;
  std::shared_ptr<bool> alive_;
};

class NetListener final : public Listener {
 public:
  struct State : std::enable_shared_from_this<State> {
    State(NetLoopImpl& l, tcp::acceptor a, Loop::Accept f)
        : loop(l), acceptor(std::move(a)), accept(std::move(f)), pause(acceptor.get_executor()) {}
    void wait();
    void take();
    NetLoopImpl& loop;
    tcp::acceptor acceptor;
    Loop::Accept accept;
    asio::steady_timer pause;
    bool dead = false;
  };

  NetListener(std::shared_ptr<State> state, std::uint16_t port) : state_(std::move(state)), port_(port) {}
  ~NetListener() override {
    state_->dead = true;
    ErrorCode ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
  }
  NetListener(const NetListener&) = delete;
  NetListener& operator=(const NetListener&) = delete;
  std::uint16_t port() const override { return port_; }

 private:
  std::shared_ptr<State> state_;
  std::uint16_t port_;
};

class NetWatch final : public Watch {
 public:
  struct State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, int fd, std::function<void()> work) : descriptor(io, fd), readable(std::move(work)) {}
    void wait() {
      descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                            [self = shared_from_this()](const ErrorCode& error) {
                              if (error || self->dead) return;
                              self->readable();
                              if (!self->dead) self->wait();
                            });
    }
    asio::posix::stream_descriptor descriptor;
    std::function<void()> readable;
    bool dead = false;
  };

  explicit NetWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~NetWatch() override {
    state_->dead = true;
    state_->descriptor.release();  // cancels; the descriptor is not ours to close
  }
  NetWatch(const NetWatch&) = delete;
  NetWatch& operator=(const NetWatch&) = delete;

 private:
  std::shared_ptr<State> state_;
};

class NetLoopImpl final : public NetLoop {
 public:
  explicit NetLoopImpl(Clock& clock) : clock_(clock), io_(1), work_(io_.get_executor()), buffer_(read_bytes) {}

  void run() override {
    while (!stopped_) {
      io_.run_one();
      for (int i = 0; i < handlers_per_turn && io_.poll_one() != 0; ++i) {
      }
      end_turn();
    }
  }
  void stop() override {
    asio::post(io_, [this] { stopped_ = true; });
  }

  void post(std::function<void()> work) override { asio::post(io_, std::move(work)); }
  void at_turn_end(std::function<void()> work) override { turn_end_.push_back(std::move(work)); }
  std::unique_ptr<Timer> after(std::chrono::nanoseconds delay, std::function<void()> work) override {
    return std::make_unique<NetTimer>(io_, delay, std::move(work));
  }
  Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) override;
  using Loop::connect;
  void connect(const Address& address, const Via& via, Connected connected) override;
  Clock& clock() override { return clock_; }
  std::unique_ptr<Watch> watch(int fd, std::function<void()> readable) override {
    auto state = std::make_shared<NetWatch::State>(io_, fd, std::move(readable));
    state->wait();
    return std::make_unique<NetWatch>(std::move(state));
  }

  std::unique_ptr<Connection> adopt(tcp::socket socket);
  void mark_dirty(Socket& socket) {
    if (std::exchange(socket.dirty, true)) return;
    dirty_.push_back(socket.shared_from_this());
  }
  std::span<std::byte> buffer() { return buffer_; }
  asio::io_context& io() { return io_; }

 private:
  void end_turn() {
    while (!turn_end_.empty()) {  // work may ask for more
      const auto work = std::exchange(turn_end_, {});
      for (const auto& each : work) each();
    }
    while (!dirty_.empty()) {  // a flush may call a handler that sends
      const auto dirty = std::exchange(dirty_, {});
      for (const auto& socket : dirty) {
        socket->dirty = false;
        if (!socket->waiting_writable) socket->flush();
      }
    }
  }

  Clock& clock_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::function<void()>> turn_end_;
  std::vector<std::shared_ptr<Socket>> dirty_;
  Buffer buffer_;
  bool stopped_ = false;
};

// ---- a socket ----

void Socket::wait_readable() {
  if (dead || waiting_readable || (!lingering && (!reading || handler == nullptr))) return;
  waiting_readable = true;
  socket.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    self->waiting_readable = false;
    if (!error) self->on_readable();
  });
}

void Socket::on_readable() {
  if (lingering) return drain();
  if (dead || handler == nullptr || !reading) return;
  const auto into = loop.buffer();
  const auto got = ::recv(socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (got == 0) return drop({Code::closed, "the other side closed the connection", {}});
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return wait_readable();
    return drop(net_error("cannot read", errno));
  }
  const auto self = shared_from_this();  // the handler may destroy its Connection
  handler->on_bytes(into.first(static_cast<std::size_t>(got)));
  wait_readable();
}

void Socket::flush() {
  const bool wrote = out_at < out.size();
  while (!dead && out_at < out.size()) {
    const auto sent =
        ::send(socket.native_handle(), out.data() + out_at, out.size() - out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return wait_writable();
      return drop(net_error("cannot write", errno));
    }
    out_at += static_cast<std::size_t>(sent);
  }
  out.clear();
  out_at = 0;
  if (out.capacity() > kept_bytes) Buffer().swap(out);
  if (closing) return linger();
  if (paced && wrote) wait_writable();
}

void Socket::wait_writable() {
  if (dead || waiting_writable) return;
  waiting_writable = true;
  socket.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const ErrorCode& error) {
    self->waiting_writable = false;
    if (error || self->dead) return;
    self->flush();
    if (!self->dead && self->out.empty() && self->handler != nullptr) self->handler->on_drained();
  });
}

// Closing while the peer still sends would make the kernel reset the connection, and the peer may then lose the answer
// that says what was wrong (RFC 9112 9.6). So: no more from us, and what still comes is thrown away, until the peer
// closes too or the grace is over.
void Socket::linger() {
  if (dead || std::exchange(lingering, true)) return;
  ErrorCode ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
  drain();
}

void Socket::drain() {
  const auto into = loop.buffer();
  for (int i = 0; i < drains_per_turn && !dead; ++i) {
    const auto got = ::recv(socket.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got < 0 && errno == EAGAIN) break;
    return end();
  }
  wait_readable();
}

void Socket::drop(const Error& why) {
  auto* const told = std::exchange(handler, nullptr);
  end();
  if (told != nullptr) told->on_closed(why);
}

void Socket::end() {
  if (std::exchange(dead, true)) return;
  ErrorCode ignored;
  socket.close(ignored);
  Buffer().swap(out);
  out_at = 0;
  grace.reset();
}

void NetConnection::send(Bytes bytes) {
  if (socket_->dead || socket_->closing) return;
  append_bytes(socket_->out, bytes);
  socket_->loop.mark_dirty(*socket_);
}

void NetConnection::close() {
  if (socket_->dead || std::exchange(socket_->closing, true)) return;
  socket_->handler = nullptr;
  socket_->grace = std::make_unique<asio::steady_timer>(socket_->loop.io(), close_grace);
  socket_->grace->async_wait([weak = std::weak_ptr(socket_)](const ErrorCode& error) {
    if (const auto socket = weak.lock(); socket && !error) socket->end();
  });
  socket_->loop.mark_dirty(*socket_);
}

void NetConnection::keep_unsent_below(std::size_t bytes) {
  if (socket_->dead) return;
  socket_->paced = tcp_path::keep_unsent_below(socket_->socket.native_handle(), bytes);
}

bool NetConnection::use_congestion_control(const std::string& name) {
  return !socket_->dead && tcp_path::use_congestion_control(socket_->socket.native_handle(), name);
}

std::optional<PathInfo> NetConnection::path_info() const {
  return socket_->dead ? std::nullopt : tcp_path::path_info(socket_->socket.native_handle());
}

// ---- listening and connecting ----

void NetListener::State::wait() {
  acceptor.async_wait(tcp::acceptor::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (!error && !self->dead) self->take();
  });
}

void NetListener::State::take() {
  for (int i = 0; i < accepts_per_turn && !dead; ++i) {
    ErrorCode error;
    tcp::socket socket(loop.io());
    acceptor.accept(socket, error);
    if (error == asio::error::would_block || error == asio::error::try_again) break;
    if (error == asio::error::connection_aborted) continue;
    if (error) {
      // Out of descriptors: those that wait are served when some are free again.
      logger::warn("base", "cannot accept a connection", {{"why", error.message()}});
      pause.expires_after(std::chrono::milliseconds{100});
      pause.async_wait([self = shared_from_this()](const ErrorCode& stop) {
        if (!stop && !self->dead) self->wait();
      });
      return;
    }
    accept(loop.adopt(std::move(socket)));
  }
  if (!dead) wait();
}

std::unique_ptr<Connection> NetLoopImpl::adopt(tcp::socket socket) {
  ErrorCode ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  auto held = std::make_shared<Socket>(*this, std::move(socket));
  const auto remote = held->socket.remote_endpoint(ignored);
  held->peer = {remote.address().to_string(), remote.port()};
  return std::make_unique<NetConnection>(std::move(held));
}

Result<std::unique_ptr<Listener>> NetLoopImpl::listen(const Address& address, Accept accept) {
  ErrorCode error;
  const auto ip = asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, error);
  if (error) return fail(Code::invalid, "is no IP address to listen on", address.host);
  tcp::acceptor acceptor(io_);
  const tcp::endpoint endpoint(ip, address.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error == asio::error::address_in_use) {
    const auto holder = port_holder(address.port);
    return fail(Code::busy, "the port is in use" + (holder.empty() ? std::string{} : " by " + holder), address.text());
  }
  if (error)
    return fail(error == asio::error::access_denied ? Code::denied : Code::io, "cannot listen: " + error.message(),
                address.text());
  const auto port = acceptor.local_endpoint(error).port();
  auto state = std::make_shared<NetListener::State>(*this, std::move(acceptor), std::move(accept));
  state->wait();
  return std::make_unique<NetListener>(std::move(state), port);
}

// Ready to connect to `to` by that way.
ErrorCode prepare(tcp::socket& socket, const tcp::endpoint& to, const Via& via) {
  ErrorCode error;
  socket.open(to.protocol(), error);
  if (!error && !via.interface.empty()) {
    const auto size = static_cast<socklen_t>(via.interface.size());
    if (::setsockopt(socket.native_handle(), SOL_SOCKET, SO_BINDTODEVICE, via.interface.data(), size) != 0)
      error.assign(errno, boost::system::system_category());
  }
  if (!error && !via.source.empty()) {
    const auto source = asio::ip::make_address(via.source, error);
    if (!error) socket.bind({source, 0}, error);
  }
  return error;
}

// The host's addresses one after the other, until one is reached.
struct Reaching : std::enable_shared_from_this<Reaching> {
  Reaching(NetLoopImpl& l, Via v, std::string w, Loop::Connected f)
      : loop(l), via(std::move(v)), where(std::move(w)), connected(std::move(f)), socket(l.io()) {}

  void next() {
    if (at == found.end()) return connected(fail(Code::closed, "cannot connect: " + failed.message() + by(), where));
    const tcp::endpoint to = *at++;
    socket = tcp::socket(loop.io());
    failed = prepare(socket, to, via);
    if (failed) return next();
    socket.async_connect(to, [self = shared_from_this()](const ErrorCode& error) {
      if (!error) return self->connected(self->loop.adopt(std::move(self->socket)));
      self->failed = error;
      self->next();
    });
  }
  std::string by() const {
    std::string text;
    if (!via.interface.empty()) text += " (interface " + via.interface + ")";
    if (!via.source.empty()) text += " (from " + via.source + ")";
    return text;
  }

  NetLoopImpl& loop;
  Via via;
  std::string where;
  Loop::Connected connected;
  tcp::socket socket;
  tcp::resolver::results_type found;
  tcp::resolver::results_type::iterator at;
  ErrorCode failed;
};

void NetLoopImpl::connect(const Address& address, const Via& via, Connected connected) {
  auto resolver = std::make_shared<tcp::resolver>(io_);
  auto reaching = std::make_shared<Reaching>(*this, via, address.text(), std::move(connected));
  resolver->async_resolve(address.host, std::to_string(address.port),
                          [resolver, reaching](const ErrorCode& error, const tcp::resolver::results_type& found) {
                            if (error || found.empty())
                              return reaching->connected(
                                  fail(Code::not_found, "cannot find the host: " + error.message(), reaching->where));
                            reaching->found = found;
                            reaching->at = reaching->found.begin();
                            reaching->next();
                          });
}

}  // namespace

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::unique_ptr<NetLoop> make_net_loop(Clock& clock) { return std::make_unique<NetLoopImpl>(clock); }

}  // namespace skerry
