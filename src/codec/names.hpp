// Names that a stream mentions once: a number for each, and the coding of a new one.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/bit_model.hpp"

namespace skerry::codec {

// Views stay valid as long as the Names do.
class Names {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  std::uint32_t find(std::string_view name) const {
    const auto found = numbers_.find(name);
    return found == numbers_.end() ? none : found->second;
  }
  std::uint32_t add(std::string_view name) {
    const auto number = static_cast<std::uint32_t>(names_.size());
    bytes_ += name.size();
    numbers_.emplace(names_.emplace_back(name), number);
    return number;
  }
  const std::string& operator[](std::uint32_t number) const { return names_[number]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::size_t bytes_ = 0;
};

// Bytes of names: each from the two before it and from what stands there in the name before.
class TextModel {
 public:
  TextModel() : by_two_(slots), by_before_(slots) {}

  // Codes `text` and leaves what was coded in it; false when it would be longer than `bytes_max`.
  template <typename Io>
  bool code(Io& io, std::string& text, std::size_t bytes_max) {
    const std::string given = std::move(text);
    std::string got;
    for (;;) {
      const bool more = code_bit<60>(io, got.size() < given.size(), got.size() >= before_.size() ? end_ : more_);
      if (!more) break;
      if (got.size() == bytes_max) return false;
      got += static_cast<char>(code_byte(io, Io::decoding ? 0U : static_cast<unsigned char>(given[got.size()]), got));
    }
    before_ = got;
    text = std::move(got);
    return true;
  }

 private:
  static constexpr std::size_t slots = 1U << 14;

  template <typename Io>
  unsigned code_byte(Io& io, unsigned byte, const std::string& so_far) {
    const auto at = [&](const std::string& s, std::size_t i) -> std::uint32_t {
      return i < s.size() ? static_cast<unsigned char>(s[i]) : 256U;
    };
    const auto n = so_far.size();
    const std::uint32_t two = n == 0 ? 0 : at(so_far, n - 1) + (n > 1 ? at(so_far, n - 2) << 9 : 0);
    const std::uint32_t before = at(before_, n) + (at(before_, n + 1) << 9) + 0x40000U;
    std::uint32_t node = 1;
    for (int i = 7; i >= 0; --i) {
      const auto slot = [&](std::uint32_t context) {
        return ((context * 0x9e3779b1U + node * 0x85ebca6bU) >> 18) % slots;
      };
      const std::array<Bit*, 3> models{&by_two_[slot(two)], &by_before_[slot(before)], &plain_[node]};
      node = node * 2 + (code_bit<60>(io, ((byte >> i) & 1U) != 0, models, mixer_) ? 1U : 0U);
    }
    return node & 0xffU;
  }

  std::vector<Bit> by_two_, by_before_;
  std::array<Bit, 256> plain_;
  Mixer<3> mixer_;
  Bit more_, end_;
  std::string before_;
};

}  // namespace skerry::codec
