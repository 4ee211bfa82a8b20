// Blocks give back what was packed, and nothing else whatever the bytes are.
#include "codec/block.hpp"

#include <gtest/gtest.h>

namespace skerry::codec {
namespace {

Buffer packed(std::string_view text) {
  Buffer block;
  EXPECT_TRUE(pack_block(block, as_bytes(text)));
  return block;
}

TEST(Block, GivesBackWhatWasPacked) {
  std::string noise;
  for (std::uint32_t i = 0, x = 1; i < 5000; ++i) noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
  for (const auto& text : {std::string(), std::string("x"), std::string(100'000, 'a'), noise}) {
    const auto block = packed(text);
    EXPECT_LE(block.size(), text.size() + 16);
    const auto raw = unpack_block(block, text.size());
    ASSERT_TRUE(raw);
    EXPECT_EQ(as_text(*raw), text);
  }
}

TEST(Block, EveryFlippedBitIsNoticed) {
  const auto good = packed(std::string(300, 'b') + "tail");
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(unpack_block(bad, 10'000)) << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(unpack_block(Bytes(good).first(size), 10'000));
}

TEST(Block, NeverUnpacksToMoreThanAllowed) {
  const auto raw = unpack_block(packed(std::string(1'000'000, 'a')), 999'999);
  ASSERT_FALSE(raw);
  EXPECT_EQ(raw.error().code, Code::full);
}

}  // namespace
}  // namespace skerry::codec
