// Loop: the seam for the network and for deferred work. Asio runs the real one; the simulation runs its own.
//
// One thread runs a loop, and everything made from it lives on that thread; only post() may be called from others.
// A connection tells its owner what happens through a ConnectionHandler; the owner destroys the Connection to be rid of
// it at any time, also from inside a handler call, and hears nothing afterwards.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace skerry {

struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: the system chooses

  std::string text() const;
};

// Which way out of this machine a connection takes; what is empty is as the system's routes say.
struct Via {
  std::string interface;  // a network interface's name: Linux, SO_BINDTODEVICE
  std::string source;     // an address of this machine
};

class ConnectionHandler {
 public:
  virtual ~ConnectionHandler() = default;
  virtual void on_bytes(Bytes bytes) = 0;        // valid for the call
  virtual void on_closed(const Error& why) = 0;  // by the other side or a fault, never by close(); the last call
  virtual void on_drained() {}                   // unsent() has fallen to zero after it was not
};

// What the system knows of a connection's way (Linux: TCP_INFO). Rates in bytes per second.
struct PathInfo {
  std::uint64_t rate = 0;     // that was delivered lately
  bool rate_is_ours = false;  // the sender had too little to send: the path may take more
  std::chrono::microseconds rtt{};
  std::chrono::microseconds rtt_min{};
  std::uint64_t unsent = 0;       // bytes in the kernel that have not left
  std::uint64_t outstanding = 0;  // bytes in the kernel without an acknowledgement, the unsent among them
  std::uint64_t in_flight = 0;    // segments without an acknowledgement
  std::uint64_t resent = 0;       // segments, since it began
  std::uint64_t bytes_out = 0;    // since it began, headers of TCP and IP and repetitions among them; 0: not known
  std::uint64_t bytes_in = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;                     // closes at once, unsent bytes are lost
  virtual void begin(ConnectionHandler& handler) = 0;  // to read; `handler` hears from now on. Once
  // Takes a copy. Bytes leave at the end of the loop's turn, so many small sends are one write.
  virtual void send(Bytes bytes) = 0;
  virtual std::size_t unsent() const = 0;  // bytes taken by send() and not yet by the kernel
  virtual void read_more(bool on) = 0;     // off: push back, the peer's bytes wait in the socket
  // The kernel keeps no more than about so many bytes that have not left (TCP_NOTSENT_LOWAT), and on_drained() comes
  // after each send, when less than half of them are left: what is sent then waits for no more than these. Where the
  // system cannot, nothing changes.
  virtual void keep_unsent_below(std::size_t /*bytes*/) {}
  // How the kernel finds out what the path takes, `bbr` or `cubic`; false: it does not have it.
  virtual bool use_congestion_control(const std::string& /*name*/) { return false; }
  virtual std::optional<PathInfo> path_info() const { return {}; }
  virtual void close() = 0;  // after what was sent has left, or 5 s; the handler hears no more
  virtual const Address& peer() const = 0;
  // DER of the certificate whose key the peer has shown to hold; empty: none. That it may be believed is the door's
  // to find out.
  virtual Bytes peer_certificate() const { return {}; }
  virtual bool is_secure() const { return false; }  // nobody between reads or changes the bytes
};

class Listener {
 public:
  virtual ~Listener() = default;  // stops listening
  virtual std::uint16_t port() const = 0;
};

class Timer {
 public:
  virtual ~Timer() = default;  // cancels
};

class Loop {
 public:
  // Gives each connection its handler, which must outlive it.
  using Accept = std::function<void(std::unique_ptr<Connection>)>;
  using Connected = std::function<void(Result<std::unique_ptr<Connection>>)>;

  virtual ~Loop() = default;
  virtual void post(std::function<void()> work) = 0;         // any thread
  virtual void at_turn_end(std::function<void()> work) = 0;  // once, before sent bytes leave; loop thread only
  [[nodiscard]] virtual std::unique_ptr<Timer> after(std::chrono::nanoseconds delay, std::function<void()> work) = 0;
  // Code::busy when the port is taken: `what` says so and names what to set.
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) = 0;
  virtual void connect(const Address& address, const Via& via, Connected connected) = 0;
  void connect(const Address& address, Connected connected) { connect(address, {}, std::move(connected)); }
  void start(Connection& connection, ConnectionHandler& handler) { connection.begin(handler); }
  virtual Clock& clock() = 0;
};

class Watch {
 public:
  virtual ~Watch() = default;  // ends it
};

// How a door comes to its connections: by its loop alone, or by TLS over it (tls.hpp).
using Listen = std::function<Result<std::unique_ptr<Listener>>(const Address&, Loop::Accept)>;

// A loop on real sockets. run() returns after stop(), which any thread may call.
class NetLoop : public Loop {
 public:
  virtual void run() = 0;
  virtual void stop() = 0;
  // For libraries that bring their own sockets: `readable` is called, on the loop's thread, as long as `fd` has
  // something to read. The descriptor stays its owner's, and must outlive the watch.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(int fd, std::function<void()> readable) = 0;
};

std::unique_ptr<NetLoop> make_net_loop(Clock& clock);

}  // namespace skerry
