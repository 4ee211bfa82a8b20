// Randomness from the kernel.
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

}  // namespace skerry
