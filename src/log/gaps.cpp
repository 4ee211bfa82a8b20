// What is gone, and that it was said. docs/format/log.md, "gaps"
#include "log/gaps.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/logger.hpp"
#include "codec/block.hpp"
#include "log/epochs.hpp"

namespace skerry::log {
namespace {

constexpr std::uint64_t file_version = 2;
constexpr std::uint64_t file_bytes_max = 64 * MiB;

Mark read_mark(Reader& from) {
  Mark mark;
  mark.number = from.varint();
  mark.position = {from.varint()};
  for (auto& offset : mark.offsets) offset = from.varint();
  return mark;
}

bool overlap(const Lost& a, const Lost& b) {
  return (a.classes & b.classes) == b.classes && a.first <= b.first && a.end >= b.end;
}

std::vector<Gap> gaps_of(const Hole& hole, Wall at) {
  std::vector<Gap> gaps;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if (hole.to.offsets[c] <= hole.from.offsets[c]) continue;
    gaps.push_back({.cls = static_cast<Class>(c),
                    .from = {hole.from.offsets[c]},
                    .to = {hole.to.offsets[c]},
                    .first = hole.from.position,
                    .end = hole.to.position,
                    .reason = GapReason::damage,
                    .at = at});
  }
  return gaps;
}

}  // namespace

std::string_view name(GapReason reason) {
  static constexpr std::array<std::string_view, gap_reason_count> names{"budget", "age", "damage", "ttl"};
  return names[static_cast<std::size_t>(reason)];
}

// Adds the parts that no range covers, and joins neighbours of the same reason.
std::vector<Gap> Gaps::add(Ranges& ranges, const Gap& gap) {
  std::vector<Gap> fresh;
  for (auto from = gap.from.value; from < gap.to.value;) {
    auto next = ranges.upper_bound(from);
    if (next != ranges.begin()) {
      const auto before = std::prev(next);
      if (before->second.to > from) {
        from = before->second.to;
        continue;
      }
    }
    auto part = gap;
    part.from = {from};
    part.to = {next == ranges.end() ? gap.to.value : std::min(gap.to.value, next->first)};
    from = part.to.value;
    fresh.push_back(part);
  }
  for (const auto& part : fresh) {
    auto at = ranges.emplace(part.from.value, Range{part.to.value, part.reason, part.first, part.end, part.at}).first;
    const auto join = [&](Ranges::iterator a, Ranges::iterator b) {
      if (a->second.to != b->first || a->second.reason != b->second.reason) return false;
      a->second.to = b->second.to;
      a->second.first = std::min(a->second.first, b->second.first);
      a->second.end = std::max(a->second.end, b->second.end);
      a->second.at = std::max(a->second.at, b->second.at);
      ranges.erase(b);
      return true;
    };
    if (const auto next = std::next(at); next != ranges.end()) join(at, next);
    if (at != ranges.begin()) join(std::prev(at), at);
  }
  return fresh;
}

// ---- the file ----

Buffer Gaps::encode() const {
  Buffer raw;
  append_varint(raw, 0);  // a program that knows version 1 only reads: none
  append_varint(raw, file_version);
  std::uint64_t count = 0;
  for (const auto& ranges : ranges_) count += ranges.size();
  append_varint(raw, count);
  for (std::size_t c = 0; c < record::class_count; ++c) {
    for (const auto& [from, range] : ranges_[c]) {
      raw.push_back(static_cast<std::byte>(c));
      raw.push_back(static_cast<std::byte>(range.reason));
      append_varint(raw, from);
      append_varint(raw, range.to - from);
      append_varint(raw, range.first.value);
      append_varint(raw, range.end.value - range.first.value);
      append_varint(raw, zigzag(range.at.time_since_epoch().count()));
    }
  }
  append_varint(raw, doomed_.size());
  for (const auto& each : doomed_) {
    append_varint(raw, each.first.value);
    raw.push_back(static_cast<std::byte>(each.cls));
  }
  append_varint(raw, lost_before_.size());
  for (const auto& each : lost_before_) {
    append_varint(raw, each.first.value);
    append_varint(raw, each.end.value - each.first.value);
    raw.push_back(static_cast<std::byte>(each.classes));
  }
  append_varint(raw, untold_.size());
  for (const auto& each : untold_) append_counted(raw, as_bytes(each));
  return raw;
}

bool Gaps::decode_v1(Reader& reader, std::uint64_t holes) {
  for (; holes > 0 && reader.ok(); --holes) {
    Hole hole;
    hole.from = read_mark(reader);
    hole.to = read_mark(reader);
    if (!reader.ok()) return false;
    const auto gaps = gaps_of(hole, {});
    for (const auto& gap : gaps) add(ranges_[static_cast<std::size_t>(gap.cls)], gap);
    if (gaps.empty()) lost_before_.push_back({hole.from.position, hole.to.position, record::all_classes});
  }
  return reader.ok();
}

bool Gaps::decode(Bytes raw) {
  Reader reader(raw);
  if (const auto holes = reader.varint(); holes > 0) return decode_v1(reader, holes);
  if (reader.rest().empty()) return reader.ok();  // version 1, none
  if (reader.varint() != file_version) return false;
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) {
    const auto cls = reader.le<std::uint8_t>();
    const auto reason = reader.le<std::uint8_t>();
    const auto from = reader.varint();
    Range range;
    range.to = from + reader.varint();
    range.first = {reader.varint()};
    range.end = range.first + reader.varint();
    range.at = Wall{std::chrono::microseconds{unzigzag(reader.varint())}};
    if (!reader.ok() || cls >= record::class_count || reason >= gap_reason_count || range.to <= from) return false;
    range.reason = static_cast<GapReason>(reason);
    ranges_[cls].emplace(from, range);
  }
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) {
    const Position first{reader.varint()};
    const auto cls = reader.le<std::uint8_t>();
    if (cls < record::class_count) doomed_.push_back({first, static_cast<Class>(cls)});
  }
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) {
    const Position first{reader.varint()};
    const auto end = first + reader.varint();
    lost_before_.push_back({first, end, reader.le<std::uint8_t>()});
  }
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) untold_.emplace_back(as_text(reader.counted()));
  return reader.ok();
}

void Gaps::load() {
  const auto bytes = read_file(files_, path_, file_bytes_max);
  if (!bytes && bytes.error().code == Code::not_found) return;
  std::string wrong;
  if (!bytes) {
    wrong = bytes.error().text();
  } else if (const auto raw = codec::unpack_block(*bytes, file_bytes_max); !raw) {
    wrong = raw.error().text();
  } else {
    const std::scoped_lock lock(mutex_);
    if (!decode(*raw)) wrong = "it ends too early, or a newer program wrote it";
  }
  if (!wrong.empty())
    logger::error("log", "the file of declared gaps cannot be read", {{"path", path_}, {"why", wrong}});
}

Result<> Gaps::declare(std::span<const Gap> gaps, std::span<const Doomed> doomed, std::span<const Lost> lost) {
  Buffer packed;
  std::array<Ranges, record::class_count> ranges_before;
  std::vector<std::string> untold_before;
  std::vector<Doomed> doomed_before;
  std::vector<Gap> noted;
  std::vector<Lost> lost_before;
  {
    const std::scoped_lock lock(mutex_);
    lost_before = lost_before_;
    lost_before_.insert(lost_before_.end(), lost.begin(), lost.end());
    if (lost_before_.size() > gaps_remembered) {
      lost_before_.erase(lost_before_.begin(), lost_before_.end() - static_cast<std::ptrdiff_t>(gaps_remembered));
    }
    ranges_before = ranges_;
    untold_before = untold_;
    doomed_before = std::exchange(doomed_, {doomed.begin(), doomed.end()});
    noted = std::exchange(noted_, {});
    std::vector<Gap> fresh;
    for (const auto& list : {std::span<const Gap>(noted), gaps}) {
      for (const auto& gap : list) {
        const auto added = add(ranges_[static_cast<std::size_t>(gap.cls)], gap);
        fresh.insert(fresh.end(), added.begin(), added.end());
      }
    }
    // One record for what went together: files of a class that follow each other, classes of one hole.
    std::ranges::stable_sort(fresh, {}, [](const Gap& g) { return std::tuple(g.cls, g.reason, g.from); });
    for (std::size_t i = 1; i < fresh.size();) {
      auto& before = fresh[i - 1];
      if (fresh[i].cls != before.cls || fresh[i].reason != before.reason || fresh[i].from != before.to) {
        ++i;
        continue;
      }
      before.to = fresh[i].to;
      before.first = std::min(before.first, fresh[i].first);
      before.end = std::max(before.end, fresh[i].end);
      fresh.erase(fresh.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::ranges::stable_sort(fresh, {}, [](const Gap& g) { return std::tuple(g.reason, g.first, g.cls); });
    for (std::size_t i = 0; i < fresh.size();) {
      auto end = i + 1;
      while (end < fresh.size() && fresh[end].reason == fresh[i].reason && fresh[end].first == fresh[i].first &&
             fresh[end].cls > fresh[end - 1].cls) {
        ++end;
      }
      untold_.push_back(gap_json(std::span(fresh).subspan(i, end - i)));
      i = end;
    }
    TRY(codec::pack_block(packed, encode()));
  }
  // There must be a way to say what goes before that makes room.
  auto saved = replace_at_any_rate(files_, path_, packed, ballast_);
  const std::scoped_lock lock(mutex_);
  if (saved) {
    std::erase_if(lost_, [&](const Lost& mine) {
      return std::ranges::any_of(lost, [&](const Lost& done) { return overlap(done, mine); });
    });
    return {};
  }
  lost_before_ = std::move(lost_before);
  ranges_ = std::move(ranges_before);
  untold_ = std::move(untold_before);
  doomed_ = std::move(doomed_before);
  noted_.insert(noted_.begin(), noted.begin(), noted.end());
  return saved;
}

Result<> Gaps::keep_ballast() {
  if (TRY(files_.exists(ballast_))) return {};
  const auto write = [&]() -> Result<> {
    const auto file = TRY(files_.open(ballast_, Files::Mode::create));
    TRY(file->write(0, Buffer(ballast_bytes)));
    return file->sync();
  };
  auto done = write();
  if (!done) static_cast<void>(files_.remove(ballast_));
  return done;
}

// ---- what was found ----

bool Gaps::note(const Hole& hole, Wall at) {
  const auto gaps = gaps_of(hole, at);
  if (gaps.empty()) return note(Lost{hole.from.position, hole.to.position, record::all_classes});
  const std::scoped_lock lock(mutex_);
  bool any = false;
  for (const auto& gap : gaps) {
    if (covered(gap.cls, gap.from, gap.to)) continue;
    Ranges known = ranges_[static_cast<std::size_t>(gap.cls)];
    for (const auto& other : noted_) {
      if (other.cls == gap.cls) add(known, other);
    }
    for (auto& part : add(known, gap)) {
      noted_.push_back(part);
      any = true;
    }
  }
  return any;
}

bool Gaps::note(const Lost& lost) {
  const std::scoped_lock lock(mutex_);
  for (const auto* list : {&lost_, &lost_before_}) {
    if (std::ranges::any_of(*list, [&](const Lost& other) { return overlap(other, lost); })) return false;
  }
  lost_.push_back(lost);
  return true;
}

std::vector<Lost> Gaps::lost() const {
  const std::scoped_lock lock(mutex_);
  return lost_;
}

bool Gaps::undeclared() const {
  const std::scoped_lock lock(mutex_);
  return !noted_.empty() || !lost_.empty();
}

// ---- looking ----

std::vector<Gap> Gaps::all() const {
  std::vector<Gap> gaps;
  const std::scoped_lock lock(mutex_);
  for (std::size_t c = 0; c < record::class_count; ++c) {
    for (const auto& [from, r] : ranges_[c]) {
      gaps.push_back({static_cast<Class>(c), {from}, {r.to}, r.first, r.end, r.reason, r.at});
    }
  }
  return gaps;
}

bool Gaps::covers(Class cls, Offset from, Offset to) const {
  const std::scoped_lock lock(mutex_);
  return covered(cls, from, to);
}

bool Gaps::covered(Class cls, Offset from, Offset to) const {
  const auto& ranges = ranges_[static_cast<std::size_t>(cls)];
  for (auto at = from.value; at < to.value;) {
    const auto next = ranges.upper_bound(at);
    if (next == ranges.begin() || std::prev(next)->second.to <= at) return false;
    at = std::prev(next)->second.to;
  }
  return true;
}

Position Gaps::end(ClassMask classes) const {
  Position end;
  const std::scoped_lock lock(mutex_);
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if ((classes & (1U << c)) == 0) continue;
    for (const auto& [from, r] : ranges_[c]) end = std::max(end, r.end);
  }
  return end;
}

std::uint64_t Gaps::records(Class cls, GapReason reason) const {
  std::uint64_t records = 0;
  const std::scoped_lock lock(mutex_);
  for (const auto& [from, r] : ranges_[static_cast<std::size_t>(cls)]) records += r.reason == reason ? r.to - from : 0;
  return records;
}

std::uint64_t Gaps::records(Class cls) const {
  std::uint64_t records = 0;
  const std::scoped_lock lock(mutex_);
  for (const auto& [from, r] : ranges_[static_cast<std::size_t>(cls)]) records += r.to - from;
  return records;
}

std::vector<std::string> Gaps::untold() const {
  const std::scoped_lock lock(mutex_);
  return untold_;
}

void Gaps::told(std::size_t count) {
  const std::scoped_lock lock(mutex_);
  untold_.erase(untold_.begin(), untold_.begin() + static_cast<std::ptrdiff_t>(std::min(count, untold_.size())));
}

std::string gap_json(std::span<const Gap> gaps) {
  INVARIANT(!gaps.empty());
  const auto range = [](std::uint64_t from, std::uint64_t to) {
    return "[" + std::to_string(from) + "," + std::to_string(to) + "]";
  };
  std::uint64_t records = 0;
  auto first = gaps.front().first;
  auto end = gaps.front().end;
  std::string offsets;
  for (const auto& gap : gaps) {
    records += gap.records();
    first = std::min(first, gap.first);
    end = std::max(end, gap.end);
    if (!offsets.empty()) offsets += ',';
    offsets += '"' + std::string(record::name(gap.cls)) + "\":" + range(gap.from.value, gap.to.value);
  }
  return R"({"reason":")" + std::string(name(gaps.front().reason)) + R"(","records":)" + std::to_string(records) +
         R"(,"positions":)" + range(first.value, end.value) + R"(,"offsets":{)" + offsets + "}}";
}

}  // namespace skerry::log
