// The link between a gateway and its cloud: sync's frames as WebSocket messages, over a Loop.
//
// Uplink: the gateway's side. It connects by the best of its ways that works (failover.hpp), and again with growing
// pauses, half of them by chance; carries frames; keeps what the Sender remembers on disk. That it has moved from one
// way to another is a record, `$skerry/link`. Everything on its loop's thread but status(), which any may call.
// Server: the cloud's side. It listens and gives each connection a Receiver; jobs go to `submit` and come back by
// outcome() or failed(), in order. Everything on its loop's thread.
//
// wss is mutual TLS 1.3: the gateway believes a cloud whose certificate comes from `trusted` and names the host; the
// cloud a gateway whose certificate comes from `trusted`, is not revoked, and whose common name is the gateway's id.
// The gateway reads its files at each connection; the cloud looks at its own every ten seconds, keeps what it has when
// they cannot be used, and ends connections whose certificate no longer holds.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "link/credentials.hpp"
#include "link/devices.hpp"
#include "link/limits.hpp"
#include "log/log.hpp"
#include "sync/local_fields.hpp"
#include "sync/receiver.hpp"
#include "sync/sender.hpp"

namespace skerry::link {

inline constexpr std::string_view subprotocol = "skerry.sync.1";
inline constexpr std::string_view path = "/link";

struct Url {
  bool tls = false;
  Address address;
};
// ws://host:port or wss://host:port. ws is for loopback only: Code::denied.
Result<Url> parse_url(std::string_view text);
std::string text_of(const Url& url);

// One way to the cloud; all ways lead to the same.
struct WayOptions {
  std::string name = "main";
  Url url;
  std::string server_name{};  // that the cloud's certificate must name; empty: the host of `url`
  Via via{};
  std::int64_t priority = 1;  // the least of those that work is used …
  double cost = 0;            // … among equals the least of this
};

struct UplinkOptions {
  std::vector<WayOptions> ways;                  // 1 to ways_max, with different names
  std::chrono::milliseconds back_every{60'000};  // ways better than the one in use are looked at
  CredentialFiles credentials;                   // for wss
  std::string gateway;
  std::string software;
  std::string state_path;  // what is remembered over restarts
  record::ClassMask classes = record::all_classes;
  sync::PerClass<std::chrono::milliseconds> linger{};
  std::chrono::milliseconds network_timeout = sync::network_timeout;
  sync::Inbox* inbox = nullptr;  // where the cloud's items go; outlives the uplink
  sync::QueuesOptions queues{};
  std::string congestion_control = "bbr";  // of TCP, where the kernel has it; empty: the system's own
  std::size_t devices_max = link::devices_max;
  sync::LocalFields local{};         // fields that are not sent
  sync::LocalFields local_before{};  // those of the run before
};

// How the link is shared, of now.
struct ShareStatus {
  sync::PerClass<sync::QueueOptions> options;
  sync::PerClass<sync::QueueStatus> queues;
  sync::Congestion congestion = sync::Congestion::none;
  double fill = 0;                   // mean of the last fill ratios
  std::uint64_t bandwidth = 0;       // configured, bytes per second; 0: adaptive
  std::uint64_t budget = 0;          // of it, that may be used now
  std::uint64_t rate = 0;            // that the way was found to take, bytes per second; 0: not known
  std::uint64_t frame_bytes = 0;     // about how long a frame is
  std::uint64_t unacknowledged = 0;  // bytes on the way
  std::optional<PathInfo> path;
};

enum class WayState : std::uint8_t { unused, trying, up, down };
std::string_view name(WayState state);

struct WayStatus {
  WayOptions options;
  WayState state = WayState::unused;  // up: its canary came back, and it is used
  std::optional<Wall> since;          // of the state
  std::optional<Trouble> trouble;     // why it failed last, until it works again
  std::uint64_t bytes_out = 0;        // since the program started; with TCP's and IP's headers where the system tells
  std::uint64_t bytes_in = 0;
  std::uint64_t connects = 0;
};

// From one way to another.
struct Move {
  Wall at{};
  std::string from;
  std::string to;
  std::string reason;
};

struct UplinkStatus {
  std::string url;              // that is used or tried
  std::string way;              // its name
  std::vector<WayStatus> ways;  // the best first
  std::deque<Move> moves;       // the last ones, the newest last
  sync::Phase phase = sync::Phase::down;
  bool up = false;  // a canary came back
  std::uint64_t epoch = 0;
  std::uint64_t backlog = 0;  // records that are committed here and not acknowledged there
  sync::PerClass<std::uint64_t> acknowledged{};
  std::optional<sync::Refuse> refused;
  // The worst of those that were acknowledged within the last second, of the live lane: since their commit here, or
  // since the link came up where that was later.
  std::optional<std::chrono::nanoseconds> live_delay;
  ShareStatus shares;
  std::optional<Trouble> trouble;  // why the last connection ended
};

class Uplink {
 public:
  struct Deps {
    Loop& loop;
    log::Log& log;
    Files& files;
    Chance& chance;
    metrics::Registry& metrics;
  };
  static Result<std::unique_ptr<Uplink>> open(const Deps& deps, const UplinkOptions& options);
  virtual ~Uplink() = default;

  virtual void start() = 0;  // on the loop's thread, or before it runs
  virtual void stop() = 0;   // on the loop's thread: closes the connection and saves
  virtual void retry() = 0;  // any thread: no pause any more, what waits for one is tried now
  virtual UplinkStatus status() const = 0;
  virtual const Devices& devices() const = 0;
};

class Server {
 public:
  using Id = std::uint64_t;  // of a connection
  using Submit = std::function<void(Id, sync::Job)>;

  struct Options {
    std::optional<CredentialFiles> credentials;  // none: plain, for this machine only
    bool any_role = false;                       // see Judge
  };
  struct Deps {
    Loop& loop;
    Files& files;
    Chance& chance;
    metrics::Registry& metrics;
  };
  // Code::invalid: the certificates cannot be used.
  static Result<std::unique_ptr<Server>> make(const Deps& deps, const Options& options, Submit submit);
  virtual ~Server() = default;

  virtual Result<std::uint16_t> listen(const Address& address) = 0;
  virtual void outcome(Id id, const sync::Outcome& outcome) = 0;
  virtual void failed(Id id, const Error& error) = 0;
  virtual std::size_t connections() const = 0;
  virtual std::vector<std::string> gateways() const = 0;  // that are connected and ready
  virtual void look(std::string_view gateway) = 0;        // something waits for it: see Receiver::look()
};

}  // namespace skerry::link
