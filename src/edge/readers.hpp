// Readers: drives the log's followers in rounds, on a thread of its own or as events of the simulation.
//
// A round lets each follower take some chunks, in the order they were added: who decides comes before who remembers.
// A follower that fails is told to the operator, counted, and tried again a second later; the others go on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "log/follower.hpp"

namespace skerry::edge {

class Readers {
 public:
  Readers(log::Log& log, Clock& clock, metrics::Registry& metrics);
  ~Readers();  // stops
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  void add(log::Follower& follower);
  void add_tick(std::function<Result<>(Wall)> tick);  // about ten times a second, after the followers

  // Runs `work` between two rounds, on the thread that drives them; a stopped one runs it no more.
  void call(std::function<void()> work);  // any thread

  bool round();  // true when there may be more to do at once
  void tick();
  void checkpoint();  // all of them; errors are told

  void start();  // the thread
  void stop();   // after a last round and a checkpoint; fine to call twice

 private:
  struct Member {
    log::Follower* follower;
    metrics::Gauge* behind;
    metrics::Counter* failures;
    Mono not_before{};
  };

  void run();
  void wake();
  void failed(Member& member, const Error& error);

  log::Log& log_;
  Clock& clock_;
  metrics::Registry& metrics_;
  SteadyWall wall_;
  std::vector<Member> members_;
  std::vector<std::function<Result<>(Wall)>> ticks_;
  std::mutex work_mutex_;
  std::vector<std::function<void()>> work_;
  std::shared_ptr<void> on_append_;
  std::shared_ptr<void> on_commit_;

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> news_{true};
  std::atomic<bool> asleep_{false};
  bool stopping_ = false;
};

}  // namespace skerry::edge
