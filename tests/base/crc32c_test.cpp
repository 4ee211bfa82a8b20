// CRC-32C against the values that RFC 3720 gives.
#include "base/crc32c.hpp"

#include <gtest/gtest.h>

namespace skerry {
namespace {

TEST(Crc32c, Rfc3720AppendixB4) {
  Buffer bytes(32, std::byte{0});
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  bytes.assign(32, std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  for (int i = 0; i < 32; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  for (int i = 0; i < 32; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const std::string text = "what is acknowledged is on disk, and all rooms read it";
  const auto whole = crc32c(as_bytes(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const auto first = crc32c(as_bytes(std::string_view(text).substr(0, cut)));
    EXPECT_EQ(crc32c(as_bytes(std::string_view(text).substr(cut)), first), whole);
  }
}

TEST(Crc32c, NoticesEveryFlippedBit) {
  Buffer bytes(67, std::byte{0x5a});
  const auto whole = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_NE(crc32c(bytes), whole);
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
}

}  // namespace
// Long stretches go another way than short ones: against the definition, bit by bit.
std::uint32_t by_definition(Bytes bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const auto b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

TEST(Crc32c, LongStretches) {
  Buffer bytes;
  std::uint32_t x = 1;
  for (int i = 0; i < 10'000; ++i) {
    x = x * 1664525 + 1013904223;
    append_byte(bytes, static_cast<std::uint8_t>(x >> 24));
  }
  for (const std::size_t size : {511U, 1535U, 1536U, 1537U, 1543U, 1544U, 3071U, 3072U, 4616U, 9999U}) {
    for (std::size_t from = 0; from + size <= bytes.size() && from < 9; ++from) {
      const auto part = Bytes(bytes).subspan(from, size);
      EXPECT_EQ(crc32c(part), by_definition(part)) << size << " bytes from " << from;
      EXPECT_EQ(crc32c(part.subspan(100), crc32c(part.first(100))), by_definition(part));
    }
  }
}

}  // namespace skerry
