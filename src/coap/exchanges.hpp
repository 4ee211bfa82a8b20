// Which requests have been taken already: a confirmable request that comes again is answered again, and taken once
// (RFC 7252 4.5), also when the gateway was restarted in between.
//
// A taken request's name is the origin of its record, `coap:NAME`. While the program runs, note() remembers it; after a
// start the log says it again. Names are forgotten after exchange_lifetime.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "coap/limits.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"

namespace skerry::coap {

std::string origin_of(std::string_view exchange);

class Exchanges final : public log::Follower {
 public:
  // `checkpoint_path` may be empty: none is kept. It is saved by `saver`, or at once where that is nothing.
  static Result<std::unique_ptr<Exchanges>> open(const log::Log& log, Files& files, Clock& clock,
                                                 std::string checkpoint_path, log::Saver* saver = nullptr);

  std::optional<record::Position> find(std::string_view exchange) const;  // any thread
  void note(std::string_view exchange, record::Position position, Wall at);

  std::string_view name() const override { return "coap"; }
  Result<bool> step() override;
  Result<> checkpoint() override;
  record::Position position() const override { return {position_.load(std::memory_order_acquire)}; }

 private:
  Exchanges(const log::Log& log, Files& files, Clock& clock, std::string checkpoint_path, log::Saver* saver);
  Result<> load();
  void forget_old(Wall now);

  struct Known {
    record::Position position;
    Wall at;
  };
  const log::Log& log_;
  Files& files_;
  Clock& clock_;
  const std::string checkpoint_path_;
  log::Saver* saver_;
  mutable std::mutex mutex_;  // of the two below
  std::unordered_map<std::string, Known> known_;
  std::deque<std::string> oldest_first_;
  std::atomic<std::uint64_t> position_{0};
  record::Position replay_end_;  // from here on note() has told everything
  record::Position saved_;
};

}  // namespace skerry::coap
