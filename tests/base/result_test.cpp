// Results: TRY passes errors up, an error says where, and a broken invariant ends the program.
#include "base/result.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace skerry {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::invalid, "is odd", "n");
  return n / 2;
}
Result<int> quarter(int n) {
  const int h = TRY(half(n));
  return TRY(half(h));
}
Result<> check(int n) {
  TRY(half(n));
  return {};
}
Result<std::unique_ptr<int>> made(int n) {
  auto box = std::make_unique<int>(TRY(half(n)));
  return box;
}

TEST(Result, TryGivesValuesAndPassesErrors) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().what, "is odd");
  EXPECT_TRUE(check(2));
  EXPECT_FALSE(check(1));
  EXPECT_EQ(**made(4), 2);
}

TEST(Result, ErrorsReadAsASentence) {
  EXPECT_EQ(quarter(3).error().text(), "n: is odd");
  EXPECT_EQ((Error{Code::io, "cannot sync", ""}).text(), "cannot sync");
}

TEST(Result, EveryCodeHasItsName) {
  for (int i = 0; i <= static_cast<int>(Code::closed); ++i) EXPECT_NE(name(static_cast<Code>(i)), "unknown");
}

TEST(ResultDeathTest, AnInvariantIsOnInEveryBuild) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(INVARIANT(1 + 1 == 3), "invariant broken: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace skerry
