// The shipped rules against an independent reference in Python (requirements 5; reference.py), on real readings.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "stream/files.hpp"
#include "stream/stream.hpp"

namespace skerry::stream {
namespace {

namespace fs = std::filesystem;
const std::string root = SKERRY_SOURCE_DIR;
const std::string library = root + "/../shared/data/library/readings.csv.gz";

class Rules : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("skerry-rules-" + GetParam() + "-" + std::to_string(getpid()));
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  int python(const std::string& arguments) {
    return std::system(("python3 '" + root + "/tests/stream/reference.py' " + arguments).c_str());
  }
  // Where the library data are not there: readings that look alike, made from a seed.
  std::string source() {
    if (fs::exists(library)) return library;
    std::puts("no ../shared/data/library beside the project: readings made from a seed are used instead");
    const auto path = (dir_ / "made.csv").string();
    std::ofstream out(path);
    out << "device,time_ms,temperature,humidity\n";
    std::uint64_t chance = 88172645463325252ULL;
    for (std::int64_t i = 0; i < 20'000; ++i) {
      chance ^= chance << 13, chance ^= chance >> 7, chance ^= chance << 17;
      out << "d" << chance % 19 << ',' << 1163438041250 + i * 3200 << ','
          << 20.0 + static_cast<double>(chance % 997) / 100 << ',' << 40.0 + static_cast<double>(chance % 613) / 50
          << '\n';
    }
    return path;
  }
  fs::path dir_;
};

TEST_P(Rules, GiveTheSameRowsAsTheReference) {
  const auto data = (dir_ / "data.csv").string();
  const auto rows = (dir_ / "rows.ndjson").string();
  ASSERT_EQ(python("--make " + GetParam() + " '" + source() + "' '" + data + "'"), 0);
  const auto text = read_file(system_files(), root + "/pipelines/anomaly.sql");
  ASSERT_TRUE(text.has_value());
  {
    std::ofstream out(rows);
    const auto counts = run_files(system_files(), as_text(*text), {data}, out);
    ASSERT_TRUE(counts.has_value()) << counts.error().text();
    EXPECT_GT(counts->rows_in, 1000U);
  }
  EXPECT_EQ(python("'" + data + "' '" + rows + "'"), 0);
}

INSTANTIATE_TEST_SUITE_P(Stream, Rules, testing::Values("spikes", "faster", "constant", "large", "holes"),
                         [](const auto& one) { return one.param; });

TEST(Threshold, AlertsOnlyAbove80) {
  const auto text = read_file(system_files(), root + "/pipelines/threshold.sql");
  ASSERT_TRUE(text.has_value());
  const auto path = (fs::temp_directory_path() / ("skerry-threshold-" + std::to_string(getpid()) + ".ndjson")).string();
  std::ofstream(path) << R"({"device_id":"a","temperature":80,"timestamp":"2026-01-01T00:00:00Z"}
{"device_id":"a","temperature":80.001,"timestamp":1767225601}
{"device_id":"a","timestamp":1767225602}
)";
  std::ostringstream out;
  const auto counts = run_files(system_files(), as_text(*text), {path}, out);
  fs::remove(path);
  ASSERT_TRUE(counts.has_value()) << counts.error().text();
  EXPECT_EQ(
      out.str(),
      R"({"_to":"alerts","device_id":"a","alert_type":"high_temperature","severity":"high","message":"temperature 80.001 is above 80","timestamp":"2026-01-01 00:00:01.000"}
)");
}

}  // namespace
}  // namespace skerry::stream
