// Runs every .sqltest of this folder: what SQL means, as text.
#include <gtest/gtest.h>

#include <sstream>

#include "stream/files.hpp"

namespace skerry::stream {

TEST(Sql, EveryTextTestPasses) {
  std::ostringstream out;
  const auto counts = test_dir(system_files(), SKERRY_SOURCE_DIR "/tests/stream/sql", out);
  ASSERT_TRUE(counts.has_value()) << counts.error().text();
  EXPECT_EQ(counts->failed, 0U) << out.str();
  EXPECT_GT(counts->passed, 30U);
}

// The demos' pipelines have their tests beside them, as a site's own would.
TEST(Sql, EveryTestOfTheDemosPasses) {
  std::ostringstream out;
  const auto counts = test_dir(system_files(), SKERRY_SOURCE_DIR "/pipelines/demo", out);
  ASSERT_TRUE(counts.has_value()) << counts.error().text();
  EXPECT_EQ(counts->failed, 0U) << out.str();
  EXPECT_GE(counts->passed, 15U);
}

}  // namespace skerry::stream
