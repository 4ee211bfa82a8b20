// The file of shapes, and rows made readable.
#include "log/shapes.hpp"

#include <algorithm>

#include "base/crc32c.hpp"
#include "base/logger.hpp"
#include "codec/block.hpp"
#include "log/limits.hpp"

namespace skerry::log {
namespace {

constexpr std::size_t id_bytes = 4;

}  // namespace

Shapes::Shapes(Files& files, std::string path, metrics::Registry* metrics) : files_(files), path_(std::move(path)) {
  if (metrics != nullptr)
    unreadable_ = &metrics->counter("skerry_log_rows_unreadable_total",
                                    "Stored rows given as null because their shape is not known any more.");
}

std::shared_ptr<const Shapes::All> Shapes::all() const {
  const std::scoped_lock lock(mutex_);
  return all_;
}

void Shapes::load() {
  const auto bytes = read_file(files_, path_, shapes_bytes_max);
  if (!bytes) return;
  const auto raw = codec::unpack_block(*bytes, shapes_bytes_max);
  auto found = std::make_shared<All>();
  Reader reader(raw ? Bytes(*raw) : Bytes());
  while (raw && reader.ok() && !reader.rest().empty()) {
    const auto one = reader.counted();
    auto shape = codec::decode_shape(one);
    if (shape) found->emplace(crc32c(one), Known{Buffer(one.begin(), one.end()), std::move(*shape)});
  }
  if (!raw || !reader.ok())
    logger::warn("log", "the file of shapes is damaged: older rows are null until their pipeline starts again",
                 {{"path", path_}});
  const std::scoped_lock lock(mutex_);
  all_ = std::move(found);
}

Result<std::uint32_t> Shapes::add(Bytes shape) {
  const auto id = crc32c(shape);
  const auto before = all();
  if (const auto known = before->find(id); known != before->end()) {
    if (std::ranges::equal(known->second.bytes, shape)) return id;
    return fail(Code::exists, "two shapes of rows have the same checksum");
  }
  auto next = std::make_shared<All>(*before);
  next->emplace(id, Known{Buffer(shape.begin(), shape.end()), TRY(codec::decode_shape(shape))});
  Buffer raw;
  for (const auto& [key, known] : *next) append_counted(raw, known.bytes);
  if (raw.size() > shapes_bytes_max / 2) return fail(Code::full, "too many shapes of rows", path_);
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  TRY(replace_file(files_, path_, packed));
  const std::scoped_lock lock(mutex_);
  all_ = std::move(next);
  return id;
}

void Shapes::append_json(std::string& to, Bytes payload) const {
  const auto known = all();
  const auto found = payload.size() < id_bytes ? known->end() : known->find(load_le<std::uint32_t>(payload.data()));
  const auto before = to.size();
  to += '{';
  if (found != known->end() && codec::append_row_fields(to, found->second.shape, payload.subspan(id_bytes))) {
    to += '}';
    return;
  }
  to.resize(before);
  to += "null";
  if (unreadable_ != nullptr) unreadable_->add();
}

Chunk Shapes::finish(Chunk chunk, Rows rows) const {
  if (std::ranges::none_of(chunk.records(), &RecordView::row)) return chunk;
  struct Owner {
    std::shared_ptr<const void> bytes;
    std::string json;
  };
  auto owner = std::make_shared<Owner>();
  owner->bytes = chunk.owner();
  const auto next = chunk.next();
  auto records = std::move(chunk).take_records();
  if (rows == Rows::left_out) {
    std::erase_if(records, &RecordView::row);
    return Chunk(std::move(owner), std::move(records), next);
  }
  std::vector<std::size_t> ends;
  for (const auto& r : records) {
    if (!r.row) continue;
    append_json(owner->json, r.payload);
    ends.push_back(owner->json.size());
  }
  std::size_t at = 0;
  std::size_t nth = 0;
  for (auto& r : records) {
    if (!r.row) continue;
    r.payload = as_bytes(std::string_view(owner->json).substr(at, ends[nth] - at));
    r.row = false;
    at = ends[nth++];
  }
  return Chunk(std::move(owner), std::move(records), next);
}

}  // namespace skerry::log
