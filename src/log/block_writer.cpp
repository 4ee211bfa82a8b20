// Writing block files.
#include <algorithm>

#include "base/crc32c.hpp"
#include "codec/block.hpp"
#include "log/block_file.hpp"
#include "log/block_layout.hpp"

namespace skerry::log {

BlockWriter::BlockWriter(std::string path, std::unique_ptr<File> file, std::uint64_t epoch, Class cls)
    : path_(std::move(path)), file_(std::move(file)), epoch_(epoch), cls_(cls), at_(block::header_bytes) {}

Result<std::unique_ptr<BlockWriter>> BlockWriter::create(Files& files, std::string path, std::uint64_t epoch,
                                                         Class cls) {
  auto file = TRY(files.open(path, Files::Mode::create));
  return std::unique_ptr<BlockWriter>(new BlockWriter(std::move(path), std::move(file), epoch, cls));
}

Result<> BlockWriter::add(const RecordView& r) {
  const auto event = columns_.add(r);
  if (open_.count == 0) {
    open_ = {.at = at_,
             .first = r.position,
             .last = {},
             .first_offset = r.offset,
             .last_offset = {},
             .first_append = r.appended_at,
             .last_append = {},
             .earliest = event,
             .latest = event};
  }
  ++open_.count;
  open_.last = r.position;
  open_.last_offset = r.offset;
  open_.last_append = r.appended_at;
  open_.earliest = std::min(open_.earliest, event);
  open_.latest = std::max(open_.latest, event);

  if (const auto name = record::device_of(r.topic); !name.empty()) {
    auto found = devices_.find(name);
    if (found == devices_.end()) found = devices_.emplace(std::string(name), Device{event, event, {}}).first;
    auto& device = found->second;
    device.earliest = std::min(device.earliest, event);
    device.latest = std::max(device.latest, event);
    const auto chunk = static_cast<std::uint32_t>(chunks_.size());
    if (device.chunks.empty() || device.chunks.back() != chunk) device.chunks.push_back(chunk);
  }
  return columns_.bytes() >= chunk_raw_bytes ? flush() : Result<>{};
}

Result<> BlockWriter::flush() {
  if (open_.count == 0) return {};
  Buffer raw;
  columns_.finish(raw);
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  TRY(file_->write(at_, packed));
  open_.raw_bytes = static_cast<std::uint32_t>(raw.size());
  open_.packed_bytes = static_cast<std::uint32_t>(packed.size());
  at_ += packed.size();
  chunks_.push_back(open_);
  open_ = {};
  return {};
}

Buffer BlockWriter::index() const {
  Buffer raw;
  append_varint(raw, chunks_.size());
  ChunkEntry before;
  for (const auto& c : chunks_) {
    append_varint(raw, c.packed_bytes);
    append_varint(raw, c.raw_bytes);
    append_varint(raw, c.count);
    append_varint(raw, c.first - before.last);
    append_varint(raw, c.last - c.first);
    append_varint(raw, c.first_offset.value - before.last_offset.value);
    append_varint(raw, c.last_offset.value - c.first_offset.value);
    append_varint(raw, zigzag((c.first_append - before.last_append).count()));
    append_varint(raw, zigzag((c.last_append - c.first_append).count()));
    append_varint(raw, zigzag((c.earliest - before.earliest).count()));
    append_varint(raw, static_cast<std::uint64_t>((c.latest - c.earliest).count()));
    before = c;
  }
  append_varint(raw, devices_.size());
  for (const auto& [name, device] : devices_) {
    append_counted(raw, as_bytes(name));
    append_varint(raw, zigzag(device.earliest.time_since_epoch().count()));
    append_varint(raw, static_cast<std::uint64_t>((device.latest - device.earliest).count()));
    append_varint(raw, device.chunks.size());
    std::uint32_t last = 0;
    for (const auto chunk : device.chunks) {
      append_varint(raw, chunk - last);
      last = chunk;
    }
  }
  return raw;
}

Result<BlockName> BlockWriter::finish(Position first, Position end) {
  TRY(flush());
  INVARIANT(!chunks_.empty());
  Buffer packed;
  TRY(codec::pack_block(packed, index()));
  Buffer trailer(block::trailer_bytes);
  store_le<std::uint64_t>(trailer.data(), at_);
  store_le<std::uint32_t>(trailer.data() + 8, static_cast<std::uint32_t>(packed.size()));
  store_le<std::uint32_t>(trailer.data() + 12, block::trailer_magic);
  store_le<std::uint32_t>(trailer.data() + 16, crc32c(Bytes(trailer).first(16)));
  append_bytes(packed, trailer);
  TRY(file_->write(at_, packed));
  at_ += packed.size();

  Buffer head(block::header_bytes);
  store_le<std::uint32_t>(head.data(), block::header_magic);
  store_le<std::uint16_t>(head.data() + 8, block::format_version);
  store_le<std::uint8_t>(head.data() + 10, static_cast<std::uint8_t>(cls_));
  store_le<std::uint32_t>(head.data() + 12, block::header_bytes);
  store_le<std::uint64_t>(head.data() + 16, epoch_);
  store_le<std::uint64_t>(head.data() + 24, first.value);
  store_le<std::uint64_t>(head.data() + 32, end.value);
  store_le<std::uint64_t>(head.data() + block::offsets_at, chunks_.front().first_offset.value);
  store_le<std::uint64_t>(head.data() + block::offsets_at + 8, chunks_.back().last_offset.value + 1);
  store_le<std::uint32_t>(head.data() + 4, crc32c(Bytes(head).subspan(8)));
  TRY(file_->write(0, head));
  TRY(file_->sync());
  BlockName name{first, end, chunks_.front().earliest, chunks_.front().latest, cls_};
  for (const auto& c : chunks_) {
    name.earliest = std::min(name.earliest, c.earliest);
    name.latest = std::max(name.latest, c.latest);
  }
  return name;
}

}  // namespace skerry::log
