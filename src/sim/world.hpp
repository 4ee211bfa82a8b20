// World: one seed decides what happens when. All that a simulated program does, waits for or sends is an event in it.
//
// Time stands still while an event runs and jumps to the next. The same seed and the same code give the same run, to
// the byte. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/chance.hpp"
#include "base/clock.hpp"

namespace skerry::sim {

// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose faults with.
using skerry::SeededChance;

class World final : public Clock {
 public:
  explicit World(std::uint64_t seed);

  // Clock: wall time begins at 2026-01-01T00:00:00Z and can be made to jump; mono time cannot.
  Wall wall() override { return wall_start_ + std::chrono::floor<std::chrono::microseconds>(now_.time_since_epoch()); }
  Mono mono() override { return now_; }
  void jump_wall(std::chrono::microseconds by) { wall_start_ += by; }

  Chance& chance() { return chance_; }

  // Events at the same time run in an order that the seed decides.
  void at(Mono when, std::function<void()> work);
  void after(std::chrono::nanoseconds delay, std::function<void()> work) { at(now_ + delay, std::move(work)); }

  bool step();  // runs the next event; false when there is none
  // Runs until `done` holds; false when nothing is left to happen or `events_max` were run before.
  bool run_until(const std::function<bool()>& done, std::uint64_t events_max = 10'000'000);
  void run_for(std::chrono::nanoseconds span);
  std::uint64_t events() const { return events_; }

 private:
  struct Event {
    Mono when;
    std::uint64_t tie;
    std::uint64_t number;
    std::shared_ptr<std::function<void()>> work;
    bool operator<(const Event& other) const {  // the queue's top is the greatest: the earliest event
      if (when != other.when) return when > other.when;
      if (tie != other.tie) return tie > other.tie;
      return number > other.number;
    }
  };

  SeededChance chance_;
  std::priority_queue<Event> queue_;
  Mono now_{};
  Wall wall_start_;
  std::uint64_t number_ = 0;
  std::uint64_t events_ = 0;
};

// The seeds of a test: SKERRY_SEED alone when it is set, else `count` (or SKERRY_SEEDS) of them from 1.
std::vector<std::uint64_t> seeds(std::uint64_t count);

}  // namespace skerry::sim
