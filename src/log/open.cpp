// Opening: finds out what is there, reads only the tail, and makes durable what it recovered before it answers.
#include <algorithm>

#include "base/logger.hpp"
#include "log/log_impl.hpp"

namespace skerry::log {

struct LogImpl::Found {
  struct Bad {
    SegmentName name;
    std::uint64_t file_bytes = 0;
  };
  std::vector<std::shared_ptr<Segment>> segments;  // with whole headers, in order
  std::vector<Bad> bad;                            // without
  std::map<std::uint64_t, BlockSet> sets;          // by first position
  // What each of their files holds, by first position; nothing: the disk does not say now.
  std::array<std::map<std::uint64_t, std::optional<OffsetRange>>, record::class_count> ranges;
  Mark resume;                            // what the next batch begins with
  Wall last{};                            // append time of the newest record
  std::optional<Copied> copied;           // the newest batch, when it may not be on disk for sure
  std::uint64_t copied_at = 0;            // where it begins in the last segment
  std::uint64_t end_at = first_batch_at;  // where the last segment's batches end
  std::vector<Hole> holes;
};

Result<> LogImpl::start() {
  TRY(files_.make_dirs(dir_));
  lock_ = TRY(files_.lock(join_path(dir_, "LOCK")));
  TRY(files_.make_dirs(journal_dir_));
  TRY(files_.make_dirs(blocks_dir_));
  // What can be seen may not be on disk (the last process was killed, or a sync failed): it must be, before anything is
  // removed or written because of it.
  TRY(files_.sync_dir(blocks_dir_));
  TRY(files_.sync_dir(journal_dir_));
  pool_ = std::make_unique<SegmentPool>(files_, journal_dir_, options_.segment_bytes);
  const auto ballast = join_path(dir_, "ballast");
  gaps_ = std::make_unique<Gaps>(files_, join_path(dir_, "gaps"), ballast);
  epochs_ = std::make_unique<Epochs>(files_, join_path(dir_, "epochs"), ballast);
  files_.hurry(true);
  TRY(read_identity());
  store_ = std::make_unique<BlockStore>(files_, blocks_dir_, epoch_);
  gaps_->load();
  shapes_->load();
  Found found;
  TRY(list_segments(found));
  TRY(list_blocks(found));
  TRY(drop_half_made_blocks(found));
  TRY(finish_trims(found.sets));
  TRY(recover_tail(found));
  skip_lost_segments(found);
  TRY(begin_writing(found));
  find_missing(found);
  for (const auto& hole : found.holes) note_hole(hole);
  tell(found);
  TRY(begin_naming());
  TRY(declare_what_was_found());
  files_.hurry(false);
  measure();
  return {};
}

// A copy of the folder must not give names out that the original may have given out meanwhile.
Result<> LogImpl::begin_naming() {
  const auto place = TRY(files_.place(dir_));
  auto why = TRY(epochs_->load(epoch_, place));
  if (!options_.new_epoch.empty()) why = options_.new_epoch;
  if (why) {
    TRY(begin_epoch(*why));
    recovery_.told += "; a new epoch began: " + *why;
  } else if (const auto saved = epochs_->save(); !saved && saved.error().code != Code::full) {
    return saved;
  }
  return {};
}

Result<> LogImpl::declare_what_was_found() {
  if (const auto declared = declare_gaps(); !declared && declared.error().code != Code::full) return declared;
  tell_gaps();  // what a cut has taken, too
  if (const auto done = commit(); !done && done.error().code != Code::full) return done;
  tell_gaps();
  return {};
}

Result<> LogImpl::read_identity() {
  const auto path = join_path(dir_, "identity");
  const auto bytes = read_file(files_, path, 4 * KiB);
  if (!bytes && bytes.error().code != Code::not_found) return std::unexpected(bytes.error());
  if (bytes) {
    const auto identity = decode_identity(*bytes);
    if (identity) {
      epoch_ = identity->epoch;
      return {};
    }
    if (identity.error().code != Code::damaged) return std::unexpected(identity.error());
    recovery_.told = "the file that names this log was damaged; ";
  }
  // A new folder; or the segments still know.
  do epoch_ = chance_.next();
  while (epoch_ == 0);
  for (const auto& entry : TRY(files_.list(journal_dir_))) {
    if (!parse_segment_name(entry.name)) continue;
    const auto file = TRY(files_.open(join_path(journal_dir_, entry.name), Files::Mode::read));
    Buffer page(page_bytes);
    page.resize(TRY(file->read(0, page)));
    if (const auto header = decode_segment_page(page)) {
      epoch_ = header->epoch;
      break;
    }
  }
  return replace_file(files_, path, encode_identity({epoch_}));
}

Result<> LogImpl::list_segments(Found& found) {
  for (const auto& entry : TRY(files_.list(journal_dir_))) {
    const auto path = join_path(journal_dir_, entry.name);
    if (const auto id = parse_free_name(entry.name)) pool_->found(*id);
    const auto name = parse_segment_name(entry.name);
    if (!name) continue;
    auto file = TRY(files_.open(path, Files::Mode::read));
    const auto size = TRY(file->size());
    Buffer page(page_bytes);
    page.resize(TRY(file->read(0, page)));
    const auto header = decode_segment_page(page);
    if (!header && header.error().code != Code::damaged) return fail(header.error().code, header.error().what, path);
    const bool named = header && header->first.number == name->number && header->first.position == name->position;
    if (!named || header->epoch != epoch_) {
      found.bad.push_back({*name, size});
      continue;
    }
    found.segments.push_back(std::make_shared<Segment>(path, std::move(file), *header, size));
  }
  for (std::size_t i = 0; i + 1 < found.segments.size(); ++i) {
    found.segments[i]->set_end(found.segments[i + 1]->header().first);
  }
  return {};
}

Result<> LogImpl::list_blocks(Found& found) {
  for (const auto& entry : TRY(files_.list(blocks_dir_))) {
    const auto path = join_path(blocks_dir_, entry.name);
    if (entry.name.ends_with(".new")) {
      TRY(files_.remove(path));
      continue;
    }
    const auto name = parse_block_name(entry.name);
    if (!name) continue;
    const auto file = TRY(files_.open(path, Files::Mode::read));
    auto& set = found.sets[name->first.value];
    set.first = name->first;
    set.end = std::max(set.end, name->end);
    set.files[static_cast<std::size_t>(name->cls)] = *name;
    set.file_bytes[static_cast<std::size_t>(name->cls)] = TRY(file->size());
    auto range = TRY(offsets_of(*file));
    if (!range) {  // an older program's, or damaged
      if (const auto block = store_->open(*name)) {
        const auto chunks = (*block)->chunks();
        range = OffsetRange{chunks.front().first_offset, {chunks.back().last_offset.value + 1}};
      }
    }
    if (range || files_.gave_up(path)) found.ranges[static_cast<std::size_t>(name->cls)][name->first.value] = range;
  }
  return {};
}

// Tidying goes from old to new and makes each segment's blocks durable before it goes on. So a segment older than the
// newest blocks is one that could not be freed; the one they were made of may lack some of them after a cut: it counts,
// and they do not.
Result<> LogImpl::drop_half_made_blocks(Found& found) {
  if (found.sets.empty()) return {};
  const auto newest = found.sets.rbegin()->second;
  while (!found.segments.empty() && found.segments.front()->header().first.position < newest.first) {
    const auto done = found.segments.front();
    found.segments.erase(found.segments.begin());
    TRY(pool_->give(done->path(), done->file_bytes()));
  }
  if (found.segments.empty() || found.segments.front()->header().first.position != newest.first) return {};
  for (const auto& name : newest.files) {
    if (name) TRY(files_.remove(join_path(blocks_dir_, block_name(*name))));
  }
  found.sets.erase(newest.first.value);
  return files_.sync_dir(blocks_dir_);
}

// Walks the newest segment, and the one before where the newest has nothing yet.
Result<> LogImpl::recover_tail(Found& found) {
  if (found.segments.empty()) return resume_after_blocks(found);
  while (!found.segments.empty()) {
    auto& segment = *found.segments.back();
    const bool newest = segment.end().number == segment.header().first.number;
    auto file = TRY(files_.open(segment.path(), Files::Mode::read));
    BatchWalk walk(
        *file, segment.header(), segment.file_bytes(),
        {.number = segment.header().first.number, .end_number = newest ? BatchWalk::no_end : segment.end().number});
    auto expected = segment.header().first;
    std::optional<Copied> last;
    while (TRY(walk.next())) {
      const auto& batch = walk.batch();
      if (batch.header.first.position > expected.position) found.holes.push_back({expected, batch.header.first});
      expected = batch.header.after();
      last = Copied{batch.header, Buffer(batch.body.begin(), batch.body.end())};
      found.copied_at = batch.at;
    }
    found.last = std::max(found.last, segment.header().made_at);
    found.end_at = walk.at();
    if (last) {
      static_cast<void>(for_each_record(last->header, last->body, [&](const RecordView& r) {
        found.last = std::max(found.last, r.appended_at);
        return true;
      }));
    }
    if (!newest) {
      // What followed is empty, so this one ends where that began, and was whole on disk before that was made.
      if (expected.position < segment.end().position) found.holes.push_back({expected, segment.end()});
      break;
    }
    recovery_.torn_bytes = TRY(walk.torn_bytes());
    found.resume = expected;
    if (files_.gave_up(segment.path())) {  // it is not known to end here: there may be batches in what cannot be read
      skip(found, segment.file_bytes(), expected);
      break;
    }
    if (last || found.segments.size() == 1) {
      found.copied = std::move(last);
      break;
    }
    TRY(pool_->give(segment.path(), segment.file_bytes()));
    found.segments.pop_back();
  }
  return {};
}

// No segment can be read, which no crash leaves behind. Blocks know positions and offsets; batch numbers begin anew.
Result<> LogImpl::resume_after_blocks(Found& found) {
  for (const auto& [first, set] : found.sets) {
    found.resume.position = std::max(found.resume.position, set.end);
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if (!set.files[c]) continue;
      const auto file = store_->open(*set.files[c]);
      if (!file) continue;
      const auto& last = (*file)->chunks().back();
      found.resume.offsets[c] = std::max(found.resume.offsets[c], last.last_offset.value + 1);
      found.last = std::max(found.last, last.last_append);
    }
  }
  return {};
}

// A newest segment without a header: nobody knows how far its numbers went, so as many as it can hold are left out.
void LogImpl::skip_lost_segments(Found& found) {
  for (const auto& bad : found.bad) {
    if (bad.name.number < found.resume.number) continue;
    Mark from = found.resume;
    from.number = bad.name.number;
    from.position = std::max(found.resume.position, bad.name.position);
    skip(found, bad.file_bytes, from);
  }
}

// Goes on with numbers that no record in a file of that size can have had.
void LogImpl::skip(Found& found, std::uint64_t file_bytes, const Mark& from) {
  const auto records = file_bytes / record_bytes_min;
  auto to = from;
  to.number += file_bytes / batch_header_bytes;
  to.position = from.position + records;
  for (auto& offset : to.offsets) offset += records;
  found.holes.push_back({found.resume, to});
  found.resume = to;
  found.copied.reset();
}

// On a full disk the newest segment is written on. Its newest batch is written again over itself: whatever the disk
// holds of it, these are the same bytes, and now they can be synced.
Result<std::shared_ptr<Segment>> LogImpl::go_on_in_place(Found& found, const Error& full) {
  if (found.segments.empty() || !found.bad.empty()) return std::unexpected(full);
  const auto old = found.segments.back();
  if (files_.gave_up(old->path())) return std::unexpected(full);
  // A new segment that has its name already is the newest, whatever did not fit after that.
  const auto fresh = join_path(journal_dir_, segment_name(found.copied ? found.copied->header.first : found.resume));
  if (fresh != old->path() && TRY(files_.exists(fresh))) return std::unexpected(full);
  auto file = TRY(files_.open(old->path(), Files::Mode::write));
  Buffer page(page_bytes);
  page.resize(TRY(file->read(0, page)));
  const auto header = decode_segment_page(page);
  // A new segment may have taken the name before the disk was full.
  if (!header || header->salt != old->header().salt) return std::unexpected(full);
  if (found.copied) {
    Buffer bytes(batch_header_bytes);
    encode_batch_header(bytes, found.copied->header, old->header().epoch, old->header().salt);
    append_bytes(bytes, found.copied->body);
    TRY(file->write(found.copied_at, bytes));
    INVARIANT(found.copied_at + bytes.size() == found.end_at);
  }
  TRY(file->sync());
  auto segment = std::make_shared<Segment>(old->path(), std::move(file), old->header(), old->file_bytes());
  segment->go_on(found.resume, found.end_at);
  return segment;
}

Result<> LogImpl::begin_writing(Found& found) {
  // Written again under a new name: after a failed sync nobody knows whether the newest batch is on disk, although it
  // can be read. The old file keeps it until the new one is there.
  const auto* copied = found.copied ? &*found.copied : nullptr;
  const auto first = copied != nullptr ? copied->header.first : found.resume;
  const auto bytes = copied != nullptr ? batch_header_bytes + copied->body.size() : 0;
  auto fresh = new_segment(first, copied, bytes);
  if (fresh) {
    active_ = std::move(*fresh);
  } else {
    if (fresh.error().code != Code::full) return std::unexpected(fresh.error());
    active_ = TRY(go_on_in_place(found, fresh.error()));
  }
  for (const auto& bad : found.bad) {
    const auto path = join_path(journal_dir_, segment_name({bad.name.number, bad.name.position, {}}));
    TRY(files_.rename(path, path + ".damaged"));
  }
  if (!found.segments.empty()) {
    const auto& last = found.segments.back();
    if (last->path() == active_->path()) {
      found.segments.pop_back();  // it has been replaced
    } else {
      last->set_end(first);
    }
  }
  Catalogue all;
  for (const auto& [position, set] : found.sets)
    all.push_back({set.first, nullptr, std::make_shared<const BlockSet>(set)});
  for (const auto& segment : found.segments) all.push_back({segment->header().first.position, segment, nullptr});
  all.push_back({active_->header().first.position, active_, nullptr});
  std::ranges::stable_sort(all, {}, &Stretch::first);
  const auto next = active_->end();
  const std::scoped_lock lock(mutex_);
  steady_.emplace(clock_, found.last);
  tail_ = Tail(next);
  committed_end_.store(next.position.value, std::memory_order_release);
  catalogue_ = std::make_shared<const Catalogue>(std::move(all));
  return {};
}

// Every offset that was given out is in a file or in a declared gap. What is in neither was in files whose names are
// lost, whatever else the disk has forgotten about them.
void LogImpl::find_missing(Found& found) const {
  for (std::size_t c = 0; c < record::class_count; ++c) {
    Mark expected;
    bool known = true;  // false: behind a file that the disk does not give now; reading it will tell
    const auto expect = [&](Position position, Offset offset) {
      auto missing = Hole{expected, expected};
      missing.to.position = position;
      missing.to.offsets[c] = offset.value;
      const Offset from{expected.offsets[c]};
      if (!known || from >= offset || gaps_->covers(static_cast<Class>(c), from, offset)) return;
      const bool told = std::ranges::any_of(found.holes, [&](const Hole& hole) {
        return hole.from.offsets[c] <= from.value && hole.to.offsets[c] >= offset.value;
      });
      if (!told) found.holes.push_back(missing);
    };
    for (const auto& [first, range] : found.ranges[c]) {
      const auto set = found.sets.find(first);
      // Half made, or trimmed: what it held is in the segment, or declared.
      if (set == found.sets.end() || !set->second.files[c]) continue;
      if (range) {
        expect({first}, range->from);
        expected.position = set->second.end;
        expected.offsets[c] = std::max(expected.offsets[c], range->to.value);
      }
      known = range.has_value();
    }
    const auto& next = (found.segments.empty() ? active_ : found.segments.front())->header().first;
    expect(next.position, {next.offsets[c]});
  }
}

void LogImpl::tell(const Found& found) {
  for (const auto& hole : found.holes) recovery_.damaged_records += std::max<std::uint64_t>(hole.records(), 1);
  recovery_.told += "the log goes on at position " + std::to_string(active_->end().position.value);
  if (recovery_.torn_bytes > 0) {
    recovery_.told +=
        "; " + std::to_string(recovery_.torn_bytes) + " bytes of a batch that was never acknowledged were cut";
  }
  if (recovery_.damaged_records > 0) {
    recovery_.told += "; " + std::to_string(recovery_.damaged_records) + " stored records are damaged";
  }
  logger::info("log", recovery_.told, {{"torn_bytes", recovery_.torn_bytes}, {"damaged", recovery_.damaged_records}});
}

}  // namespace skerry::log
