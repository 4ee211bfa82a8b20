// Ways: keeps one connection to the cloud, by the best way that works, and looks whether a better one works again. One
// thread, its loop's.
//
// The owner hears of the connection in use alone: it says hello at on_open(), calls proven() once a canary came back,
// and give_up() when the link is no longer worth keeping. A better way is used once it has answered canaries of its own
// for probe_steady; the connection before it ends at that moment, with on_gone() and then on_open().
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "base/metrics.hpp"
#include "link/failover.hpp"
#include "link/wire.hpp"

namespace skerry::link {

class Ways final : private Wire::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_open() = 0;
    virtual void on_message(Bytes message) = 0;
    virtual void on_gone(std::optional<Trouble> why) = 0;  // none: it was left for a better one, or ended here
    virtual void on_read() = 0;
    virtual void on_drained() = 0;
    virtual void on_move(const Move& move) = 0;
  };
  struct Deps {
    Loop& loop;
    Files& files;
    Chance& chance;
    metrics::Registry& metrics;
  };
  Ways(const Deps& deps, const UplinkOptions& options, Owner& owner);
  ~Ways() override;
  Ways(const Ways&) = delete;
  Ways& operator=(const Ways&) = delete;

  void turn();    // every now and then: begins what is due
  void stop();    // ends everything
  void retry();   // does not wait for the end of a pause
  void proven();  // a canary came back on the connection in use
  // `pause`: the cloud wants to be left alone for so long.
  void give_up(Trouble why, std::optional<std::chrono::milliseconds> pause);

  Wire* wire() { return wire_ && wire_->open() ? wire_.get() : nullptr; }  // in use, and open
  const WayOptions& chosen() const;                                        // in use, or tried, or the best
  std::vector<WayStatus> status();
  const std::deque<Move>& moves() const { return moves_; }

 private:
  struct Way {
    WayStatus status;
    Traffic before{};  // of connections that have ended
    Traffic counted{};
    metrics::Gauge* in_use = nullptr;
    metrics::Counter* out = nullptr;
    metrics::Counter* in = nullptr;
  };

  void on_open(Wire& wire) override;
  void on_message(Wire& wire, Bytes message) override;
  void on_end(Wire& wire, Trouble why) override;
  void on_read(Wire& wire) override;
  void on_drained(Wire& wire) override;

  Mono now() { return deps_.loop.clock().mono(); }
  static Failover::Options failover_options(const UplinkOptions& options);
  std::unique_ptr<Wire> begin(std::size_t way);
  void let_go(std::unique_ptr<Wire> wire);
  void failed(std::size_t way, Trouble why);
  void ping();
  void on_pong();
  void end_probe(std::optional<Trouble> why);
  void moved(std::size_t to, std::string reason);
  void set(std::size_t way, WayState state);
  void count();

  Deps deps_;
  const UplinkOptions& options_;
  Owner& owner_;
  Failover failover_;
  std::vector<Way> ways_;  // as in the options
  std::deque<Move> moves_;
  std::optional<std::size_t> last_up_;
  std::string lost_;  // why the one that was up last was lost
  metrics::Counter& connects_;
  metrics::Counter& failovers_;
  std::unique_ptr<Wire> wire_;   // in use, or being tried
  std::unique_ptr<Wire> probe_;  // by a better way than the one in use
  std::uint64_t nonce_ = 0;      // of the probe's canary
  std::optional<Mono> probe_answers_since_;
  std::unique_ptr<Timer> ping_;
  std::unique_ptr<Timer> retry_;
  bool stopped_ = false;
};

}  // namespace skerry::link
