// Epochs: which name the records have outside, and from where on; and where the folder lay when it was last open.
//
// A folder that was copied or restored notices: its files lie in another place. docs/format/log.md, "epochs"
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "log/format.hpp"

namespace skerry::log {

class Epochs {
 public:
  Epochs(Files& files, std::string path, std::string ballast)
      : files_(files), path_(std::move(path)), ballast_(std::move(ballast)) {}

  // `origin` is the first epoch, of a log that has no file of epochs yet. Nothing when all is as it was; else why a new
  // epoch must begin.
  Result<std::optional<std::string>> load(std::uint64_t origin, std::uint64_t place);
  // Durable when it returns.
  Result<> begin(std::uint64_t id, const Mark& from, Wall at, std::string_view why);
  Result<> save() const;

  std::uint64_t now() const { return now_.load(std::memory_order_acquire); }
  std::vector<Epoch> all() const;
  // True when a record at `position` may have had this epoch in its name, or one past the last that has it.
  bool fits(std::uint64_t id, Position position) const;

 private:
  Files& files_;
  std::string path_;
  std::string ballast_;
  mutable std::mutex mutex_;
  std::vector<Epoch> epochs_;
  std::uint64_t place_ = 0;
  std::atomic<std::uint64_t> now_{0};
};

// replace_file(), which on a full disk removes `ballast` and tries again: what must be said can be said.
Result<> replace_at_any_rate(Files& files, std::string_view path, Bytes bytes, std::string_view ballast);

}  // namespace skerry::log
