// Chance: the seam for randomness. Programs hand in system_chance(); the simulation and the demos hand in a seed.
#pragma once

#include <cstdint>

namespace skerry {

class Chance {
 public:
  virtual ~Chance() = default;
  virtual std::uint64_t next() = 0;  // 64 uniform bits

  // Uniform in [0, below); below > 0.
  std::uint64_t below(std::uint64_t below) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * below) >> 64);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
};

Chance& system_chance();  // from the kernel; any thread

// The same seed gives the same numbers (SplitMix64: Steele, Lea, Flood 2014).
class SeededChance final : public Chance {
 public:
  explicit SeededChance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

 private:
  std::uint64_t state_;
};

}  // namespace skerry
