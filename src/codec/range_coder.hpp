// A binary range coder: bits go in with a probability each, and come out as bytes; 64 bits wide, carries written back.
//
// Coding is one template for both ways: what a bit is, the encoder is told and the decoder finds out, so that a model
// written once is the same on both sides. Bytes: docs/format/readings.md.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace skerry::codec {

inline constexpr unsigned probability_bits = 16;  // of a one, 1 … 65,535 of 65,536

class RangeEncoder {
 public:
  static constexpr bool decoding = false;
  explicit RangeEncoder(Buffer& to) : to_(to), begin_(to.size()) {}

  bool bit(bool value, std::uint32_t probability_of_one) {
    const auto bound = (range_ >> probability_bits) * probability_of_one;
    if (value) {
      range_ = bound;
    } else {
      add(bound);
      range_ -= bound;
    }
    if (range_ <= UINT32_MAX) shift();
    return value;
  }
  // `count` (at most 32) bits that nothing is known about.
  std::uint64_t raw(std::uint64_t value, unsigned count) {
    range_ >>= count;
    add(range_ * value);
    if (range_ <= UINT32_MAX) shift();
    return value;
  }
  // As few bytes as name a number inside the range; the decoder reads zeros behind the end.
  void finish() {
    for (unsigned bytes = 0; bytes <= 8; ++bytes) {
      const auto mask = bytes == 0 ? UINT64_MAX : bytes == 8 ? 0 : UINT64_MAX >> (8 * bytes);
      const auto value = (low_ + mask) & ~mask;
      const bool carried = low_ + mask < low_;
      if (carried ? 0 - low_ + value >= range_ : value - low_ >= range_) continue;
      if (carried) carry();
      for (unsigned i = 0; i < bytes; ++i) append_byte(to_, static_cast<std::uint8_t>(value >> (56 - 8 * i)));
      break;
    }
    while (to_.size() > begin_ && to_.back() == std::byte{0}) to_.pop_back();
  }

 private:
  void add(std::uint64_t amount) {
    low_ += amount;
    if (low_ < amount) carry();
  }
  void carry() {
    for (auto at = to_.size(); at > begin_; --at) {
      auto& byte = to_[at - 1];
      byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) + 1U);
      if (byte != std::byte{0}) break;
    }
  }
  void shift() {
    append_be(to_, static_cast<std::uint32_t>(low_ >> 32));
    low_ <<= 32;
    range_ <<= 32;
  }

  Buffer& to_;
  std::size_t begin_;
  std::uint64_t low_ = 0;
  std::uint64_t range_ = UINT64_MAX;
};

// Never reads outside `from`; any bytes decode to something.
class RangeDecoder {
 public:
  static constexpr bool decoding = true;
  explicit RangeDecoder(Bytes from) : from_(from) {
    offset_ = next();
    offset_ = (offset_ << 32) | next();
  }

  bool bit(bool, std::uint32_t probability_of_one) {
    const auto bound = (range_ >> probability_bits) * probability_of_one;
    const bool value = offset_ < bound;
    if (value) {
      range_ = bound;
    } else {
      offset_ -= bound;
      range_ -= bound;
    }
    if (range_ <= UINT32_MAX) shift();
    return value;
  }
  std::uint64_t raw(std::uint64_t, unsigned count) {
    range_ >>= count;
    const auto most = (std::uint64_t{1} << count) - 1;
    auto value = offset_ / range_;
    if (value > most) value = most;  // only in bytes that no encoder wrote
    offset_ -= value * range_;
    if (range_ <= UINT32_MAX) shift();
    return value;
  }

 private:
  void shift() {
    offset_ = (offset_ << 32) | next();
    range_ <<= 32;
  }
  std::uint32_t next() {
    if (from_.size() >= 4) {
      const auto word = load_be<std::uint32_t>(from_.data());
      from_ = from_.subspan(4);
      return word;
    }
    std::uint32_t word = 0;
    for (unsigned i = 0; i < 4; ++i) {
      if (i < from_.size()) word |= std::to_integer<std::uint32_t>(from_[i]) << (24 - 8 * i);
    }
    from_ = {};
    return word;
  }

  Bytes from_;
  std::uint64_t offset_ = 0;
  std::uint64_t range_ = UINT64_MAX;
};

}  // namespace skerry::codec
