// Bytes: views of memory, fixed-size integers in a stated byte order, and varints (LEB128, unsigned).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace skerry {

using Bytes = std::span<const std::byte>;  // valid for the call; to keep is to copy
using Buffer = std::vector<std::byte>;

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

template <typename T>
  requires std::is_integral_v<T>
T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = std::byteswap(value);
  return value;
}

template <typename T>
  requires std::is_integral_v<T>
void store_le(std::byte* to, T value) {
  if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

template <typename T>
  requires std::is_integral_v<T>
T load_be(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) value = std::byteswap(value);
  return value;
}

template <typename T>
  requires std::is_integral_v<T>
void store_be(std::byte* to, T value) {
  if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

inline void append_bytes(Buffer& to, Bytes from) { to.insert(to.end(), from.begin(), from.end()); }
inline void append_byte(Buffer& to, std::uint8_t value) { to.push_back(std::byte{value}); }

template <typename T>
void append_le(Buffer& to, T value) {
  const auto at = to.size();
  to.resize(at + sizeof value);
  store_le(to.data() + at, value);
}

template <typename T>
void append_be(Buffer& to, T value) {
  const auto at = to.size();
  to.resize(at + sizeof value);
  store_be(to.data() + at, value);
}

inline constexpr std::size_t varint_bytes_max = 10;

inline void append_varint(Buffer& to, std::uint64_t value) {
  while (value >= 0x80) {
    append_byte(to, static_cast<std::uint8_t>(value) | 0x80);
    value >>= 7;
  }
  append_byte(to, static_cast<std::uint8_t>(value));
}

inline constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Reads stored bytes front to back. The first read past the end, or an over-long varint, makes ok() false for good;
// what is read after that is zero or empty, so a decoder may check once, at its end.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  Bytes rest() const { return rest_; }

  std::uint8_t byte() {
    const auto got = take(1);
    return got.empty() ? 0 : std::to_integer<std::uint8_t>(got[0]);
  }
  template <typename T>
  T le() {
    const auto got = take(sizeof(T));
    return got.empty() ? T{} : load_le<T>(got.data());
  }
  template <typename T>
  T be() {
    const auto got = take(sizeof(T));
    return got.empty() ? T{} : load_be<T>(got.data());
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto b = byte();
      if (!ok_) return 0;
      if (shift == 63 && b > 1) break;
      value |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  Bytes take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto got = rest_.first(count);
    rest_ = rest_.subspan(count);
    return got;
  }
  // A varint length, then that many bytes.
  Bytes counted() {
    const auto count = varint();
    if (count > rest_.size()) {
      ok_ = false;
      return {};
    }
    return take(static_cast<std::size_t>(count));
  }

 private:
  Bytes rest_;
  bool ok_ = true;
};

inline void append_counted(Buffer& to, Bytes from) {
  append_varint(to, from.size());
  append_bytes(to, from);
}

}  // namespace skerry
