// Times as devices send them: RFC 3339 with and without a zone, numbers, and what is none.
#include "base/time.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace skerry {
namespace {

std::string read(std::string_view text) {
  const auto time = parse_time(text);
  return time ? format_rfc3339(*time) : "none";
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(read("2026-01-31T23:59:59.123Z"), "2026-01-31T23:59:59.123Z");
  EXPECT_EQ(read("2026-01-31t23:59:59.123z"), "2026-01-31T23:59:59.123Z");
  EXPECT_EQ(read("2026-01-31 23:59:59"), "2026-01-31T23:59:59.000Z");
  EXPECT_EQ(read("2026-01-31T23:59"), "2026-01-31T23:59:00.000Z");
  EXPECT_EQ(read("2026-01-31"), "2026-01-31T00:00:00.000Z");
  EXPECT_EQ(read("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(read("9999-12-31T23:59:59.999Z"), "9999-12-31T23:59:59.999Z");
}

TEST(Time, ZonesAreTakenOff) {
  EXPECT_EQ(read("2026-01-01T00:30:00+01:00"), "2025-12-31T23:30:00.000Z");
  EXPECT_EQ(read("2026-01-01T00:30:00-0830"), "2026-01-01T09:00:00.000Z");
  EXPECT_EQ(read("2026-01-01T00:30:00-00:00"), "2026-01-01T00:30:00.000Z");  // RFC 3339 4.3: UTC, place unknown
  EXPECT_EQ(read("2026-01-01T00:30:00"), "2026-01-01T00:30:00.000Z");        // none: UTC (docs/architecture.md)
  EXPECT_EQ(read("2026-01-01T00:30:00+24:00"), "none");
  EXPECT_EQ(read("2026-01-01T00:30:00+01:60"), "none");
  EXPECT_EQ(read("2026-01-01T00:30:00+1"), "none");
  EXPECT_EQ(read("2026-01-01T00:30:00+01:0"), "none");
  EXPECT_EQ(read("2026-01-01T00:30:00 Z"), "none");
}

TEST(Time, DecimalsOfASecondAreCutToMilliseconds) {
  EXPECT_EQ(read("2026-01-01T00:00:00.1Z"), "2026-01-01T00:00:00.100Z");
  EXPECT_EQ(read("2026-01-01T00:00:00.12Z"), "2026-01-01T00:00:00.120Z");
  EXPECT_EQ(read("2026-01-01T00:00:00.123456789Z"), "2026-01-01T00:00:00.123Z");
  EXPECT_EQ(read("2026-01-01T00:00:00.999999999999Z"), "2026-01-01T00:00:00.999Z");
  EXPECT_EQ(read("2026-01-01T00:00:00.Z"), "none");
}

TEST(Time, TheCalendarIsKept) {
  EXPECT_EQ(read("2024-02-29T12:00:00Z"), "2024-02-29T12:00:00.000Z");
  EXPECT_EQ(read("2026-02-29T12:00:00Z"), "none");
  EXPECT_EQ(read("2100-02-29T12:00:00Z"), "none");
  EXPECT_EQ(read("2026-13-01T12:00:00Z"), "none");
  EXPECT_EQ(read("2026-00-01T12:00:00Z"), "none");
  EXPECT_EQ(read("2026-04-31T12:00:00Z"), "none");
  EXPECT_EQ(read("2026-01-01T24:00:00Z"), "none");
  EXPECT_EQ(read("2026-01-01T23:60:00Z"), "none");
  EXPECT_EQ(read("2026-01-01T23:59:61Z"), "none");
  EXPECT_EQ(read("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000Z");  // a leap second, RFC 3339 5.7
}

TEST(Time, TimesBefore1970AreTimes) {
  EXPECT_EQ(read("1969-12-31T23:59:59.500Z"), "1969-12-31T23:59:59.500Z");
  EXPECT_EQ(read("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000Z");
}

TEST(Time, WhatIsNoTime) {
  for (const auto* text : {"", "now", "2026", "2026-1-1", "20260101T000000Z", "2026-01-01X00:00:00Z",
                           "2026-01-01T1:00:00Z", "2026-01-01T00:00:00Zjunk", " 2026-01-01", "2026-01-01T",
                           "2026-01-01T00:00:", "-026-01-01", "2026-01-01T00:00:00,5Z", "+2026-01-01"}) {
    EXPECT_EQ(read(text), "none") << text;
  }
  EXPECT_EQ(read(std::string_view("2026-01-01T00:00:00Z\0", 21)), "none");
}

TEST(Time, NumbersAreMillisecondsFrom1e11On) {
  EXPECT_EQ(time_of_number(1e11)->time_since_epoch().count(), 100'000'000'000);
  EXPECT_EQ(time_of_number(99'999'999'999.0)->time_since_epoch().count(), 99'999'999'999'000);
  EXPECT_EQ(time_of_number(1163438041250.0)->time_since_epoch().count(), 1163438041250);
  EXPECT_EQ(time_of_number(1163438041.251)->time_since_epoch().count(), 1163438041251);
  EXPECT_EQ(time_of_number(0)->time_since_epoch().count(), 0);
  EXPECT_EQ(time_of_number(0.0004)->time_since_epoch().count(), 0);
}

TEST(Time, NumbersThatAreNoTime) {
  EXPECT_FALSE(time_of_number(-1));
  EXPECT_FALSE(time_of_number(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(time_of_number(std::numeric_limits<double>::infinity()));
  EXPECT_FALSE(time_of_number(1e300));
  EXPECT_TRUE(time_of_number(253402300799999.0));  // 9999-12-31T23:59:59.999Z
  EXPECT_FALSE(time_of_number(253402300800000.0));
}

TEST(Time, SqlFormHasASpaceAndNoZone) {
  EXPECT_EQ(format_sql(*parse_time("2026-01-31T23:59:59.007Z")), "2026-01-31 23:59:59.007");
}

TEST(Time, EveryMillisecondComesBack) {
  for (std::int64_t ms = -4'000'000'000'000; ms < 4'000'000'000'000; ms += 7'777'777'777) {
    const EventTime time{std::chrono::milliseconds{ms}};
    EXPECT_EQ(parse_time(format_rfc3339(time)), time);
    EXPECT_EQ(parse_time(format_sql(time)), time);
  }
}

TEST(Time, EventTimeIsTheMillisecondBegun) {
  EXPECT_EQ(to_event(Wall{std::chrono::microseconds{1999}}).time_since_epoch().count(), 1);
  EXPECT_EQ(to_event(Wall{std::chrono::microseconds{-1}}).time_since_epoch().count(), -1);
}

}  // namespace
}  // namespace skerry
