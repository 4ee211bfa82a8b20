// Reading: at the tail from memory, before it from segments, before those from blocks.
#include <algorithm>

#include "log/log_impl.hpp"

namespace skerry::log {
namespace {

// One class of a block set, at its next record.
struct Lane {
  Chunk chunk;
  std::size_t next = 0;
};

Hole hole_of(const ChunkEntry& entry, Class cls) {
  Hole hole;
  const auto c = static_cast<std::size_t>(cls);
  hole.from.position = entry.first;
  hole.from.offsets[c] = entry.first_offset.value;
  hole.to.position = entry.last + 1;
  hole.to.offsets[c] = entry.last_offset.value + 1;
  return hole;
}

// Between a look at the catalogue and the file it went, or made way for what is left of it.
bool is_trimmed(const Error& error) { return error.code == Code::not_found; }

bool is_damage(const Error& error) { return error.code == Code::damaged || error.code == Code::full; }

Chunk only_device(Chunk chunk, std::string_view device) {
  if (device.empty()) return chunk;
  std::vector<RecordView> records;
  for (const auto& r : chunk.records()) {
    if (record::device_of(r.topic) == device) records.push_back(r);
  }
  const auto next = chunk.next();
  return Chunk(std::make_shared<Chunk>(std::move(chunk)), std::move(records), next);
}

}  // namespace

Result<Chunk> LogImpl::read(Position from, const ReadOptions& options) const {
  while (true) {
    Spans spans;
    bool in_memory = false;
    {
      const std::scoped_lock lock(mutex_);
      in_memory = from >= tail_.oldest();
      if (in_memory) spans = tail_.collect(from, options.committed_only, options.bytes_max);
    }
    if (in_memory) {
      auto chunk = shapes_->finish(TRY(decode_spans(spans, from, options)), options.rows);
      if (!chunk.empty() || chunk.next() >= spans.end) return chunk;
      from = chunk.next();
      continue;
    }
    auto chunk = shapes_->finish(TRY(read_stored(from, options)), options.rows);
    if (!chunk.empty()) return chunk;
    INVARIANT(chunk.next() > from);
    from = chunk.next();
  }
}

// From the stretch that holds `from`. Empty when it holds nothing that was asked for; next() has then moved on.
Result<Chunk> LogImpl::read_stored(Position from, const ReadOptions& options) const {
  const auto all = catalogue();
  auto at = std::ranges::upper_bound(*all, from, {}, &Stretch::first);
  if (at == all->begin()) {
    INVARIANT(!all->empty());
    return Chunk({}, {}, at->first);
  }
  const auto after = at--;
  const auto end = after != all->end() ? after->first : at->segment ? at->segment->end().position : at->blocks->end;
  if (at->blocks && from >= at->blocks->end) return Chunk({}, {}, end);
  auto chunk = at->segment ? TRY(at->segment->read(from, options, [this](const Hole& hole) { note_hole(hole); }))
                           : TRY(read_blocks(*at->blocks, from, options));
  if (chunk.empty() && chunk.next() <= from) return Chunk({}, {}, end);
  return chunk;
}

Result<Chunk> LogImpl::read_blocks(const BlockSet& set, Position from, const ReadOptions& options) const {
  auto lanes = std::make_shared<std::vector<Lane>>();
  auto horizon = set.end;  // what lies before it is in the lanes
  for (std::size_t c = 0; c < record::class_count; ++c) {
    const auto& name = set.files[c];
    if (!name || (options.classes & (1U << c)) == 0) continue;
    const auto file = store_->open(*name);
    if (!file && is_trimmed(file.error())) continue;
    if (!file && !is_damage(file.error())) return std::unexpected(file.error());
    if (!file) {
      note_lost({set.first, set.end, record::mask(name->cls)});
      continue;
    }
    const auto chunks = (*file)->chunks();
    for (auto i =
             static_cast<std::size_t>(std::ranges::lower_bound(chunks, from, {}, &ChunkEntry::last) - chunks.begin());
         i < chunks.size(); ++i) {
      auto chunk = store_->read(*name, i);
      if (!chunk && is_trimmed(chunk.error())) break;
      if (!chunk && !is_damage(chunk.error())) return std::unexpected(chunk.error());
      if (!chunk) {
        note_hole(hole_of(chunks[i], name->cls));
        continue;
      }
      if (i + 1 < chunks.size()) horizon = std::min(horizon, chunks[i].last + 1);
      const auto records = chunk->records();
      const auto first = std::ranges::lower_bound(records, from, {}, &RecordView::position) - records.begin();
      lanes->push_back({std::move(*chunk), static_cast<std::size_t>(first)});
      break;
    }
  }
  std::vector<RecordView> records;
  std::uint64_t bytes = 0;
  while (true) {
    Lane* least = nullptr;
    for (auto& lane : *lanes) {
      if (lane.next == lane.chunk.records().size()) continue;
      if (least == nullptr || lane.chunk.records()[lane.next].position < least->chunk.records()[least->next].position) {
        least = &lane;
      }
    }
    if (least == nullptr || least->chunk.records()[least->next].position >= horizon) break;
    if (bytes >= options.bytes_max && !records.empty()) {
      const auto next = records.back().position + 1;
      return Chunk(std::move(lanes), std::move(records), next);
    }
    records.push_back(least->chunk.records()[least->next++]);
    bytes += records.back().topic.size() + records.back().payload.size() + 32;
  }
  return Chunk(std::move(lanes), std::move(records), horizon);
}

std::vector<Extent> LogImpl::extents(std::string_view device, EventTime from, EventTime to, ClassMask classes) const {
  std::vector<Extent> got;
  const auto all = catalogue();
  const auto on_hole = [this](const Hole& hole) { note_hole(hole); };
  for (const auto& stretch : *all) {
    if (stretch.segment) {
      const auto parts = stretch.segment->stretches(on_hole);
      if (!parts) {  // the disk failed: reading the extent says so
        got.push_back({.id = 0, .classes = classes, .first = stretch.first, .end = stretch.segment->end().position});
        continue;
      }
      for (const auto& [first, end] : *parts) got.push_back({.id = 0, .classes = classes, .first = first, .end = end});
      continue;
    }
    const auto before = got.size();
    for (const auto& name : stretch.blocks->files) {
      if (!name || (classes & record::mask(name->cls)) == 0 || name->latest < from || name->earliest >= to) continue;
      const auto file = store_->open(*name);
      if (!file) {
        if (is_damage(file.error())) note_lost({stretch.blocks->first, stretch.blocks->end, record::mask(name->cls)});
        continue;
      }
      for (const auto i : (*file)->chunks_of(device, from, to)) {
        const auto& c = (*file)->chunks()[i];
        got.push_back({.id = i + std::uint64_t{1},
                       .classes = record::mask(name->cls),
                       .first = c.first,
                       .end = c.last + 1,
                       .earliest = c.earliest,
                       .latest = c.latest,
                       .bounds_known = true});
      }
    }
    std::sort(got.begin() + static_cast<std::ptrdiff_t>(before), got.end(),
              [](const Extent& a, const Extent& b) { return a.first < b.first; });
  }
  return got;
}

Result<Chunk> LogImpl::read_extent(const Extent& extent, std::string_view device) const {
  if (extent.id != 0) {
    const auto all = catalogue();
    auto at = std::ranges::upper_bound(*all, extent.first, {}, &Stretch::first);
    if (at == all->begin() || !(--at)->blocks || extent.first >= at->blocks->end) return Chunk({}, {}, extent.end);
    for (const auto& name : at->blocks->files) {
      if (!name || record::mask(name->cls) != extent.classes) continue;
      auto chunk = store_->read(*name, extent.id - 1);
      if (chunk) return shapes_->finish(only_device(std::move(*chunk), device), Rows::as_json);
      if (is_trimmed(chunk.error())) continue;
      if (!is_damage(chunk.error())) return chunk;
      const auto file = store_->open(*name);
      if (file && extent.id <= (*file)->chunks().size())
        note_hole(hole_of((*file)->chunks()[extent.id - 1], name->cls));
    }
    return Chunk({}, {}, extent.end);
  }
  auto owners = std::make_shared<std::vector<Chunk>>();
  std::vector<RecordView> records;
  for (auto from = extent.first; from < extent.end;) {
    auto chunk = TRY(read(from, {.classes = extent.classes, .committed_only = true}));
    if (chunk.empty()) break;
    bool any = false;
    for (const auto& r : chunk.records()) {
      if (r.position >= extent.end || (!device.empty() && record::device_of(r.topic) != device)) continue;
      records.push_back(r);
      any = true;
    }
    from = chunk.next();
    if (any) owners->push_back(std::move(chunk));
  }
  return Chunk(std::move(owners), std::move(records), extent.end);
}

}  // namespace skerry::log
