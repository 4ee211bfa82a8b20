// Trimming: which block files go when the budget is used up, and that it is declared before they do.
#include <algorithm>

#include "base/logger.hpp"
#include "log/log_impl.hpp"

namespace skerry::log {

// A block file that could go, with what decides the order.
struct LogImpl::Candidate {
  Class cls = Class::medium;
  Position first;
  Position end;
  std::uint64_t bytes = 0;
  Offset from;
  Offset to;
  Wall last_append{};
  bool damaged = false;

  // From the first to go to the last.
  struct Order {
    bool unread;
    bool held;
    bool young;
    unsigned importance;
    Position first;
    auto operator<=>(const Order&) const = default;
  };
  Order order{};
};

// One that goes, and what stays of it.
struct LogImpl::Victim {
  Candidate file;
  GapReason reason = GapReason::budget;
  BlockName name;
  std::vector<Gap> gaps;
  std::vector<Position> kept;
  bool only_pinned = false;  // nothing else is in it
  std::vector<Chunk> owners;
  std::vector<RecordView> records;                  // the kept ones
  std::shared_ptr<BlockWriter> leftover = nullptr;  // written and synced, not yet under the file's name
};

// ---- how much ----

std::uint64_t LogImpl::used_bytes() const {
  auto used = pool_->count() * options_.segment_bytes + ballast_bytes;
  const auto all = catalogue();
  for (const auto& stretch : *all) {
    if (stretch.segment) used += stretch.segment->file_bytes();
    if (stretch.blocks) used += stretch.blocks->bytes();
  }
  return used;
}

std::uint64_t LogImpl::budget_bytes() const {
  if (options_.budget_bytes != 0) return options_.budget_bytes;
  const auto space = files_.space(dir_);
  if (!space) return ~std::uint64_t{0};
  // Where others have filled the disk already, half of what is left must do.
  const auto room = used_bytes() + space->free_bytes;
  const auto reserve = static_cast<std::uint64_t>(static_cast<double>(space->total_bytes) * options_.disk_reserve);
  return std::max(room - std::min(room, reserve), room / 2);
}

// Sealed segments are about to become blocks, which are smaller: they count when they have.
std::uint64_t LogImpl::must_free() const {
  auto used = used_bytes();
  const auto all = catalogue();
  for (std::size_t i = 0; i + 1 < all->size(); ++i) {
    if ((*all)[i].segment) used -= (*all)[i].segment->file_bytes();
  }
  const auto budget = budget_bytes();
  auto must = used - std::min(used, budget);
  if (const auto wanted = short_of_.load(); wanted > 0) {
    if (const auto space = files_.space(dir_)) must = std::max(must, wanted - std::min(wanted, space->free_bytes));
  }
  return must;
}

// ---- which ----

Result<std::optional<LogImpl::Candidate>> LogImpl::candidate(const Stretch& stretch, Class cls, Wall now) const {
  const auto c = static_cast<std::size_t>(cls);
  const auto& set = *stretch.blocks;
  if (!set.files[c]) return std::nullopt;
  if (set.kept[c]) {
    // Trimmed before: again only when something in it is no longer pinned.
    const auto pinned = needs_.pinned(set.first, set.end);
    if (std::ranges::includes(pinned, *set.kept[c])) return std::nullopt;
  }
  Candidate got{.cls = cls, .first = set.first, .end = set.end, .bytes = set.file_bytes[c]};
  const auto file = store_->open(*set.files[c]);
  if (!file && file.error().code == Code::not_found) return std::nullopt;
  if (!file && file.error().code == Code::io) return std::unexpected(file.error());
  if (!file) {
    note_lost({set.first, set.end, record::mask(cls)});
    got.damaged = true;
  } else {
    const auto chunks = (*file)->chunks();
    got.from = chunks.front().first_offset;
    got.to = {chunks.back().last_offset.value + 1};
    got.last_append = chunks.back().last_append;
  }
  got.order = {.unread = set.end > needs_.unread(),
               .held = !got.damaged && needs_.held(cls, {got.to.value - 1}),
               .young = !got.damaged && got.last_append + options_.cache_duration > now,
               .importance = 3U - static_cast<unsigned>(cls),
               .first = set.first};
  return got;
}

// The oldest of each class competes; whichever goes makes way for the next of its class.
Result<std::vector<LogImpl::Victim>> LogImpl::choose() const {
  std::vector<Victim> victims;
  const auto must = must_free();
  const auto all = catalogue();
  const auto pins_end = needs_.pins_end();
  const auto time = now();
  std::array<std::size_t, record::class_count> next{};
  std::array<std::optional<Candidate>, record::class_count> front;
  const auto advance = [&](std::size_t c) -> Result<> {
    front[c].reset();
    for (; next[c] < all->size() && !front[c]; ++next[c]) {
      const auto& stretch = (*all)[next[c]];
      if (!stretch.blocks || stretch.blocks->end > pins_end) {
        next[c] = all->size();
        return {};
      }
      front[c] = TRY(candidate(stretch, static_cast<Class>(c), time));
    }
    return {};
  };
  const auto take = [&](std::size_t c, GapReason reason) -> Result<> {
    victims.push_back({.file = *front[c], .reason = reason});
    return advance(c);
  };
  constexpr auto low = static_cast<std::size_t>(Class::low);
  std::uint64_t freed = 0;
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if (c != low && must == 0) continue;
    TRY(advance(c));
  }
  while (victims.size() < trims_per_step && options_.low_keep.count() > 0 && front[low] && !front[low]->order.held &&
         !front[low]->order.unread && !front[low]->damaged && front[low]->last_append + options_.low_keep <= time) {
    freed += front[low]->bytes;
    TRY(take(low, GapReason::age));
  }
  while (victims.size() < trims_per_step && freed < must) {
    std::optional<std::size_t> least;
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if (front[c] && (!least || front[c]->order < front[*least]->order)) least = c;
    }
    if (!least) break;
    freed += front[*least]->bytes;
    TRY(take(*least, GapReason::budget));
  }
  return victims;
}

// ---- how ----

// What of a victim stays, and what is declared gone.
Result<> LogImpl::look_into(Victim& victim) const {
  auto& file = victim.file;
  if (file.damaged) return {};
  const auto pinned = needs_.pinned(file.first, file.end);
  Offset gone = file.from;
  const auto say = [&](Offset to) {
    if (to <= gone) return;
    victim.gaps.push_back({.cls = file.cls,
                           .from = gone,
                           .to = to,
                           .first = file.first,
                           .end = file.end,
                           .reason = victim.reason,
                           .at = now()});
  };
  if (!pinned.empty()) {
    const auto block = TRY(store_->open(victim.name));
    std::uint64_t records = 0;
    for (const auto& entry : block->chunks()) records += entry.count;
    for (std::size_t i = 0; i < block->chunks().size(); ++i) {
      const auto& entry = block->chunks()[i];
      const auto from = std::ranges::lower_bound(pinned, entry.first);
      if (from == pinned.end() || *from > entry.last) continue;
      auto chunk = block->read(i);
      if (!chunk && chunk.error().code == Code::io) return std::unexpected(chunk.error());
      if (!chunk) continue;  // damaged: nothing to keep
      for (const auto& r : chunk->records()) {
        if (!std::ranges::binary_search(pinned, r.position)) continue;
        say(r.offset);
        gone = {r.offset.value + 1};
        victim.kept.push_back(r.position);
        victim.records.push_back(r);
      }
      victim.owners.push_back(std::move(*chunk));
    }
    victim.only_pinned = victim.kept.size() == records;
  }
  say(file.to);
  std::erase_if(victim.gaps, [&](const Gap& gap) { return gaps_->covers(gap.cls, gap.from, gap.to); });
  return {};
}

// What is pinned, in a file that is ready to take the old one's place. Positions and offsets stay.
Result<> LogImpl::copy_forward(Victim& victim) {
  const auto path = join_path(
      blocks_dir_, hex16(victim.file.first.value) + "." + std::string(record::name(victim.file.cls)) + ".kept.new");
  const auto write = [&]() -> Result<std::shared_ptr<BlockWriter>> {
    std::shared_ptr<BlockWriter> writer = TRY(BlockWriter::create(files_, path, epoch_, victim.file.cls));
    for (const auto& r : victim.records) TRY(writer->add(r));
    TRY(writer->finish(victim.file.first, victim.file.end));
    return writer;
  };
  auto writer = write();
  if (!writer) {
    static_cast<void>(files_.remove(path));
    return std::unexpected(writer.error());
  }
  victim.leftover = std::move(*writer);
  return {};
}

// The files' names change hands; readers that still hold the old catalogue find what is left, or nothing.
Result<> LogImpl::take_away(std::span<Victim> victims) {
  for (auto& victim : victims) {
    const auto path = join_path(blocks_dir_, block_name(victim.name));
    if (victim.leftover) {
      TRY(files_.rename(victim.leftover->path(), path));
    } else if (const auto removed = files_.remove(path); !removed && removed.error().code != Code::not_found) {
      return removed;
    }
    store_->forget(victim.name);
  }
  TRY(files_.sync_dir(blocks_dir_));
  change_catalogue([&](Catalogue& all) {
    for (const auto& victim : victims) {
      const auto at = std::ranges::find_if(
          all, [&](const Stretch& s) { return s.blocks != nullptr && s.first == victim.file.first; });
      if (at == all.end()) continue;
      auto set = std::make_shared<BlockSet>(*at->blocks);
      const auto c = static_cast<std::size_t>(victim.file.cls);
      set->file_bytes[c] = 0;
      set->kept[c].reset();
      if (victim.leftover) {
        set->file_bytes[c] = victim.leftover->bytes();
        set->kept[c] = victim.kept;
      } else {
        set->files[c].reset();
      }
      if (std::ranges::none_of(set->files, [](const auto& f) { return f.has_value(); }))
        all.erase(at);
      else
        at->blocks = std::move(set);
    }
  });
  return {};
}

Result<bool> LogImpl::trim() {
  auto victims = TRY(choose());
  if (victims.empty()) return false;
  std::vector<Victim> going;
  std::vector<Gap> gaps;
  std::vector<Doomed> doomed;
  bool marked = false;
  const auto all = catalogue();
  for (auto& victim : victims) {
    const auto at = std::ranges::find_if(
        *all, [&](const Stretch& s) { return s.blocks != nullptr && s.first == victim.file.first; });
    victim.name = *at->blocks->files[static_cast<std::size_t>(victim.file.cls)];
    TRY(look_into(victim));
    if (victim.only_pinned) {
      change_catalogue([&](Catalogue& next) {
        const auto mine = std::ranges::find_if(
            next, [&](const Stretch& s) { return s.blocks != nullptr && s.first == victim.file.first; });
        auto set = std::make_shared<BlockSet>(*mine->blocks);
        set->kept[static_cast<std::size_t>(victim.file.cls)] = victim.kept;
        mine->blocks = std::move(set);
      });
      marked = true;
      continue;
    }
    if (!victim.kept.empty()) {
      // On a full disk it waits until others have made room.
      if (const auto copied = copy_forward(victim); !copied && copied.error().code == Code::full)
        continue;
      else if (!copied)
        return std::unexpected(copied.error());
    }
    gaps.insert(gaps.end(), victim.gaps.begin(), victim.gaps.end());
    doomed.push_back({victim.file.first, victim.file.cls});
    going.push_back(std::move(victim));
  }
  if (going.empty()) return marked;
  TRY(declare_gaps());  // damage first: what is damaged was not trimmed
  TRY(gaps_->declare(gaps, doomed));
  TRY(take_away(going));
  std::uint64_t records = 0;
  for (const auto& gap : gaps) records += gap.records();
  logger::info("log", "trimmed",
               {{"records", records},
                {"files", going.size()},
                {"reason", name(gaps.empty() ? GapReason::damage : gaps.front().reason)}});
  return true;
}

// After a cut between the declaration and the removal: what was declared gone goes now.
Result<> LogImpl::finish_trims(std::map<std::uint64_t, BlockSet>& sets) {
  for (const auto& doomed : gaps_->doomed()) {
    const auto found = sets.find(doomed.first.value);
    const auto c = static_cast<std::size_t>(doomed.cls);
    if (found == sets.end() || !found->second.files[c]) continue;
    auto& set = found->second;
    Victim victim{.file = {.cls = doomed.cls, .first = set.first, .end = set.end}, .name = *set.files[c]};
    const auto block = store_->open(victim.name);
    if (!block && block.error().code == Code::io) return std::unexpected(block.error());
    bool any_gone = false;
    bool damaged = !block;
    for (std::size_t i = 0; !damaged && i < (*block)->chunks().size(); ++i) {
      auto chunk = (*block)->read(i);
      if (!chunk && chunk.error().code == Code::io) return std::unexpected(chunk.error());
      damaged = !chunk;
      if (damaged) break;
      for (const auto& r : chunk->records()) {
        if (gaps_->covers(r.cls, r.offset, {r.offset.value + 1})) {
          any_gone = true;
          continue;
        }
        victim.kept.push_back(r.position);
        victim.records.push_back(r);
      }
      victim.owners.push_back(std::move(*chunk));
    }
    // What cannot be read may have been meant to stay, and is not declared yet: the file goes another time.
    if (damaged || !any_gone) continue;
    if (!victim.kept.empty()) {
      if (const auto copied = copy_forward(victim); !copied) {
        if (copied.error().code == Code::full) continue;  // it may stay: what is gone is declared
        return copied;
      }
    }
    TRY(take_away({&victim, 1}));
    set.file_bytes[c] = victim.leftover ? victim.leftover->bytes() : 0;
    if (!victim.leftover) set.files[c].reset();
    if (std::ranges::none_of(set.files, [](const auto& f) { return f.has_value(); })) sets.erase(found);
  }
  return {};
}

Result<> LogImpl::declare(std::span<const Gap> gaps) {
  const std::scoped_lock one(tidy_mutex_);
  TRY(gaps_->declare(gaps, {}));
  tell_gaps();
  measure();
  return {};
}

std::uint64_t LogImpl::missed(Position from, ClassMask classes) const {
  std::uint64_t records = 0;
  for (const auto& gap : gaps_->all()) {
    if ((classes & record::mask(gap.cls)) == 0 || gap.end <= from) continue;
    records += gap.first >= from ? gap.records() : std::min(gap.records(), gap.end - from);
  }
  return records;
}

}  // namespace skerry::log
