// Recorded readings: what is read, what is refused and where, and the payloads that devices would have sent.
#include "demo/recording.hpp"

#include <gtest/gtest.h>

namespace skerry::demo {
namespace {

Result<Recording> parse(std::string_view text) { return Recording::parse(as_bytes(text), "test.csv"); }

std::string payload(const Recording& data, std::size_t row) {
  std::string text;
  data.append_fields(text, data.rows()[row]);
  return text;
}

TEST(Recording, RowsComeInOrderOfTimeAndKeepTheirText) {
  const auto data = parse("device,time_ms,temperature,place\r\nb,2000,21.50,roof\r\na,1000,-0.5,\"x\nb,3000,,\n");
  ASSERT_TRUE(data) << data.error().text();
  EXPECT_EQ(data->devices(), (std::vector<std::string>{"b", "a"}));
  ASSERT_EQ(data->rows().size(), 3U);
  EXPECT_EQ(data->first_ms(), 1000);
  EXPECT_EQ(data->span_ms(), 2000);
  EXPECT_EQ(payload(*data, 0), R"("temperature":-0.5,"place":"\"x")");
  EXPECT_EQ(payload(*data, 1), R"("temperature":21.50,"place":"roof")");
  EXPECT_EQ(payload(*data, 2), "");
}

TEST(Recording, WhatLooksLikeANumberButIsNoneInJsonIsText) {
  const auto data = parse("device,time_ms,v\na,1,007\na,2,.5\na,3,5.\na,4,1e5\na,5,nan\na,6,+1\n");
  ASSERT_TRUE(data);
  const char* values[] = {R"("007")", R"(".5")", R"("5.")", "1e5", R"("nan")", R"("+1")"};
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_NE(payload(*data, i).find(std::string("\"v\":") + values[i]), std::string::npos) << payload(*data, i);
}

TEST(Recording, RefusalsNameTheLine) {
  EXPECT_EQ(parse("time,device\n").error().where, "test.csv:1");
  EXPECT_EQ(parse("device,time_ms\n").error().where, "test.csv:1");
  EXPECT_EQ(parse("device,time_ms,v\na,1,2\na,yesterday,2\n").error().where, "test.csv:3");
  EXPECT_EQ(parse("device,time_ms,v\n").error().what, "has no readings");
}

TEST(Recording, ACutGzipFileIsRefused) {
  const char cut[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x49";
  EXPECT_EQ(Recording::parse(as_bytes(std::string_view(cut, sizeof cut - 1)), "cut.csv.gz").error().code,
            Code::damaged);
}

}  // namespace
}  // namespace skerry::demo
