// Needs: what must not be trimmed, or last: pinned records, what readers have not saved, what the cloud lacks.
//
// Any thread. Nothing of it is kept on disk: who needs something says so again after a start.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "log/log.hpp"

namespace skerry::log {

class Needs {
 public:
  void pin(std::string_view owner, Position before, std::vector<Position> positions) {
    INVARIANT(std::ranges::is_sorted(positions));
    const std::scoped_lock lock(mutex_);
    pins_.insert_or_assign(std::string(owner), Pins{before, std::move(positions)});
  }
  void read_to(std::string_view reader, Position position) {
    const std::scoped_lock lock(mutex_);
    readers_.insert_or_assign(std::string(reader), position);
  }
  void hold(Class cls, std::optional<Offset> from) {
    const std::scoped_lock lock(mutex_);
    held_[static_cast<std::size_t>(cls)] = from;
  }

  // From here on all may be pinned: nobody has said yet.
  Position pins_end() const {
    const std::scoped_lock lock(mutex_);
    Position end{~std::uint64_t{0}};
    for (const auto& [owner, pins] : pins_) end = std::min(end, pins.before);
    return end;
  }
  std::vector<Position> pinned(Position first, Position end) const {
    std::vector<Position> all;
    const std::scoped_lock lock(mutex_);
    for (const auto& [owner, pins] : pins_) {
      const auto from = std::ranges::lower_bound(pins.positions, first);
      all.insert(all.end(), from, std::lower_bound(from, pins.positions.end(), end));
    }
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }
  Position unread() const {
    const std::scoped_lock lock(mutex_);
    Position least{~std::uint64_t{0}};
    for (const auto& [reader, position] : readers_) least = std::min(least, position);
    return least;
  }
  bool held(Class cls, Offset last) const {
    const std::scoped_lock lock(mutex_);
    const auto& from = held_[static_cast<std::size_t>(cls)];
    return from && last >= *from;
  }

 private:
  struct Pins {
    Position before;
    std::vector<Position> positions;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Pins, std::less<>> pins_;
  std::map<std::string, Position, std::less<>> readers_;
  std::array<std::optional<Offset>, record::class_count> held_;
};

}  // namespace skerry::log
