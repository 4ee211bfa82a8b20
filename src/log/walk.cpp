// The walk over a segment's batches.
#include "log/walk.hpp"

#include <algorithm>

namespace skerry::log {

// Bytes [at, at + bytes), fewer at the end of the file. Owners of an earlier window keep it.
Result<Bytes> BatchWalk::view(std::uint64_t at, std::uint64_t bytes) {
  bytes = at >= file_bytes_ ? 0 : std::min(bytes, file_bytes_ - at);
  const bool there = window_ && at >= window_at_ && at + bytes <= window_at_ + window_->size();
  if (!there) {
    const auto want = std::min(std::max(bytes, range_.window_bytes), at >= file_bytes_ ? 0 : file_bytes_ - at);
    if (!window_ || window_.use_count() > 1) window_ = std::make_shared<Buffer>();
    window_->resize(want);
    window_at_ = at;
    window_->resize(TRY(file_.read(at, *window_)));
    bytes = std::min<std::uint64_t>(bytes, window_->size());
  }
  return Bytes(*window_).subspan(at - window_at_, bytes);
}

Result<std::optional<Batch>> BatchWalk::try_at(std::uint64_t at) {
  const auto head = TRY(view(at, batch_header_bytes));
  const auto header = decode_batch_header(head, header_.epoch, header_.salt);
  if (!header || header->first.number < number_ || header->first.number >= range_.end_number) return std::nullopt;
  const auto whole = TRY(view(at, batch_header_bytes + header->body_bytes));
  if (whole.size() != batch_header_bytes + header->body_bytes) return std::nullopt;
  const auto body = whole.subspan(batch_header_bytes);
  if (salted_crc(body, header_.salt) != header->body_crc) return std::nullopt;
  return Batch{*header, body, at, at + whole.size()};
}

Result<std::optional<Batch>> BatchWalk::search(std::uint64_t from) {
  auto at = align_up(from, batch_align);
  while (at + batch_header_bytes <= file_bytes_) {
    const auto seen = TRY(view(at, range_.window_bytes));
    std::uint64_t i = 0;
    while (i + batch_align <= seen.size() && !looks_like_batch(seen.data() + i)) i += batch_align;
    if (i + batch_align <= seen.size()) {
      if (const auto found = TRY(try_at(at + i))) return found;  // may move the window
      i += batch_align;
    }
    if (i == 0) break;  // the file is shorter than it was
    at += i;
  }
  return std::nullopt;
}

void BatchWalk::accept(const Batch& batch) {
  batch_ = batch;
  at_ = batch.end;
  number_ = batch.header.first.number + 1;
}

Result<bool> BatchWalk::next() {
  if (number_ >= range_.end_number) return false;
  const auto close = align_up(at_, batch_align);
  const auto paged = align_up(at_, page_bytes);
  for (const auto at : {close, paged}) {
    if (const auto found = TRY(try_at(at)); found && found->header.first.number == number_) {
      accept(*found);
      return true;
    }
    if (close == paged) break;
  }
  if (const auto found = TRY(search(at_))) {
    accept(*found);
    return true;
  }
  return false;
}

Result<std::uint64_t> BatchWalk::torn_bytes() {
  for (const auto at : {align_up(at_, batch_align), align_up(at_, page_bytes)}) {
    const auto head = TRY(view(at, batch_header_bytes));
    const auto header = decode_batch_header(head, header_.epoch, header_.salt);
    if (header && header->first.number == number_) return batch_header_bytes + header->body_bytes;
  }
  return 0;
}

}  // namespace skerry::log
