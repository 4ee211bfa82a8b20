// Background work: sealed segments become blocks and are used again; what is found gone is declared.
#include <algorithm>

#include "base/logger.hpp"
#include "log/log_impl.hpp"

namespace skerry::log {

Result<bool> LogImpl::tidy() {
  const std::scoped_lock one(tidy_mutex_);
  {
    const std::scoped_lock lock(mutex_);
    if (failed_) return false;
  }
  measure();
  const auto step = tidy_step();
  measure();
  return step;
}

Result<bool> LogImpl::tidy_step() {
  tell_gaps();
  if (gaps_->undeclared()) {
    // A full disk has no room for it now; the trimming below makes some.
    if (const auto declared = declare_gaps(); !declared && declared.error().code != Code::full) {
      return std::unexpected(declared.error());
    }
  }
  if (TRY(free_unread())) return true;
  if (TRY(trim())) return true;
  const auto no_room = [&](const auto& done) {
    if (done || done.error().code != Code::full) return false;
    short_of_.store(std::max(short_of_.load(), options_.segment_bytes));
    return true;
  };
  auto prepared = pool_->prepare();
  // On a full disk there may still be room for blocks, which are smaller, and give a segment back.
  if (!no_room(prepared)) {
    if (!prepared) return prepared;
    if (*prepared) return true;
    if (const auto kept = gaps_->keep_ballast(); !kept && kept.error().code != Code::full) {
      return std::unexpected(kept.error());
    }
  }
  const auto all = catalogue();
  const auto oldest = std::ranges::find_if(*all, [](const Stretch& s) { return s.segment != nullptr; });
  if (oldest == all->end() || oldest + 1 == all->end()) {  // the last is being written
    if (prepared && !is_full()) short_of_.store(0);
    return false;
  }
  if (const auto made = make_blocks(oldest->segment); !made) {
    no_room(made);
    return std::unexpected(made.error());
  }
  return true;
}

bool LogImpl::is_full() const {
  const std::scoped_lock lock(mutex_);
  return full_;
}

// Readers that hold the old catalogue may still look into a segment: overwritten under their eyes, it would seem
// damaged.
Result<bool> LogImpl::free_unread() {
  bool any = false;
  for (auto at = unread_.begin(); at != unread_.end();) {
    if (at->use_count() > 1) {
      ++at;
      continue;
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    // Taken off first: should this fail half-way, its name is not touched again before the next start.
    const auto segment = std::move(*at);
    at = unread_.erase(at);
    TRY(pool_->give(segment->path(), segment->file_bytes()));
    any = true;
  }
  return any;
}

Result<> LogImpl::make_blocks(const std::shared_ptr<Segment>& segment) {
  std::array<std::unique_ptr<BlockWriter>, record::class_count> writers;
  std::array<std::uint64_t, record::class_count> raw{};
  const auto first = segment->header().first.position;
  const auto end = segment->end().position;
  const auto write = [&]() -> Result<BlockSet> {
    auto walked = segment->each(
        [&](const Batch& batch) -> Result<> {
          Result<> added;
          auto read = for_each_record(batch.header, batch.body, [&](const RecordView& r) {
            auto& writer = writers[static_cast<std::size_t>(r.cls)];
            if (!writer) {
              const auto path =
                  join_path(blocks_dir_, hex16(first.value) + "." + std::string(record::name(r.cls)) + ".new");
              auto made = BlockWriter::create(files_, path, epoch_, r.cls);
              if (!made) {
                added = std::unexpected(made.error());
                return false;
              }
              writer = std::move(*made);
            }
            raw[static_cast<std::size_t>(r.cls)] += r.topic.size() + r.payload.size() + r.origin.size() + 12;
            added = writer->add(r);
            return added.has_value();
          });
          TRY(added);
          if (!read) note_hole({batch.header.first, batch.header.after()});
          return {};
        },
        [this](const Hole& hole) { note_hole(hole); });
    TRY(std::move(walked));
    BlockSet set{.first = first, .end = end};
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if (!writers[c]) continue;
      set.files[c] = TRY(writers[c]->finish(first, end));
      set.file_bytes[c] = writers[c]->bytes();
    }
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if (writers[c]) TRY(files_.rename(writers[c]->path(), join_path(blocks_dir_, block_name(*set.files[c]))));
    }
    TRY(files_.sync_dir(blocks_dir_));
    return set;
  };
  auto set = write();
  if (!set) {
    for (const auto& writer : writers) {
      if (writer) static_cast<void>(files_.remove(writer->path()));
    }
    return std::unexpected(set.error());
  }
  const bool empty = std::ranges::none_of(set->files, [](const auto& name) { return name.has_value(); });
  const auto blocks = std::make_shared<const BlockSet>(std::move(*set));
  change_catalogue([&](Catalogue& all) {
    const auto at = std::ranges::find(all, segment, &Stretch::segment);
    INVARIANT(at != all.end());
    if (empty) {
      all.erase(at);
    } else {
      *at = {first, nullptr, blocks};
    }
  });
  unread_.push_back(segment);
  note_packing(raw, blocks->file_bytes);
  return {};
}

void LogImpl::note_hole(const Hole& hole) const {
  if (!gaps_->note(hole, now())) return;
  const auto records = std::max<std::uint64_t>(hole.records(), 1);
  metrics_.damaged.add(records);
  logger::error("log", "stored records are damaged and left out",
                {{"from", hole.from.position.value}, {"to", hole.to.position.value}, {"records", records}});
}

void LogImpl::note_lost(const Lost& lost) const {
  if (!gaps_->note(lost)) return;
  metrics_.damaged.add();
  logger::error("log", "stored records are gone, and how many is found out from their neighbours",
                {{"from", lost.first.value}, {"to", lost.end.value}});
}

// Offsets are dense, so a class's neighbours tell which are missing between them.
Result<std::vector<Gap>> LogImpl::gaps_of(const Lost& lost) const {
  std::vector<Gap> gaps;
  const auto all = catalogue();
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if ((lost.classes & (1U << c)) == 0) continue;
    std::optional<std::uint64_t> from;
    std::optional<std::uint64_t> to;
    for (const auto& stretch : *all) {
      const bool before = stretch.first < lost.first;
      if (stretch.first >= lost.first && stretch.first < lost.end) continue;
      if (stretch.segment) {
        if (before) from = stretch.segment->end().offsets[c];
        if (!before && !to) to = stretch.segment->header().first.offsets[c];
        continue;
      }
      if (!stretch.blocks->files[c] || (!before && to)) continue;
      const auto file = store_->open(*stretch.blocks->files[c]);
      if (!file && file.error().code == Code::io) return std::unexpected(file.error());
      if (!file) continue;
      if (before)
        from = (*file)->chunks().back().last_offset.value + 1;
      else
        to = (*file)->chunks().front().first_offset.value;
    }
    if (!to || from.value_or(0) >= *to) continue;
    gaps.push_back({.cls = static_cast<Class>(c),
                    .from = {from.value_or(0)},
                    .to = {*to},
                    .first = lost.first,
                    .end = lost.end,
                    .reason = GapReason::damage,
                    .at = now()});
  }
  return gaps;
}

Result<> LogImpl::declare_gaps() {
  if (!gaps_->undeclared()) return {};
  std::vector<Gap> gaps;
  const auto lost = gaps_->lost();
  for (const auto& each : lost) {
    const auto found = TRY(gaps_of(each));
    gaps.insert(gaps.end(), found.begin(), found.end());
  }
  TRY(gaps_->declare(gaps, {}, lost));
  tell_gaps();
  return {};
}

// Readers are told by records, which are appended again after a cut that took them.
void LogImpl::tell_gaps() {
  if (telling_ && committed_end() >= telling_->second) {
    gaps_->told(telling_->first);
    telling_.reset();
    if (const auto saved = gaps_->declare({}, {}); !saved) {  // they would be told twice, no more
      logger::warn("log", "the file of declared gaps could not be replaced", {{"why", saved.error().text()}});
    }
  }
  if (telling_) return;
  const auto payloads = gaps_->untold();
  if (payloads.empty()) return;
  std::vector<Record> records;
  for (const auto& payload : payloads) {
    records.push_back({.cls = Class::critical,
                       .kind = record::Kind::gap,
                       .topic = "$skerry/gap",
                       .payload = as_bytes(payload),
                       .origin = "log"});
  }
  const auto appended = append(records, Urgency::now);
  if (!appended) return;  // it pushes back: at a later step
  telling_ = {payloads.size(), *appended + payloads.size()};
}

Wall LogImpl::now() const {
  const std::scoped_lock lock(mutex_);
  return steady_->now();
}

}  // namespace skerry::log
