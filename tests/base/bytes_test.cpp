// Integers in a stated byte order, varints, and a reader that fails once and for good.
#include "base/bytes.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace skerry {
namespace {

Buffer bytes_of(std::initializer_list<int> values) {
  Buffer buffer;
  for (const int v : values) append_byte(buffer, static_cast<std::uint8_t>(v));
  return buffer;
}

std::uint64_t varint_of(const Buffer& bytes, bool& ok) {
  Reader reader(bytes);
  const auto value = reader.varint();
  ok = reader.ok() && reader.rest().empty();
  return value;
}

TEST(Bytes, ByteOrders) {
  Buffer buffer;
  append_le(buffer, std::uint32_t{0x01020304});
  append_be(buffer, std::uint32_t{0x01020304});
  append_be(buffer, std::uint16_t{0x0506});
  append_le(buffer, std::int64_t{-2});
  EXPECT_EQ(buffer, bytes_of({4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  Reader reader(buffer);
  EXPECT_EQ(reader.le<std::uint32_t>(), 0x01020304U);
  EXPECT_EQ(reader.be<std::uint32_t>(), 0x01020304U);
  EXPECT_EQ(reader.be<std::uint16_t>(), 0x0506);
  EXPECT_EQ(reader.le<std::int64_t>(), -2);
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.rest().empty());
}

TEST(Bytes, VarintsComeBack) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t near :
         {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1, (std::uint64_t{1} << shift) + 1,
          std::numeric_limits<std::uint64_t>::max() >> shift}) {
      Buffer buffer;
      append_varint(buffer, near);
      EXPECT_LE(buffer.size(), varint_bytes_max);
      bool ok = false;
      EXPECT_EQ(varint_of(buffer, ok), near);
      EXPECT_TRUE(ok) << near;
    }
  }
}

TEST(Bytes, VarintGolden) {
  Buffer buffer;
  append_varint(buffer, 300);
  EXPECT_EQ(buffer, bytes_of({0xac, 0x02}));
}

TEST(Bytes, VarintsThatAreTooLong) {
  bool ok = true;
  const auto ff9 = bytes_of({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  auto most = ff9;
  append_byte(most, 0x01);
  EXPECT_EQ(varint_of(most, ok), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(ok);
  auto over = ff9;
  append_byte(over, 0x02);  // bit 64
  varint_of(over, ok);
  EXPECT_FALSE(ok);
  auto longer = ff9;
  append_byte(longer, 0x80);
  append_byte(longer, 0x00);
  varint_of(longer, ok);
  EXPECT_FALSE(ok);
  varint_of(bytes_of({0x80}), ok);
  EXPECT_FALSE(ok);
  varint_of({}, ok);
  EXPECT_FALSE(ok);
}

TEST(Bytes, ZigzagKeepsSmallNumbersSmall) {
  EXPECT_EQ(zigzag(0), 0U);
  EXPECT_EQ(zigzag(-1), 1U);
  EXPECT_EQ(zigzag(1), 2U);
  for (const std::int64_t v : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{12345},
                               std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(unzigzag(zigzag(v)), v);
  }
}

TEST(Bytes, ReaderFailsForGood) {
  const auto bytes = bytes_of({1, 2, 3});
  Reader reader(bytes);
  EXPECT_EQ(reader.le<std::uint32_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.byte(), 0);
  EXPECT_TRUE(reader.take(1).empty());
  EXPECT_EQ(reader.varint(), 0U);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, CountedMayNotPromiseMoreThanThereIs) {
  Buffer good;
  append_counted(good, as_bytes("abc"));
  append_counted(good, {});
  Reader reader(good);
  EXPECT_EQ(as_text(reader.counted()), "abc");
  EXPECT_TRUE(reader.counted().empty());
  EXPECT_TRUE(reader.ok());
  const auto bad = bytes_of({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'});  // 2^64 - 1 bytes
  Reader liar(bad);
  EXPECT_TRUE(liar.counted().empty());
  EXPECT_FALSE(liar.ok());
}

}  // namespace
}  // namespace skerry
