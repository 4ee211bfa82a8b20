// The event queue of the simulation.
#include "sim/world.hpp"

#include <cstdlib>

#include "base/result.hpp"

namespace skerry::sim {

World::World(std::uint64_t seed) : chance_(seed), wall_start_(std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}) {}

void World::at(Mono when, std::function<void()> work) {
  INVARIANT(when >= now_);
  queue_.push({when, chance_.next(), number_++, std::make_shared<std::function<void()>>(std::move(work))});
}

bool World::step() {
  if (queue_.empty()) return false;
  const Event event = queue_.top();
  queue_.pop();
  now_ = event.when;
  ++events_;
  (*event.work)();
  return true;
}

bool World::run_until(const std::function<bool()>& done, std::uint64_t events_max) {
  for (std::uint64_t i = 0; i < events_max; ++i) {
    if (done()) return true;
    if (!step()) return done();
  }
  return false;
}

void World::run_for(std::chrono::nanoseconds span) {
  const auto end = now_ + span;
  while (!queue_.empty() && queue_.top().when <= end) step();
  now_ = end;
}

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("SKERRY_SEED")) return {std::strtoull(one, nullptr, 0)};
  if (const char* many = std::getenv("SKERRY_SEEDS")) count = std::strtoull(many, nullptr, 0);
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= count; ++seed) all.push_back(seed);
  return all;
}

}  // namespace skerry::sim
