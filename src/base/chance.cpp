// Randomness from the kernel, and from a seed.
#include "base/chance.hpp"

#include <sys/random.h>

#include "base/result.hpp"

namespace skerry {
namespace {

class SystemChance final : public Chance {
 public:
  std::uint64_t next() override {
    std::uint64_t value = 0;
    INVARIANT(::getrandom(&value, sizeof value, 0) == sizeof value);
    return value;
  }
};

}  // namespace

Chance& system_chance() {
  static SystemChance chance;
  return chance;
}

std::uint64_t SeededChance::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace skerry
