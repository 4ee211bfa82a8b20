// Readings come back bit for bit, whatever they are; batches in the wrong order, or damaged, are refused.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <deque>
#include <limits>

#include "codec/decimal.hpp"
#include "codec/limits.hpp"
#include "codec/readings.hpp"
#include "sim/world.hpp"

namespace skerry::codec {
namespace {

std::uint64_t bits(double v) { return std::bit_cast<std::uint64_t>(v); }

bool same(const Reading& a, const Reading& b) {
  return a.device == b.device && a.sensor == b.sensor && a.time_ms == b.time_ms && bits(a.value) == bits(b.value);
}

// Through both sides in batches of `size`; the bytes it took.
std::size_t pass(const std::vector<Reading>& readings, std::size_t size) {
  ReadingsEncoder encoder(7);
  ReadingsDecoder decoder;
  std::size_t bytes = 0;
  std::vector<Reading> got;
  for (std::size_t at = 0; at < readings.size(); at += size) {
    const auto batch = std::span(readings).subspan(at, std::min(size, readings.size() - at));
    Buffer coded;
    EXPECT_TRUE(encoder.encode(coded, batch));
    bytes += coded.size();
    got.clear();
    const auto done = decoder.decode(coded, got);
    EXPECT_TRUE(done) << at << ": " << (done ? "" : done.error().text());
    if (!done || got.size() != batch.size()) {
      ADD_FAILURE() << "batch at " << at << ": " << got.size() << " of " << batch.size();
      return bytes;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (same(got[i], batch[i])) continue;
      ADD_FAILURE() << "reading " << at + i << ": " << got[i].device << ' ' << got[i].sensor << ' ' << got[i].time_ms
                    << ' ' << got[i].value << ", not " << batch[i].device << ' ' << batch[i].sensor << ' '
                    << batch[i].time_ms << ' ' << batch[i].value;
      return bytes;
    }
  }
  EXPECT_EQ(decoder.sequence(), encoder.sequence());
  EXPECT_EQ(decoder.epoch(), 7U);
  return bytes;
}

// Three devices with two sensors each, once a second; plain decimals.
std::vector<Reading> plain(std::size_t rounds, Chance& chance) {
  static constexpr std::string_view devices[]{"press-1", "press-2", "oven"};
  std::vector<Reading> made;
  for (std::size_t r = 0; r < rounds; ++r) {
    for (std::size_t d = 0; d < 3; ++d) {
      const auto time = static_cast<std::int64_t>(1'700'000'000'000 + r * 1000 + d);
      made.push_back({devices[d], "temperature", time, static_cast<double>(2000 + chance.below(50)) / 100});
      made.push_back({devices[d], "voltage", time, static_cast<double>(30 + chance.below(2)) / 10});
    }
  }
  return made;
}

const std::vector<double>& odd_values() {
  static const std::vector<double> values{0.0,
                                          -0.0,
                                          1.0,
                                          -1.0,
                                          0.1,
                                          0.1 + 0.2,
                                          1.0 / 3,
                                          1e300,
                                          -1e300,
                                          5e-324,
                                          2.2250738585072014e-308,
                                          std::numeric_limits<double>::max(),
                                          std::numeric_limits<double>::infinity(),
                                          -std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::quiet_NaN(),
                                          std::bit_cast<double>(0x7ff0000000000001U),
                                          std::bit_cast<double>(0xfff8dead0000beefU),
                                          9007199254740993.0,
                                          9007199254740991.0,
                                          -9007199254740992.0,
                                          2251799813685247.0,
                                          2251799813685248.0,
                                          123456789.123456789,
                                          51.846000000000004,
                                          74.93588199999998,
                                          static_cast<double>(23.45F),
                                          static_cast<double>(0.1F),
                                          static_cast<double>(std::numeric_limits<float>::max()),
                                          3.4e38,
                                          3.5e38,
                                          1e22,
                                          1e23,
                                          1e-18,
                                          1e-19,
                                          4.35,
                                          0.285};
  return values;
}

TEST(Decimal, EveryDoubleHasAScaleThatGivesItBack) {
  sim::SeededChance chance(1);
  auto values = odd_values();
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(std::bit_cast<double>(chance.next()));
    values.push_back(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(chance.next()))));
    values.push_back(static_cast<double>(static_cast<std::int64_t>(chance.below(2'000'000)) - 1'000'000) / 1000);
    values.push_back(static_cast<double>(chance.next()) / 7e9);
  }
  for (const auto v : values) {
    const auto by = scale_of(v);
    const auto scaled = scale(v, by);
    ASSERT_TRUE(scaled) << v;
    ASSERT_EQ(bits(unscale(*scaled, by)), bits(v)) << v;
  }
}

TEST(Decimal, ScalesAreTheCoarsest) {
  const auto is = [](double v, Form form, unsigned digits) {
    const auto s = scale_of(v);
    EXPECT_TRUE(s.form == form && s.digits == digits)
        << v << " is form " << int(s.form) << ", digits " << int(s.digits);
  };
  is(21, Form::decimal, 0);
  is(21.5, Form::decimal, 1);
  is(0.1 + 0.2, Form::decimal, 1);  // two units in the last place off
  is(74.93588199999998, Form::decimal, 6);
  is(static_cast<double>(23.45F), Form::single, 2);
  is(1.0 / 3, Form::float64, 0);
}

TEST(Readings, PlainOnesTakeFewBits) {
  sim::SeededChance chance(2);
  const auto readings = plain(2000, chance);
  const auto bytes = pass(readings, 1000);
  EXPECT_LT(static_cast<double>(bytes) / static_cast<double>(readings.size()), 0.5);
}

TEST(Readings, EveryDoubleAndTimeComesBack) {
  sim::SeededChance chance(3);
  std::vector<Reading> readings;
  const std::int64_t times[]{0,
                             1,
                             -1,
                             std::numeric_limits<std::int64_t>::max(),
                             std::numeric_limits<std::int64_t>::min(),
                             1'700'000'000'000,
                             std::int64_t{1} << 52,
                             -(std::int64_t{1} << 53),
                             1'700'000'000'000'000'000};
  for (int i = 0; i < 6000; ++i) {
    const auto value =
        i % 3 == 0 ? std::bit_cast<double>(chance.next()) : odd_values()[chance.below(odd_values().size())];
    const auto time = i % 5 == 0 ? static_cast<std::int64_t>(chance.next()) : times[chance.below(std::size(times))];
    readings.push_back({chance.below(2) == 0 ? "a" : "b", chance.below(2) == 0 ? "x" : "y", time, value});
  }
  for (const std::size_t size : {1U, 7U, 100U, 6000U}) pass(readings, size);
}

TEST(Readings, AnyNamesComeBack) {
  sim::SeededChance chance(4);
  std::deque<std::string> names{"", std::string("\0\xff\n", 3), std::string(name_bytes_max, 'x'), "ü"};
  for (int i = 0; i < 3000; ++i) names.push_back("sensor-" + std::to_string(i * 7919 % 10007));
  std::vector<Reading> readings;
  for (int i = 0; i < 9000; ++i)
    readings.push_back(
        {names[chance.below(names.size())], names[chance.below(names.size())], i, static_cast<double>(i)});
  pass(readings, 1000);
  names.push_back(std::string(name_bytes_max + 1, 'y'));  // too long for the coder: zstd takes it
  readings.push_back({names.back(), "z", 1, 2});
  pass(readings, 1000);
}

TEST(Readings, EmptyBatchesAndRepeatedSensorsAreFine) {
  ReadingsEncoder encoder;
  ReadingsDecoder decoder;
  std::vector<Reading> got;
  Buffer coded;
  ASSERT_TRUE(encoder.encode(coded, {}));
  ASSERT_TRUE(decoder.decode(coded, got));
  EXPECT_TRUE(got.empty());
  pass(std::vector<Reading>(500, Reading{"d", "s", 5, 1.5}), 33);
}

// Orders and mixes that a stream may take: each comes back, and none explodes.
TEST(Readings, DisorderComesBack) {
  sim::SeededChance chance(5);
  auto readings = plain(1000, chance);
  for (std::size_t i = readings.size(); i > 1; --i) std::swap(readings[i - 1], readings[chance.below(i)]);
  const auto shuffled = pass(readings, 100);
  EXPECT_LT(static_cast<double>(shuffled) / static_cast<double>(readings.size()), 6.0);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    if (i % 97 == 0) readings[i].time_ms -= 3'600'000;  // the clock steps
    if (i % 89 == 0) readings[i].value = odd_values()[chance.below(odd_values().size())];
    if (i % 500 < 100) readings[i].value *= 1e-7;  // another scale for a while
  }
  pass(readings, 64);
}

TEST(Readings, ABatchDecodesOnlyAfterTheOneBeforeIt) {
  sim::SeededChance chance(6);
  const auto readings = plain(600, chance);
  ReadingsEncoder encoder(9);
  std::vector<Buffer> batches;
  for (std::size_t at = 0; at < readings.size(); at += 360) {
    auto& coded = batches.emplace_back();
    ASSERT_TRUE(encoder.encode(coded, std::span(readings).subspan(at, 360)));
  }
  ASSERT_EQ(batches.size(), 10U);
  std::vector<Reading> got;
  {
    ReadingsDecoder decoder;  // one is missing
    ASSERT_TRUE(decoder.decode(batches[0], got));
    const auto done = decoder.decode(batches[2], got);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::damaged);
    EXPECT_EQ(got.size(), 360U);
    EXPECT_FALSE(decoder.decode(batches[1], got)) << "after an error only a fresh batch is taken";
    EXPECT_TRUE(decoder.decode(batches[0], got));
  }
  {
    ReadingsDecoder decoder;  // one twice
    ASSERT_TRUE(decoder.decode(batches[0], got));
    ASSERT_TRUE(decoder.decode(batches[1], got));
    EXPECT_FALSE(decoder.decode(batches[1], got));
  }
  ReadingsDecoder decoder;
  EXPECT_FALSE(decoder.decode(batches[1], got)) << "not the first";
  EXPECT_FALSE(decoder.decode({}, got));
  Buffer newer = batches[0];
  newer[0] = std::byte{0x20};
  const auto done = decoder.decode(newer, got);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unsupported);
  // The same readings in another epoch prove something else.
  ReadingsEncoder other(10);
  Buffer first;
  ASSERT_TRUE(other.encode(first, std::span(readings).first(360)));
  ASSERT_TRUE(decoder.decode(first, got));
  EXPECT_FALSE(decoder.decode(batches[1], got));
}

TEST(Readings, AfterBeginNothingBeforeIsNeeded) {
  sim::SeededChance chance(7);
  const auto readings = plain(100, chance);
  ReadingsEncoder encoder(1);
  Buffer lost, coded;
  ASSERT_TRUE(encoder.encode(lost, readings));
  encoder.begin(2);
  EXPECT_EQ(encoder.sequence(), 0U);
  ASSERT_TRUE(encoder.encode(coded, readings));
  ReadingsDecoder decoder;
  std::vector<Reading> got;
  ASSERT_TRUE(decoder.decode(coded, got));
  EXPECT_EQ(got.size(), readings.size());
  EXPECT_EQ(decoder.epoch(), 2U);
}

TEST(Readings, AStreamWithTooManyNamesStartsAfresh) {
  sim::SeededChance chance(8);
  std::deque<std::string> names;
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < stream_sources_max + 5000; ++i)
    readings.push_back({names.emplace_back(std::to_string(i)), "t", static_cast<std::int64_t>(i), 1.0});
  pass(readings, 20'000);
}

TEST(Readings, MoreThanABatchHoldsIsRefused) {
  const std::vector<Reading> many(batch_readings_max + 1, Reading{"d", "s", 1, 1});
  ReadingsEncoder encoder;
  Buffer coded;
  const auto done = encoder.encode(coded, many);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::full);
  EXPECT_TRUE(coded.empty());
}

// A bit flipped anywhere: an error, or readings within the limits; never anything else.
TEST(Readings, DamageIsBounded) {
  sim::SeededChance chance(9);
  const auto readings = plain(30, chance);
  ReadingsEncoder encoder(3);
  Buffer first, second;
  ASSERT_TRUE(encoder.encode(first, readings));
  ASSERT_TRUE(encoder.encode(second, readings));
  for (std::size_t i = 0; i < (first.size() + second.size()) * 8; ++i) {
    auto one = first, two = second;
    auto& hit = i < first.size() * 8 ? one : two;
    const auto at = i < first.size() * 8 ? i : i - first.size() * 8;
    hit[at / 8] ^= static_cast<std::byte>(1U << (at % 8));
    ReadingsDecoder decoder;
    std::vector<Reading> got;
    if (decoder.decode(one, got)) static_cast<void>(decoder.decode(two, got));
    EXPECT_LE(got.size(), 2 * batch_readings_max);
  }
}

}  // namespace
}  // namespace skerry::codec
