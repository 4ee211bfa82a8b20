// Unpacking hostile bytes gives an error or at most what was allowed; packing gives back the same bytes.
#include "base/crc32c.hpp"
#include "codec/block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;
  const Bytes input = std::as_bytes(std::span(data, size));
  constexpr std::uint64_t allowed = 64 * KiB;
  static_cast<void>(codec::unpack_block(input, allowed));
  // Behind a header that fits, so that the fuzzer gets as far as zstd.
  Buffer block(16);
  store_le<std::uint32_t>(block.data(), 0x31424b53);
  store_le<std::uint32_t>(block.data() + 4, 1);
  store_le<std::uint32_t>(block.data() + 8, size > 0 ? data[0] * 256U : 0U);
  append_bytes(block, input);
  store_le<std::uint32_t>(block.data() + 12, crc32c(Bytes(block).subspan(16), crc32c(Bytes(block).first(12))));
  if (const auto raw = codec::unpack_block(block, allowed)) INVARIANT(raw->size() <= allowed);
  Buffer packed;
  INVARIANT(codec::pack_block(packed, input).has_value());
  const auto again = codec::unpack_block(packed, input.size());
  INVARIANT(again.has_value());
  INVARIANT(as_text(*again) == as_text(input));
  return 0;
}
