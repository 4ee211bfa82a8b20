// CRC-32C by the processor's own instruction where it has one, by table elsewhere.
//
// The instruction takes three cycles and can begin one each cycle, so long stretches go as three lanes side by side,
// whose remainders are then put together: a remainder moved over n bytes is the remainder of itself and n zeroes
// (M. Adler's crc32c.c describes it). A lane's zeroes are four tables, one for each byte of the remainder.
#include "base/crc32c.hpp"

#include <array>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace skerry {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0U);
    table[i] = crc;
  }
  return table;
}
constexpr auto table = make_table();

std::uint32_t by_table(Bytes bytes, std::uint32_t crc) {
  for (const auto b : bytes) crc = (crc >> 8) ^ table[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xff];
  return crc;
}

#if defined(__x86_64__)
#define SKERRY_CRC_TARGET __attribute__((target("sse4.2")))
SKERRY_CRC_TARGET inline std::uint32_t add8(std::uint32_t crc, std::uint64_t eight) {
  return static_cast<std::uint32_t>(__builtin_ia32_crc32di(crc, eight));
}
SKERRY_CRC_TARGET inline std::uint32_t add1(std::uint32_t crc, std::uint8_t one) {
  return __builtin_ia32_crc32qi(crc, one);
}
bool has_instruction() { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__)
#define SKERRY_CRC_TARGET __attribute__((target("+crc")))
SKERRY_CRC_TARGET inline std::uint32_t add8(std::uint32_t crc, std::uint64_t eight) {
  return __builtin_aarch64_crc32cx(crc, eight);
}
SKERRY_CRC_TARGET inline std::uint32_t add1(std::uint32_t crc, std::uint8_t one) {
  return __builtin_aarch64_crc32cb(crc, one);
}
bool has_instruction() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

#if defined(SKERRY_CRC_TARGET)
constexpr std::size_t lane_bytes = 512;
using Zeroes = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr Zeroes make_zeroes() {
  std::array<std::uint32_t, 32> moved{};  // of each bit of a remainder
  for (std::size_t bit = 0; bit < moved.size(); ++bit) {
    std::uint32_t crc = 1U << bit;
    for (std::size_t i = 0; i < lane_bytes; ++i) crc = (crc >> 8) ^ table[crc & 0xff];
    moved[bit] = crc;
  }
  Zeroes zeroes{};
  for (std::size_t byte = 0; byte < 4; ++byte) {
    for (std::size_t value = 0; value < 256; ++value) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((value >> bit & 1) != 0) zeroes[byte][value] ^= moved[byte * 8 + bit];
      }
    }
  }
  return zeroes;
}
constexpr auto zeroes = make_zeroes();

std::uint32_t over_a_lane(std::uint32_t crc) {
  return zeroes[0][crc & 0xff] ^ zeroes[1][crc >> 8 & 0xff] ^ zeroes[2][crc >> 16 & 0xff] ^ zeroes[3][crc >> 24];
}

SKERRY_CRC_TARGET std::uint32_t by_instruction(Bytes bytes, std::uint32_t crc) {
  const auto* at = bytes.data();
  const auto* const end = at + bytes.size();
  for (; static_cast<std::size_t>(end - at) >= 3 * lane_bytes; at += 3 * lane_bytes) {
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    for (std::size_t i = 0; i < lane_bytes; i += 8) {
      crc = add8(crc, load_le<std::uint64_t>(at + i));
      second = add8(second, load_le<std::uint64_t>(at + lane_bytes + i));
      third = add8(third, load_le<std::uint64_t>(at + 2 * lane_bytes + i));
    }
    crc = over_a_lane(over_a_lane(crc) ^ second) ^ third;
  }
  for (; end - at >= 8; at += 8) crc = add8(crc, load_le<std::uint64_t>(at));
  for (; at != end; ++at) crc = add1(crc, std::to_integer<std::uint8_t>(*at));
  return crc;
}
#endif

}  // namespace

std::uint32_t crc32c(Bytes bytes, std::uint32_t so_far) {
  const std::uint32_t crc = ~so_far;
#if defined(SKERRY_CRC_TARGET)
  static const bool instruction = has_instruction();
  if (instruction) return ~by_instruction(bytes, crc);
#endif
  return ~by_table(bytes, crc);
}

}  // namespace skerry
