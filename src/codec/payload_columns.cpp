// Columns of names.
#include "codec/payload_columns.hpp"

namespace skerry::codec {

std::uint32_t NameColumn::add(std::string_view name) {
  const auto guess = last_ < next_.size() ? next_[last_] : no_row;
  if (guess != no_row && names_[guess]->text == name) {
    append_byte(codes_, 0);
    return last_ = guess;
  }
  auto found = known_.find(name);
  if (found == known_.end()) {
    auto made = std::make_unique<Name>(Name{std::string(name)});
    const std::string_view key = made->text;
    found = known_.emplace(key, std::move(made)).first;
  }
  auto& known = *found->second;
  if (known.block != block_) {
    known.block = block_;
    known.number = static_cast<std::uint32_t>(names_.size());
    names_.push_back(&known);
    next_.push_back(no_row);
  }
  append_varint(codes_, known.number + 1ULL);
  next_[last_] = known.number;
  return last_ = known.number;
}

void NameColumn::finish(Buffer& to) const {
  append_varint(to, names_.size());
  for (const auto* name : names_) append_counted(to, as_bytes(name->text));
  append_counted(to, codes_);
}

void NameColumn::clear() {
  names_.clear();
  next_.clear();
  last_ = 0;
  codes_.clear();
  ++block_;
  if (known_.size() > names_kept_max) known_.clear();
}

bool unpack_names(Reader& from, std::size_t count, std::vector<std::string_view>& to,
                  std::vector<std::uint32_t>& numbers) {
  std::vector<std::string_view> names;
  for (auto left = from.varint(); left > 0 && from.ok(); --left) names.push_back(as_text(from.counted()));
  Reader codes(from.counted());
  std::vector<std::uint32_t> next(names.size(), no_row);
  std::uint32_t last = 0;
  to.reserve(count);
  numbers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = codes.varint();
    if (code > names.size() || names.empty() || !codes.ok()) return false;
    const auto number = code == 0 ? next[last] : static_cast<std::uint32_t>(code - 1);
    if (number == no_row) return false;
    next[last] = number;
    last = number;
    numbers.push_back(number);
    to.push_back(names[number]);
  }
  return from.ok() && codes.rest().empty();
}

std::string_view device_in(std::string_view topic) {
  const auto first = topic.find('/');
  if (first == std::string_view::npos) return {};
  const auto rest = topic.substr(first + 1);
  return rest.substr(0, rest.find('/'));
}

}  // namespace skerry::codec
