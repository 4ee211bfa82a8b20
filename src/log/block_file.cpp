// Reading block files.
#include "log/block_file.hpp"

#include <algorithm>

#include "base/crc32c.hpp"
#include "codec/block.hpp"
#include "codec/json.hpp"
#include "log/block_layout.hpp"

namespace skerry::log {
namespace {

std::unexpected<Error> damaged(std::string what, const std::string& path) {
  return fail(Code::damaged, std::move(what), path);
}

Result<Buffer> read_exactly(File& file, std::uint64_t at, std::uint64_t bytes, const std::string& path) {
  Buffer buffer(bytes);
  if (TRY(file.read(at, buffer)) != bytes) return damaged("the block file ends too early", path);
  return buffer;
}

}  // namespace

Result<std::optional<OffsetRange>> offsets_of(File& file) {
  Buffer head(block::header_bytes);
  const auto got = TRY(file.read(0, head));
  if (got != head.size() || load_le<std::uint32_t>(head.data()) != block::header_magic ||
      load_le<std::uint32_t>(head.data() + 4) != crc32c(Bytes(head).subspan(8))) {
    return std::nullopt;
  }
  const OffsetRange range{{load_le<std::uint64_t>(head.data() + block::offsets_at)},
                          {load_le<std::uint64_t>(head.data() + block::offsets_at + 8)}};
  if (range.to <= range.from) return std::nullopt;
  return range;
}

Result<std::shared_ptr<BlockFile>> BlockFile::open(Files& files, std::string_view path, std::uint64_t epoch) {
  auto block = std::shared_ptr<BlockFile>(new BlockFile());
  block->path_ = path;
  block->file_ = TRY(files.open(path, Files::Mode::read));
  const auto size = TRY(block->file_->size());
  if (size < block::header_bytes + block::trailer_bytes) return damaged("the block file is too short", block->path_);
  const auto head = TRY(read_exactly(*block->file_, 0, block::header_bytes, block->path_));
  if (load_le<std::uint32_t>(head.data()) != block::header_magic ||
      load_le<std::uint32_t>(head.data() + 4) != crc32c(Bytes(head).subspan(8))) {
    return damaged("the block file has no whole header", block->path_);
  }
  block->version_ = load_le<std::uint16_t>(head.data() + 8);
  if (block->version_ > block::format_version) {
    return fail(Code::unsupported, "a block file of a newer format: use the newer program", block->path_);
  }
  if (load_le<std::uint64_t>(head.data() + 16) != epoch)
    return damaged("the block file is of another log", block->path_);
  const auto trailer =
      TRY(read_exactly(*block->file_, size - block::trailer_bytes, block::trailer_bytes, block->path_));
  const auto index_at = load_le<std::uint64_t>(trailer.data());
  const std::uint64_t index_bytes = load_le<std::uint32_t>(trailer.data() + 8);
  if (load_le<std::uint32_t>(trailer.data() + 12) != block::trailer_magic ||
      load_le<std::uint32_t>(trailer.data() + 16) != crc32c(Bytes(trailer).first(16)) ||
      index_at > size - block::trailer_bytes || index_at + index_bytes != size - block::trailer_bytes) {
    return damaged("the block file has no whole end", block->path_);
  }
  const auto packed = TRY(read_exactly(*block->file_, index_at, index_bytes, block->path_));
  block->index_ = TRY(codec::unpack_block(packed, footer_raw_bytes_max));
  TRY(block->decode_index());
  return block;
}

Result<> BlockFile::decode_index() {
  Reader reader(index_);
  const auto count = reader.varint();
  ChunkEntry before;
  std::uint64_t at = block::header_bytes;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    ChunkEntry c;
    c.at = at;
    c.packed_bytes = static_cast<std::uint32_t>(reader.varint());
    c.raw_bytes = static_cast<std::uint32_t>(reader.varint());
    c.count = static_cast<std::uint32_t>(reader.varint());
    c.first = before.last + reader.varint();
    c.last = c.first + reader.varint();
    c.first_offset = {before.last_offset.value + reader.varint()};
    c.last_offset = {c.first_offset.value + reader.varint()};
    c.first_append = before.last_append + std::chrono::microseconds{unzigzag(reader.varint())};
    c.last_append = c.first_append + std::chrono::microseconds{unzigzag(reader.varint())};
    c.earliest = before.earliest + std::chrono::milliseconds{unzigzag(reader.varint())};
    c.latest = c.earliest + std::chrono::milliseconds{static_cast<std::int64_t>(reader.varint())};
    at += c.packed_bytes;
    chunks_.push_back(c);
    before = c;
  }
  devices_at_ = index_.size() - reader.rest().size();
  if (!reader.ok() || chunks_.empty()) return damaged("the block file's index cannot be read", path_);
  return {};
}

std::vector<std::uint32_t> BlockFile::chunks_of(std::string_view device, EventTime from, EventTime to) const {
  std::vector<std::uint32_t> got;
  const auto take = [&](std::uint64_t chunk) {
    if (chunk >= chunks_.size()) return;
    const auto& c = chunks_[chunk];
    if (c.latest >= from && c.earliest < to) got.push_back(static_cast<std::uint32_t>(chunk));
  };
  if (device.empty()) {
    for (std::size_t i = 0; i < chunks_.size(); ++i) take(i);
    return got;
  }
  Reader reader(Bytes(index_).subspan(devices_at_));
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) {
    const auto name = as_text(reader.counted());
    const EventTime earliest{std::chrono::milliseconds{unzigzag(reader.varint())}};
    const auto latest = earliest + std::chrono::milliseconds{static_cast<std::int64_t>(reader.varint())};
    const bool wanted = name == device && latest >= from && earliest < to;
    std::uint64_t chunk = 0;
    for (auto chunks = reader.varint(); chunks > 0 && reader.ok(); --chunks) {
      chunk += reader.varint();
      if (wanted) take(chunk);
    }
    if (name >= device) break;  // names are in order
  }
  return got;
}

Result<Chunk> BlockFile::read(std::size_t chunk) const {
  if (chunk >= chunks_.size()) return fail(Code::not_found, "no such chunk", path_);
  const auto& entry = chunks_[chunk];
  const auto packed = TRY(read_exactly(*file_, entry.at, entry.packed_bytes, path_));
  auto owned = std::make_shared<ChunkBytes>();
  owned->raw = TRY(codec::unpack_block(packed, chunk_raw_bytes_max));
  auto records = unpack_chunk(*owned, version_, chunk_raw_bytes_max);
  if (!records) return fail(records.error().code, records.error().what, path_);
  if (records->size() != entry.count || records->empty() || records->back().position != entry.last)
    return damaged("a chunk is not what the index says", path_);
  return Chunk(std::move(owned), std::move(*records), entry.last + 1);
}

Result<> BlockFile::verify(const std::function<void(std::string)>& wrong) const {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    const auto chunk = read(i);
    if (!chunk) {
      wrong(chunk.error().text());
      continue;
    }
    const auto& entry = chunks_[i];
    const auto records = chunk->records();
    if (records.front().position != entry.first || records.front().offset != entry.first_offset ||
        records.back().offset != entry.last_offset) {
      wrong(path_ + ": chunk " + std::to_string(i) + " holds other records than the index says");
    }
    for (std::size_t k = 0; k < records.size(); ++k) {
      const auto& r = records[k];
      if (k > 0 && (records[k - 1].position >= r.position || records[k - 1].offset >= r.offset)) {
        wrong(path_ + ": chunk " + std::to_string(i) + " is out of order at position " +
              std::to_string(r.position.value));
      }
      const auto event = event_time(r);
      if (event < entry.earliest || event > entry.latest) {
        wrong(path_ + ": the index misses the time of position " + std::to_string(r.position.value));
      }
      const auto device = record::device_of(r.topic);
      if (device.empty()) continue;
      const auto indexed = chunks_of(device, event, event + std::chrono::milliseconds{1});
      if (std::ranges::find(indexed, i) == indexed.end()) {
        wrong(path_ + ": the index misses device " + std::string(device) + " at position " +
              std::to_string(r.position.value));
      }
    }
  }
  return {};
}

Result<std::shared_ptr<BlockFile>> BlockStore::open(const BlockName& name) const {
  const auto text = block_name(name);
  {
    const std::scoped_lock lock(mutex_);
    const auto found = std::ranges::find(open_, text, &std::pair<std::string, std::shared_ptr<BlockFile>>::first);
    if (found != open_.end()) {
      open_.splice(open_.begin(), open_, found);
      return open_.front().second;
    }
  }
  auto block = TRY(BlockFile::open(files_, join_path(dir_, text), epoch_));
  const std::scoped_lock lock(mutex_);
  open_.emplace_front(text, block);
  if (open_.size() > block_files_cached) open_.pop_back();
  return block;
}

Result<Chunk> BlockStore::read(const BlockName& name, std::size_t chunk) const {
  const auto text = block_name(name);
  {
    const std::scoped_lock lock(mutex_);
    const auto found =
        std::ranges::find_if(unpacked_, [&](const Unpacked& u) { return u.chunk == chunk && u.name == text; });
    if (found != unpacked_.end()) {
      unpacked_.splice(unpacked_.begin(), unpacked_, found);
      return unpacked_.front().records;
    }
  }
  const auto block = TRY(open(name));
  auto records = TRY(block->read(chunk));
  const std::scoped_lock lock(mutex_);
  unpacked_.push_front({text, chunk, records});
  if (unpacked_.size() > chunks_cached) unpacked_.pop_back();
  return records;
}

void BlockStore::forget(const BlockName& name) {
  const auto text = block_name(name);
  const std::scoped_lock lock(mutex_);
  std::erase_if(open_, [&](const auto& each) { return each.first == text; });
  std::erase_if(unpacked_, [&](const Unpacked& each) { return each.name == text; });
}

}  // namespace skerry::log
