// CSV of readings into a file of batches and back: the same text where a file writes numbers one way, else the same
// values.
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "cli/readings_csv.hpp"

namespace skerry::cli {
namespace {

std::string there_and_back(std::string_view text, std::size_t batch = 2) {
  const auto csv = parse_readings(text, "in.csv");
  EXPECT_TRUE(csv) << csv.error().text();
  double seconds = 0;
  const auto file = encode_file(*csv, batch, seconds);
  EXPECT_TRUE(file);
  const auto got = decode_file(*file, "coded");
  EXPECT_TRUE(got) << got.error().text();
  return got->csv;
}

TEST(ReadingsCsv, TextComesBackAsItWas) {
  for (const std::string_view text : {
           "device,sensor,time_ms,value\nm1,t,1000,21.5\nm1,v,1000,3\nm2,t,1001,-0.25\nm2,v,1001,\n",
           "device,sensor,time_ms,value\np,flow,1,32.0\np,flow,2,0.054711\np,flow,3,-1.0\np,flow,4,100000.0\n",
           "device,sensor,time_ms,value\n\"a,b\",\"say \"\"x\"\"\",-5,nan\n,,0,inf\nü,t,9223372036854775807,-0\n",
           "device,sensor,time_ms,value\n",
       }) {
    EXPECT_EQ(there_and_back(text), text);
  }
}

TEST(ReadingsCsv, OtherWaysToWriteGiveTheSameValues) {
  EXPECT_EQ(there_and_back("m,t,1,1e3\r\nm,t,2,+2.50\r\nm,t,3,3.0"),
            "device,sensor,time_ms,value\nm,t,1,1000\nm,t,2,2.5\nm,t,3,3\n");
  EXPECT_EQ(there_and_back("\"two\nlines\",t,1,1\n"), "device,sensor,time_ms,value\n\"two\nlines\",t,1,1\n");
}

// Written by the first program that knew the format; read for ever.
TEST(ReadingsCsv, TheGoldenFileIsRead) {
  const std::string dir = SKERRY_SOURCE_DIR "/tests/cli/golden/";
  const auto file = read_file(system_files(), dir + "readings-v1.skr");
  const auto csv = read_file(system_files(), dir + "readings-v1.csv");
  ASSERT_TRUE(file && csv);
  const auto got = decode_file(*file, "golden");
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->csv, as_text(*csv));
  EXPECT_EQ(there_and_back(as_text(*csv), 100), as_text(*csv));
}

TEST(ReadingsCsv, ErrorsNameTheLine) {
  const auto wrong = [](std::string_view text) { return parse_readings(text, "in.csv").error().text(); };
  EXPECT_EQ(wrong("device,sensor,time_ms,value\nm,t,1,1\nm,t,1\n"),
            "in.csv:3: a row has 4 fields, device,sensor,time_ms,value, not 3");
  EXPECT_EQ(wrong("m,t,yesterday,1\n"), "in.csv:1: `yesterday` is no whole number of milliseconds");
  EXPECT_EQ(wrong("m,t,1,warm\n"), "in.csv:1: `warm` is no number");
}

TEST(ReadingsCsv, FilesThatAreDamagedSayWhere) {
  EXPECT_EQ(decode_file(as_bytes("hello, world"), "f").error().code, Code::damaged);
  double seconds = 0;
  auto file = *encode_file(*parse_readings("m,t,1,1\nm,t,2,2\nm,t,3,3\n", "in"), 1, seconds);
  file.pop_back();
  EXPECT_EQ(decode_file(file, "f").error().text(), "f: batch 2: the file ends inside a batch");
}

}  // namespace
}  // namespace skerry::cli
