// Columns that payloads and names are kept in, shared by the side that packs and the side that unpacks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "codec/template.hpp"

namespace skerry::codec {

inline constexpr std::size_t names_kept_max = 1U << 15;  // from block to block
inline constexpr std::uint32_t no_row = UINT32_MAX;

// Topics or origins: each name once, then which it is; 0 says "who came next after the one before, the last time".
class NameColumn {
 public:
  // The number of the name among those of this block.
  std::uint32_t add(std::string_view name);
  const std::string& name(std::uint32_t number) const { return names_[number]->text; }
  void finish(Buffer& to) const;
  void clear();

 private:
  struct Name {
    std::string text;
    std::uint32_t block = 0;   // the last that mentioned it
    std::uint32_t number = 0;  // there
  };
  std::unordered_map<std::string_view, std::unique_ptr<Name>> known_;  // also of earlier blocks
  std::vector<const Name*> names_;
  std::vector<std::uint32_t> next_;
  std::uint32_t block_ = 1;
  std::uint32_t last_ = 0;
  Buffer codes_;
};
// `count` names, as views into `from`; false when the bytes are none. `numbers` gets which name each is.
bool unpack_names(Reader& from, std::size_t count, std::vector<std::string_view>& to,
                  std::vector<std::uint32_t>& numbers);

// How a value is foretold from those above it in its column.
enum class Foretold : std::uint8_t { by_topic, by_trend, by_row };

// Which rows above hold the same topic.
struct RowLinks {
  std::vector<std::uint32_t> before;  // no_row where there is none
  std::uint64_t expected(Foretold how, const std::vector<std::int64_t>& wholes, std::size_t row) const {
    const auto at = [&](std::size_t r) { return static_cast<std::uint64_t>(wholes[r]); };
    const auto by_row = row > 0 ? at(row - 1) : 0;
    if (how == Foretold::by_row) return by_row;
    const auto one = before[row];
    if (one == no_row) return by_row;
    if (how == Foretold::by_topic) return at(one);
    const auto two = before[one];
    return two == no_row ? at(one) : 2 * at(one) - at(two);
  }
};

// The device in a topic: its second level.
std::string_view device_in(std::string_view topic);

}  // namespace skerry::codec
