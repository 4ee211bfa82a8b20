// Writing and reading one journal file.
#include "log/segment.hpp"

#include <algorithm>

#include "base/crc32c.hpp"

namespace skerry::log {

Segment::Segment(std::string path, std::unique_ptr<File> file, const SegmentHeader& header, std::uint64_t file_bytes)
    : path_(std::move(path)), file_(std::move(file)), header_(header), file_bytes_(file_bytes), end_(header.first) {}

void Segment::set_end(const Mark& end) {
  const std::scoped_lock lock(mutex_);
  end_ = end;
  indexed_ = false;
}

Mark Segment::end() const {
  const std::scoped_lock lock(mutex_);
  return end_;
}

// The worst case: it begins on a page.
std::uint64_t Segment::bytes_of(const MemoryBatch& batch) { return page_bytes + batch_header_bytes + batch.body_bytes; }

Result<std::uint64_t> Segment::write(MemoryBatch& batch) {
  INVARIANT(!batch.pieces.empty());
  const auto at = align_up(write_at_, batch.paged ? page_bytes : batch_align);
  INVARIANT(at + batch_header_bytes + batch.body_bytes <= file_bytes_);
  auto crc = salted_crc({}, header_.salt);
  for (const auto& p : batch.pieces) crc = crc32c({p.slab->bytes.get() + p.begin, p.end - p.begin}, crc);
  auto& front = batch.pieces.front();
  auto* const head = front.slab->bytes.get() + front.begin - batch_header_bytes;
  const BatchHeader header{batch.first, batch.base, batch.counts, static_cast<std::uint32_t>(batch.body_bytes), crc};
  encode_batch_header({head, batch_header_bytes}, header, header_.epoch, header_.salt);
  auto to = at;
  for (const auto& p : batch.pieces) {
    const auto begin = &p == &front ? p.begin - batch_header_bytes : p.begin;
    TRY(file_->write(to, {p.slab->bytes.get() + begin, p.end - begin}));
    to += p.end - begin;
  }
  // Whatever the reason: what a sync that failed has left on the disk is unknown.
  if (const auto synced = file_->sync(); !synced) return fail(Code::io, synced.error().what, synced.error().where);
  write_at_ = to;
  const std::scoped_lock lock(mutex_);
  note(batch.first, at);
  end_ = batch.next;
  return to - at;
}

void Segment::resume(const BatchHeader& first, std::uint64_t end_at) {
  const std::scoped_lock lock(mutex_);
  write_at_ = end_at;
  note(first.first, first_batch_at);
  end_ = first.after();
}

void Segment::go_on(const Mark& next, std::uint64_t at) {
  const std::scoped_lock lock(mutex_);
  write_at_ = at;
  end_ = next;
  indexed_ = false;
}

void Segment::note(const Mark& first, std::uint64_t at) const {
  if (refs_.empty() || at - refs_.back().at >= index_step_bytes) refs_.push_back({first, at});
}

Result<> Segment::each(const std::function<Result<>(const Batch&)>& use, const OnHole& on_hole) const {
  const auto last = end();
  BatchWalk walk(*file_, header_, file_bytes_, {.number = header_.first.number, .end_number = last.number});
  auto expected = header_.first;
  while (TRY(walk.next())) {
    const auto& first = walk.batch().header.first;
    if (first.position > expected.position) on_hole({expected, first});
    expected = walk.batch().header.after();
    TRY(use(walk.batch()));
  }
  if (expected.position < last.position) on_hole({expected, last});
  return {};
}

Result<> Segment::index(const OnHole& on_hole) const {
  {
    const std::scoped_lock lock(mutex_);
    if (indexed_) return {};
  }
  const std::scoped_lock one(indexing_);
  {
    const std::scoped_lock lock(mutex_);
    if (indexed_) return {};
  }
  std::vector<Ref> refs;
  const auto use = [&](const Batch& batch) -> Result<> {
    if (refs.empty() || batch.at - refs.back().at >= index_step_bytes) refs.push_back({batch.header.first, batch.at});
    return {};
  };
  TRY(each(use, on_hole));
  const std::scoped_lock lock(mutex_);
  refs_ = std::move(refs);
  indexed_ = true;
  return {};
}

Result<Chunk> Segment::read(Position from, const ReadOptions& options, const OnHole& on_hole) const {
  TRY(index(on_hole));
  Ref begin{header_.first, first_batch_at};
  Mark last;
  {
    const std::scoped_lock lock(mutex_);
    last = end_;
    auto ref = std::ranges::upper_bound(refs_, from, {}, [](const Ref& r) { return r.first.position; });
    if (ref != refs_.begin()) begin = *--ref;
  }
  BatchWalk walk(*file_, header_, file_bytes_,
                 {.at = begin.at,
                  .number = begin.first.number,
                  .end_number = last.number,
                  .window_bytes = std::clamp<std::uint64_t>(options.bytes_max, 4 * KiB, 1 * MiB)});
  std::vector<RecordView> records;
  std::shared_ptr<const void> owner;
  std::uint64_t bytes = 0;
  auto expected = begin.first;
  auto next = from;
  while (TRY(walk.next())) {
    const auto& batch = walk.batch();
    if (batch.header.first.position > expected.position) on_hole({expected, batch.header.first});
    expected = batch.header.after();
    if (!records.empty() && walk.owner() != owner) return Chunk(std::move(owner), std::move(records), next);
    if (expected.position <= from) continue;
    owner = walk.owner();
    bool full = false;
    TRY(for_each_record(batch.header, batch.body, [&](const RecordView& view) {
      if (view.position < from) return true;
      if (bytes >= options.bytes_max && !records.empty()) {
        full = true;
        return false;
      }
      next = view.position + 1;
      if ((options.classes & record::mask(view.cls)) != 0) {
        records.push_back(view);
        bytes += view.topic.size() + view.payload.size() + 32;
      }
      return true;
    }));
    if (full) return Chunk(std::move(owner), std::move(records), next);
  }
  // What lies between the last batch found and the end is gone: index() has told.
  return Chunk(std::move(owner), std::move(records), std::max(next, last.position));
}

Result<std::vector<std::pair<Position, Position>>> Segment::stretches(const OnHole& on_hole) const {
  TRY(index(on_hole));
  std::vector<std::pair<Position, Position>> got;
  const std::scoped_lock lock(mutex_);
  std::uint64_t begun_at = 0;
  for (const auto& ref : refs_) {
    if (!got.empty() && ref.at - begun_at < stretch_bytes) continue;
    if (!got.empty()) got.back().second = ref.first.position;
    got.emplace_back(ref.first.position, ref.first.position);
    begun_at = ref.at;
  }
  if (!got.empty()) got.back().second = end_.position;
  return got;
}

Result<std::shared_ptr<Segment>> start_segment(Files& files, std::string_view dir, std::string_view pool_path,
                                               std::unique_ptr<File> file, const SegmentHeader& header,
                                               const Copied* copied) {
  Buffer page(page_bytes);
  encode_segment_page(page, header);
  if (copied != nullptr) {
    page.resize(page_bytes + batch_header_bytes);
    auto batch = copied->header;
    batch.body_crc = salted_crc(copied->body, header.salt);
    encode_batch_header(std::span(page).subspan(page_bytes), batch, header.epoch, header.salt);
    append_bytes(page, copied->body);
  }
  TRY(file->write(0, page));
  TRY(file->sync());
  auto path = join_path(dir, segment_name(header.first));
  TRY(files.rename(pool_path, path));
  TRY(files.sync_dir(dir));
  auto segment = std::make_shared<Segment>(path, std::move(file), header, header.file_bytes);
  if (copied != nullptr) segment->resume(copied->header, page.size());
  return segment;
}

}  // namespace skerry::log
