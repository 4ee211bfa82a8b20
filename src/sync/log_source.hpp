// LogSource: the durable log as what a Sender sends, by class and offset; and what the Sender remembers, on disk.
//
// The log is read by position: where an offset lies is known from the read before, or found by halving. One thread.
#pragma once

#include <array>
#include <deque>
#include <string>

#include "base/chance.hpp"
#include "base/files.hpp"
#include "log/log.hpp"
#include "sync/local_fields.hpp"
#include "sync/sender.hpp"

namespace skerry::sync {

class LogSource final : public Source {
 public:
  // What is read leaves without the fields that are `local`; `before`: those of the run before this one.
  explicit LogSource(const log::Log& log, LocalFields local = {}, LocalFields before = {})
      : log_(log), local_(std::move(local)), before_(std::move(before)), started_(ends()) {}

  PerClass<std::uint64_t> ends() final;
  Result<Slice> read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t bytes_max) override;
  Result<std::optional<std::uint64_t>> proof(Class cls, std::uint64_t offset) override;

 private:
  struct Place {  // a record with this offset or a later one is the first at or after this position
    std::uint64_t offset = 0;
    log::Position position;
  };
  Result<log::Position> find(Class cls, std::uint64_t offset);
  void remember(Class cls, std::uint64_t offset, log::Position position);

  Result<Slice> read_as(const LocalFields& local, Class cls, std::uint64_t from, std::uint64_t to,
                        std::uint64_t bytes_max);

  const log::Log& log_;
  const LocalFields local_;
  const LocalFields before_;
  const PerClass<std::uint64_t> started_;  // ends when this run began: what lies below it may have been sent before
  PerClass<std::deque<Place>> places_;
};

inline constexpr std::string_view state_name = "sync";  // in DATA/state

// Under what name a gateway's records travel, and what it remembers. A file of its own, replaced as a whole.
struct State {
  std::uint64_t log_epoch = 0;  // of the log that it was made for
  std::uint64_t epoch = 0;
  PerClass<std::uint64_t> bases{};
  Memory memory;
};

// Code::damaged tells what to do. Without a file, or when the log has begun a new epoch since: a new state, whose bases
// are what the former one knew to be acknowledged.
Result<State> load_state(Files& files, const std::string& path, std::uint64_t log_epoch);
Result<> save_state(Files& files, const std::string& path, const State& state);
// For a gateway that its cloud refuses as restored, diverged or fenced: a new name for all that is not acknowledged.
Result<State> begin_epoch(Files& files, const std::string& path, std::uint64_t log_epoch, Chance& chance);

}  // namespace skerry::sync
