// The bound holds at every original sample, and the gain is there.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "codec/bounded.hpp"
#include "codec/readings.hpp"
#include "sim/world.hpp"

namespace skerry::codec {
namespace {

std::vector<double> walk(std::uint64_t seed, double scale) {
  sim::SeededChance chance(seed);
  std::vector<double> values{scale * 20};
  for (int i = 0; i < 20'000; ++i)
    values.push_back(values.back() + scale * (static_cast<double>(chance.below(2001)) - 1000) / 5000);
  return values;
}

const double bounds[]{0, 1e-9, 0.003, 0.05, 0.1, 0.25, 0.5, 1, 3, 7.5, 40, 1e6};

TEST(Bounded, QuantisedValuesAreWithinTheBound) {
  for (const double scale : {1e-6, 0.01, 1.0, 1000.0, 1e12})
    for (const auto bound : bounds) {
      const Quantiser quantise(bound);
      for (const auto v : walk(1, scale)) ASSERT_LE(std::fabs(quantise(v) - v), bound) << v << " at " << bound;
    }
  EXPECT_EQ(Quantiser(0.25)(21.337), 21.5);
  EXPECT_EQ(Quantiser(0.1)(21.337), 21.4);
  EXPECT_EQ(Quantiser(0.05)(21.337), 21.3);
  EXPECT_EQ(Quantiser(30)(21337), 21350);
}

TEST(Bounded, HeldValuesAreWithinTheBound) {
  for (const double scale : {0.01, 1.0, 1000.0})
    for (const auto bound : bounds) {
      DeadBand band(bound);
      double held = 0;
      for (const auto v : walk(2, scale)) {
        held = band.next(v).value_or(held);
        ASSERT_LE(std::fabs(held - v), bound) << v << " at " << bound;
      }
    }
}

TEST(Bounded, WhatIsNoNumberIsKept) {
  const auto nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(Quantiser(1)(nan)));
  EXPECT_EQ(Quantiser(1)(-inf), -inf);
  EXPECT_EQ(Quantiser(nan)(1.2345), 1.2345);
  DeadBand band(1);
  EXPECT_TRUE(band.next(5).has_value());
  EXPECT_TRUE(band.next(nan).has_value());
  EXPECT_FALSE(band.next(nan).has_value());
  EXPECT_TRUE(band.next(inf).has_value());
  EXPECT_TRUE(band.next(5).has_value());
}

TEST(Bounded, QuantisedReadingsTakeFewerBytes) {
  const auto coded = [](const Quantiser& quantise) {
    std::vector<Reading> readings;
    for (const auto v : walk(3, 1))
      readings.push_back({"d", "t", static_cast<std::int64_t>(readings.size()) * 1000, quantise(v)});
    Buffer bytes;
    EXPECT_TRUE(ReadingsEncoder().encode(bytes, readings));
    return bytes.size();
  };
  EXPECT_LT(coded(Quantiser(0.05)) * 2, coded(Quantiser(0)));
}

}  // namespace
}  // namespace skerry::codec
