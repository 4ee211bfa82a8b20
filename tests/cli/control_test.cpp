// Messages between a supervisor and its gateway: whole, in order, and the end is noticed.
#include "cli/control.hpp"

#include <gtest/gtest.h>

namespace skerry::cli {
namespace {

using std::chrono::milliseconds;

TEST(Control, MessagesComeWholeAndInOrder) {
  auto ends = Control::make();
  ASSERT_TRUE(ends);
  auto& [here, there] = *ends;
  const std::string state(150'000, 'x');
  here.send("one");
  here.send(state);
  EXPECT_EQ(there.receive(milliseconds{0}), "one");
  EXPECT_EQ(there.receive(milliseconds{0}), state);
  EXPECT_EQ(there.receive(milliseconds{0}), "");
  there.send("back");
  EXPECT_EQ(here.receive(milliseconds{0}), "back");
}

TEST(Control, ThatTheOtherEndIsGoneIsToldAndSendingToItIsNoHarm) {
  auto ends = Control::make();
  ASSERT_TRUE(ends);
  auto here = std::move(ends->first);
  ends->second = Control();
  here.send("to nobody");
  EXPECT_EQ(here.receive(milliseconds{0}), std::nullopt);
}

TEST(Control, ASenderIsNeverHeldUp) {
  auto ends = Control::make();
  ASSERT_TRUE(ends);
  const std::string state(100'000, 'x');
  for (int i = 0; i < 1'000; ++i) ends->first.send(state);  // nobody reads
  EXPECT_EQ(ends->second.receive(milliseconds{0}), state);
}

}  // namespace
}  // namespace skerry::cli
