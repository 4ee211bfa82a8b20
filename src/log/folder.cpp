// Listing a log's folder without touching it.
#include "log/folder.hpp"

#include <algorithm>

namespace skerry::log {

Result<Folder> Folder::read(Files& files, std::string_view dir) {
  Folder folder;
  const auto bytes = TRY(read_file(files, join_path(dir, "identity"), 4 * KiB));
  folder.epoch = TRY(decode_identity(bytes)).epoch;
  const auto journal = join_path(dir, "journal");
  for (const auto& entry : TRY(files.list(journal))) {
    if (parse_free_name(entry.name)) ++folder.free_segments;
    if (!parse_segment_name(entry.name)) continue;
    SegmentFile segment{.path = join_path(journal, entry.name)};
    const auto file = TRY(files.open(segment.path, Files::Mode::read));
    segment.file_bytes = TRY(file->size());
    Buffer page(page_bytes);
    page.resize(TRY(file->read(0, page)));
    const auto header = decode_segment_page(page);
    if (header && header->epoch == folder.epoch)
      segment.header = *header;
    else
      segment.wrong = header ? "it belongs to another log" : header.error().what;
    folder.segments.push_back(std::move(segment));
  }
  const auto blocks = join_path(dir, "blocks");
  for (const auto& entry : TRY(files.list(blocks))) {
    const auto name = parse_block_name(entry.name);
    if (!name) {
      ++folder.half_made;
      continue;
    }
    const auto path = join_path(blocks, entry.name);
    const auto file = TRY(files.open(path, Files::Mode::read));
    folder.blocks.push_back({*name, path, TRY(file->size())});
  }
  std::ranges::sort(folder.blocks, [](const BlockEntry& a, const BlockEntry& b) {
    return a.name.first != b.name.first ? a.name.first < b.name.first : a.name.cls < b.name.cls;
  });
  if (folder.blocks.empty()) return folder;
  // As open() sees it: older than the newest blocks means not freed yet; as old means that those are half made.
  const auto newest = folder.blocks.back().name.first;
  std::erase_if(folder.segments, [&](const SegmentFile& s) { return s.header && s.header->first.position < newest; });
  const bool still_there = std::ranges::any_of(
      folder.segments, [&](const SegmentFile& s) { return s.header && s.header->first.position == newest; });
  if (still_there) {
    folder.half_made += std::erase_if(folder.blocks, [&](const BlockEntry& b) { return b.name.first == newest; });
  }
  return folder;
}

std::uint64_t Folder::end_number(std::size_t segment) const {
  for (auto next = segment + 1; next < segments.size(); ++next) {
    if (segments[next].header) return segments[next].header->first.number;
  }
  return BatchWalk::no_end;
}

}  // namespace skerry::log
