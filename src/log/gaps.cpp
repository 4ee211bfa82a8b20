// What is gone, and that it was said.
#include "log/gaps.hpp"

#include <algorithm>

#include "codec/block.hpp"

namespace skerry::log {
namespace {

bool same(const Hole& a, const Hole& b) {
  return a.from.position == b.from.position && a.to.position == b.to.position && a.from.offsets == b.from.offsets &&
         a.to.offsets == b.to.offsets;
}

bool has(const std::vector<Hole>& holes, const Hole& hole) {
  return std::ranges::any_of(holes, [&](const Hole& h) { return same(h, hole); });
}

void append_mark(Buffer& to, const Mark& mark) {
  append_varint(to, mark.number);
  append_varint(to, mark.position.value);
  for (const auto offset : mark.offsets) append_varint(to, offset);
}

Mark read_mark(Reader& from) {
  Mark mark;
  mark.number = from.varint();
  mark.position = {from.varint()};
  for (auto& offset : mark.offsets) offset = from.varint();
  return mark;
}

}  // namespace

void Gaps::load() {
  const auto bytes = read_file(files_, path_, 1 * MiB);
  if (!bytes) return;
  const auto raw = codec::unpack_block(*bytes, 1 * MiB);
  if (!raw) return;
  Reader reader(*raw);
  const std::scoped_lock lock(mutex_);
  for (auto left = reader.varint(); left > 0; --left) {
    Hole hole;
    hole.from = read_mark(reader);
    hole.to = read_mark(reader);
    if (!reader.ok()) return;
    declared_.push_back(hole);
  }
}

bool Gaps::note(const Hole& hole) {
  const std::scoped_lock lock(mutex_);
  if (has(declared_, hole) || has(undeclared_, hole)) return false;
  undeclared_.push_back(hole);
  return true;
}

std::vector<Hole> Gaps::undeclared() const {
  const std::scoped_lock lock(mutex_);
  return undeclared_;
}

Result<> Gaps::declared(std::span<const Hole> holes) {
  Buffer raw;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& hole : holes) {
      std::erase_if(undeclared_, [&](const Hole& h) { return same(h, hole); });
      declared_.push_back(hole);
    }
    if (declared_.size() > gaps_remembered) {
      declared_.erase(declared_.begin(), declared_.end() - static_cast<std::ptrdiff_t>(gaps_remembered));
    }
    append_varint(raw, declared_.size());
    for (const auto& hole : declared_) {
      append_mark(raw, hole.from);
      append_mark(raw, hole.to);
    }
  }
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  return replace_file(files_, path_, packed);
}

std::string Gaps::json(const Hole& hole) {
  const auto range = [](std::uint64_t from, std::uint64_t to) {
    return "[" + std::to_string(from) + "," + std::to_string(to) + "]";
  };
  std::string text = R"({"reason":"damaged","records":)" + std::to_string(hole.records()) + R"(,"positions":)" +
                     range(hole.from.position.value, hole.to.position.value) + R"(,"offsets":{)";
  bool first = true;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if (hole.from.offsets[c] == hole.to.offsets[c]) continue;
    if (!first) text += ',';
    first = false;
    text += '"' + std::string(record::name(static_cast<Class>(c))) +
            "\":" + range(hole.from.offsets[c], hole.to.offsets[c]);
  }
  return text + "}}";
}

}  // namespace skerry::log
