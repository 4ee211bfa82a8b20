// Blocks packed by zstd.
#include "codec/block.hpp"

#include <zstd.h>
#include <memory>

#include "base/crc32c.hpp"
#include "codec/limits.hpp"

namespace skerry::codec {
namespace {

constexpr std::uint32_t magic = 0x31424b53;  // "SKB1"
constexpr std::size_t header_bytes = 16;     // magic 4, method 1, zero 3, raw size 4, CRC-32C 4
constexpr std::uint8_t method_stored = 0;
constexpr std::uint8_t method_zstd = 1;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

std::uint32_t checksum(Bytes block) { return crc32c(block.subspan(header_bytes), crc32c(block.first(12))); }

}  // namespace

Result<> pack_block(Buffer& to, Bytes raw) {
  if (raw.size() > block_raw_bytes_max) {
    return fail(Code::full, "a block holds at most " + std::to_string(block_raw_bytes_max) + " bytes");
  }
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) return fail(Code::full, "no memory to pack a block");
  const auto at = to.size();
  to.resize(at + header_bytes + ZSTD_compressBound(raw.size()));
  auto* const body = to.data() + at + header_bytes;
  auto size = ZSTD_compressCCtx(context.get(), body, to.size() - at - header_bytes, raw.data(), raw.size(), zstd_level);
  auto method = method_zstd;
  if (ZSTD_isError(size) != 0 || size >= raw.size()) {
    method = method_stored;
    size = raw.size();
    if (!raw.empty()) std::memcpy(body, raw.data(), raw.size());
  }
  to.resize(at + header_bytes + size);
  auto* const head = to.data() + at;
  store_le<std::uint32_t>(head, magic);
  store_le<std::uint32_t>(head + 4, method);
  store_le<std::uint32_t>(head + 8, static_cast<std::uint32_t>(raw.size()));
  store_le<std::uint32_t>(head + 12, checksum(Bytes(to).subspan(at)));
  return {};
}

Result<Buffer> unpack_block(Bytes block, std::uint64_t raw_bytes_max) {
  if (block.size() < header_bytes || load_le<std::uint32_t>(block.data()) != magic) {
    return fail(Code::damaged, "bytes that are no block");
  }
  if (load_le<std::uint32_t>(block.data() + 12) != checksum(block)) {
    return fail(Code::damaged, "a block whose checksum does not fit");
  }
  const auto method = load_le<std::uint32_t>(block.data() + 4);
  if (method > method_zstd) {
    return fail(Code::unsupported,
                "a block packed by method " + std::to_string(method) + ", which a newer program knows");
  }
  const std::uint64_t raw_size = load_le<std::uint32_t>(block.data() + 8);
  if (raw_size > raw_bytes_max || raw_size > block_raw_bytes_max) {
    return fail(Code::full, "a block that unpacks to " + std::to_string(raw_size) + " bytes");
  }
  const auto body = block.subspan(header_bytes);
  if (method == method_stored) {
    if (body.size() != raw_size) return fail(Code::damaged, "a block of another length than it says");
    return Buffer(body.begin(), body.end());
  }
  // The checksum keeps damage out, not a forger: zstd writes no further than the size that was allowed.
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (!context) return fail(Code::full, "no memory to unpack a block");
  Buffer raw(raw_size);
  const auto size = ZSTD_decompressDCtx(context.get(), raw.data(), raw.size(), body.data(), body.size());
  if (ZSTD_isError(size) != 0 || size != raw_size) return fail(Code::damaged, "a block that does not unpack");
  return raw;
}

}  // namespace skerry::codec
