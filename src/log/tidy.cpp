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
  TRY(declare_gaps());
  if (TRY(free_unread())) {
    measure();
    return true;
  }
  auto prepared = pool_->prepare();
  // On a full disk there may still be room for blocks, which are smaller, and give a segment back.
  if (!prepared && prepared.error().code != Code::full) return prepared;
  if (prepared && *prepared) return true;

  const auto all = catalogue();
  const auto oldest = std::ranges::find_if(*all, [](const Stretch& s) { return s.segment != nullptr; });
  if (oldest == all->end() || oldest + 1 == all->end()) return false;  // the last is being written
  TRY(make_blocks(oldest->segment));
  measure();
  return true;
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
            added = writer->add(r);
            return added.has_value();
          });
          TRY(added);
          if (!read) note_hole({batch.header.first, batch.header.after()});
          return {};
        },
        [this](const Hole& hole) { note_hole(hole); });
    TRY(std::move(walked));
    BlockSet set{.first = first, .end = end, .files = {}, .bytes = 0};
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if (!writers[c]) continue;
      set.files[c] = TRY(writers[c]->finish(first, end));
      set.bytes += writers[c]->bytes();
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
  return {};
}

void LogImpl::note_hole(const Hole& hole) const {
  if (!gaps_->note(hole)) return;
  const auto records = std::max<std::uint64_t>(hole.records(), 1);
  metrics_.damaged.add(records);
  logger::error("log", "stored records are damaged and left out",
                {{"from", hole.from.position.value}, {"to", hole.to.position.value}, {"records", records}});
}

Result<> LogImpl::declare_gaps() {
  const auto holes = gaps_->undeclared();
  if (holes.empty()) return {};
  std::vector<std::string> payloads;
  std::vector<Record> records;
  for (const auto& hole : holes) payloads.push_back(Gaps::json(hole));
  for (const auto& payload : payloads) {
    records.push_back({.cls = Class::critical,
                       .kind = record::Kind::gap,
                       .topic = "$skerry/gap",
                       .payload = as_bytes(payload),
                       .origin = "log"});
  }
  if (const auto appended = append(records, Urgency::now); !appended) {
    if (appended.error().code == Code::busy) return {};  // at the next step
    return std::unexpected(appended.error());
  }
  TRY(commit());
  return gaps_->declared(holes);
}

void LogImpl::measure() {
  const auto now = stats();
  metrics_.journal_bytes.set(static_cast<double>(now.journal_bytes));
  metrics_.block_bytes.set(static_cast<double>(now.block_bytes));
}

}  // namespace skerry::log
