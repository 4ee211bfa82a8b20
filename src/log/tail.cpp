// The newest records in memory.
#include "log/tail.hpp"

#include <algorithm>

namespace skerry::log {
namespace {

std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

std::byte* put_varint(std::byte* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::byte>(value | 0x80);
  *to++ = static_cast<std::byte>(value);
  return to;
}

}  // namespace

std::shared_ptr<Slab> SlabPool::take(std::size_t room) {
  if (room > slab_bytes) return std::make_shared<Slab>(room);
  std::unique_ptr<Slab> slab;
  {
    const std::scoped_lock lock(mutex_);
    if (!free_.empty()) {
      slab = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!slab) slab = std::make_unique<Slab>(slab_bytes);
  slab->used = slab->slots = 0;
  return {slab.release(), [pool = weak_from_this()](Slab* back) {
            std::unique_ptr<Slab> owned(back);
            const auto to = pool.lock();
            if (!to) return;
            const std::scoped_lock lock(to->mutex_);
            if (to->free_.size() < spare_slabs) to->free_.push_back(std::move(owned));
          }};
}

// Room for a record of `bytes` in the current slab, after `before` more, which only a batch's first piece has. Extends
// the piece.
std::byte* Tail::room(std::size_t bytes, std::size_t before, Bytes record) {
  auto& pieces = waiting_->pieces;
  const bool fits = slab_ && slab_->has_room(before + bytes);
  if (!fits) slab_ = slabs_->take(before + bytes + sizeof(Slot));
  slab_->used += before;
  if (pieces.empty() || !fits) pieces.push_back({slab_, slab_->used, slab_->used, slab_->slots});
  auto* const at = slab_->bytes.get() + slab_->used;
  slab_->add_slot(Slot::of(slab_->used, record));
  slab_->used += bytes;
  pieces.back().end = slab_->used;
  pieces.back().slots_end = slab_->slots;
  return at;
}

bool Tail::add(std::span<const std::uint32_t> sizes, std::span<const Class> classes, Bytes bytes, Wall now) {
  const bool begins = !waiting_;
  if (begins) {
    waiting_ = std::make_shared<MemoryBatch>();
    waiting_->first = waiting_->next = next_;
    waiting_->base = now;
  }
  auto& batch = *waiting_;
  const auto since = static_cast<std::uint64_t>((now - batch.base).count());
  const auto since_bytes = varint_size(since);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto pieces = batch.pieces.size();
    const std::size_t need = since_bytes + sizes[i];
    auto* at = room(need, pieces == 0 ? batch_header_bytes : 0, bytes);
    if (batch.pieces.size() != pieces || batch.count() % records_per_stop == 0) {
      batch.stops.push_back(
          {batch.next.position, batch.next.offsets, batch.pieces.size() - 1, batch.pieces.back().slots_end - 1});
    }
    at = put_varint(at, since);
    std::memcpy(at, bytes.data(), sizes[i]);
    bytes = bytes.subspan(sizes[i]);
    batch.body_bytes += need;
    batch.next.position = batch.next.position + 1;
    ++batch.next.offsets[static_cast<std::size_t>(classes[i])];
    ++batch.counts[static_cast<std::size_t>(classes[i])];
  }
  next_.position = batch.next.position;
  next_.offsets = batch.next.offsets;
  return begins;
}

std::uint64_t Tail::waiting_bytes() const {
  return (waiting_ ? waiting_->body_bytes : 0) + (in_commit_ ? in_commit_->body_bytes : 0);
}

std::shared_ptr<MemoryBatch> Tail::take() {
  if (!in_commit_ && waiting_) {
    in_commit_ = std::move(waiting_);
    waiting_.reset();
    next_.number = ++in_commit_->next.number;
  }
  return in_commit_;
}

void Tail::finish(std::uint64_t keep_bytes_max) {
  INVARIANT(in_commit_ != nullptr);
  committed_ = in_commit_->next;
  kept_bytes_ += in_commit_->body_bytes + batch_header_bytes;
  kept_.push_back(std::move(in_commit_));
  in_commit_.reset();
  while (!kept_.empty() && kept_bytes_ > keep_bytes_max) {
    kept_bytes_ -= kept_.front()->body_bytes + batch_header_bytes;
    kept_.pop_front();
  }
}

void Tail::fail() {
  waiting_.reset();
  in_commit_.reset();
  next_ = committed_;
}

void Tail::collect(const MemoryBatch& batch, Position from, std::uint64_t& bytes_left, Spans& into) const {
  if (batch.next.position <= from || bytes_left == 0) return;
  auto stop = std::ranges::upper_bound(batch.stops, from, {}, &Stop::position);
  if (stop != batch.stops.begin()) --stop;
  for (auto piece = stop->piece; piece < batch.pieces.size() && bytes_left > 0; ++piece) {
    const auto& p = batch.pieces[piece];
    // The first stop of a later piece is where the piece begins.
    while (stop->piece < piece) ++stop;
    into.spans.push_back({p.slab, stop->slot, p.slots_end, p.end, batch.base, stop->position, stop->offsets});
    bytes_left -= std::min<std::uint64_t>(bytes_left, p.end - p.slab->slot(stop->slot).at);
  }
}

Spans Tail::collect(Position from, bool committed_only, std::uint64_t bytes_max) const {
  Spans got;
  auto bytes_left = std::max<std::uint64_t>(bytes_max, 1);
  auto batch = std::ranges::upper_bound(kept_, from, {}, [](const auto& b) { return b->first.position; });
  if (batch != kept_.begin()) --batch;
  for (; batch != kept_.end(); ++batch) collect(**batch, from, bytes_left, got);
  if (!committed_only && in_commit_) collect(*in_commit_, from, bytes_left, got);
  if (!committed_only && waiting_) collect(*waiting_, from, bytes_left, got);
  got.end = committed_only ? committed_.position : next_.position;
  return got;
}

Result<Chunk> decode_spans(const Spans& spans, Position from, const ReadOptions& options) {
  if (spans.spans.empty()) return Chunk({}, {}, std::max(from, spans.end));
  std::vector<RecordView> records;
  records.reserve(std::min<std::uint64_t>(spans.end - std::min(from, spans.end), 1024));
  std::uint64_t bytes = 0;
  auto next = from;
  for (const auto& span : spans.spans) {
    const auto& slab = *span.slab;
    auto position = span.position;
    auto offsets = span.offsets;
    for (auto i = span.slot; i < span.slots_end && (bytes < options.bytes_max || records.empty()); ++i) {
      const auto slot = slab.slot(i);
      const auto at = position;
      const Offset offset{offsets[slot.cls]++};
      position = position + 1;
      if (at < from) continue;
      next = position;
      if ((options.classes & (1U << slot.cls)) == 0 || (slot.row != 0 && options.rows != Rows::as_json)) continue;
      Reader reader(Bytes(slab.bytes.get() + slot.at, span.end - slot.at));
      const auto since = std::chrono::microseconds{static_cast<std::int64_t>(reader.varint())};
      auto& view = records.emplace_back();
      if (!record::decode_into(reader, view)) return fail(Code::damaged, "bytes in memory that are no record");
      view.position = at;
      view.offset = offset;
      view.appended_at = span.base + since;
      bytes += span.end - slot.at - reader.rest().size();
    }
  }
  if (spans.spans.size() == 1) return Chunk(spans.spans.front().slab, std::move(records), next);
  auto slabs = std::make_shared<std::vector<std::shared_ptr<Slab>>>();
  for (const auto& span : spans.spans) {
    if (slabs->empty() || slabs->back() != span.slab) slabs->push_back(span.slab);
  }
  return Chunk(std::move(slabs), std::move(records), next);
}

}  // namespace skerry::log
