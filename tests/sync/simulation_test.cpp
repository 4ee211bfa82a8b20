// Exactly once, whatever fails: many seeds of the simulation, and mutants that it must notice.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sync/simulated.hpp"

namespace skerry::sync::simulated {
namespace {

std::uint64_t many() { return std::getenv("SKERRY_LONG") != nullptr ? 100'000 : 3'000; }

TEST(Simulation, accepted_is_applied_and_declared_gaps) {
  std::uint64_t events = 0;
  std::uint64_t rows = 0;
  std::uint64_t late = 0;
  std::uint64_t runs = 0;
  std::uint64_t least = ~std::uint64_t{0};
  std::map<Refusal, std::uint64_t> refusals;
  for (const auto seed : sim::seeds(many())) {
    Scenario scenario(seed, Mutant::none);
    const auto wrong = scenario.play();
    ASSERT_FALSE(wrong) << *wrong << "\nscript/test sim sync.Simulation --seed " << seed;
    ++runs;
    events += scenario.events();
    least = std::min(least, scenario.events());
    rows += scenario.rows();
    late += scenario.late();
    for (const auto& [refusal, count] : scenario.refusals()) refusals[refusal] += count;
  }
  std::printf("%llu seeds, %llu events (at least %llu each), %llu rows applied, %llu too late:",
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(least), static_cast<unsigned long long>(rows),
              static_cast<unsigned long long>(late));
  for (const auto& [refusal, count] : refusals)
    std::printf(" %s %llu", std::string(name(refusal)).c_str(), static_cast<unsigned long long>(count));
  std::printf("\n");
  EXPECT_GE(least, 200U);
  if (runs < 1'000) return;
  EXPECT_GT(late, runs);
  for (const auto refusal : {Refusal::fenced, Refusal::restored, Refusal::diverged, Refusal::superseded})
    EXPECT_GT(refusals[refusal], 0U) << name(refusal);
  EXPECT_EQ(refusals[Refusal::order], 0U);
  EXPECT_EQ(refusals[Refusal::malformed], 0U);
}

// The seeds that a mutant may live through before the checker notices it.
void expect_noticed(Mutant mutant, std::uint64_t seeds_max) {
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    if (const auto wrong = Scenario(seed, mutant).play()) {
      std::printf("noticed at seed %llu: %s\n", static_cast<unsigned long long>(seed), wrong->c_str());
      return;
    }
  }
  FAIL() << "not noticed in " << seeds_max << " seeds";
}

TEST(Simulation, without_the_epoch_check_it_fails) { expect_noticed(Mutant::no_epoch_check, 20); }
TEST(Simulation, with_rows_and_marks_in_two_transactions_it_fails) { expect_noticed(Mutant::two_transactions, 20); }
TEST(Simulation, with_deletion_before_the_acknowledgement_it_fails) {
  expect_noticed(Mutant::delete_before_acknowledged, 20);
}

}  // namespace
}  // namespace skerry::sync::simulated
