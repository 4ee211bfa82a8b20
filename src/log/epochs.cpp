// The file of epochs.
#include "log/epochs.hpp"

#include "base/logger.hpp"
#include "codec/block.hpp"

namespace skerry::log {
namespace {

constexpr std::uint64_t file_version = 1;
constexpr std::uint64_t file_bytes_max = 1 * MiB;

std::optional<std::pair<std::vector<Epoch>, std::uint64_t>> decode(Bytes raw) {
  Reader reader(raw);
  if (reader.varint() != file_version) return {};
  const auto place = reader.le<std::uint64_t>();
  std::vector<Epoch> epochs;
  for (auto left = reader.varint(); left > 0 && reader.ok(); --left) {
    auto& e = epochs.emplace_back();
    e.id = reader.le<std::uint64_t>();
    e.from = {reader.varint()};
    for (auto& offset : e.offsets) offset = {reader.varint()};
    e.at = Wall{std::chrono::microseconds{unzigzag(reader.varint())}};
    e.why = as_text(reader.counted());
  }
  if (!reader.ok() || epochs.empty()) return {};
  return std::pair{std::move(epochs), place};
}

}  // namespace

Result<> replace_at_any_rate(Files& files, std::string_view path, Bytes bytes, std::string_view ballast) {
  auto done = replace_file(files, path, bytes);
  if (done || done.error().code != Code::full) return done;
  if (!files.remove(ballast)) return done;
  return replace_file(files, path, bytes);
}

Result<std::optional<std::string>> Epochs::load(std::uint64_t origin, std::uint64_t place) {
  const auto bytes = read_file(files_, path_, file_bytes_max);
  if (!bytes && bytes.error().code != Code::not_found) return std::unexpected(bytes.error());
  const std::scoped_lock lock(mutex_);
  std::optional<std::string> why;
  if (!bytes) {  // new, or of a program that had no epochs but the first
    epochs_ = {{.id = origin}};
  } else {
    const auto raw = codec::unpack_block(*bytes, file_bytes_max);
    auto found = raw ? decode(*raw) : std::nullopt;
    if (!found) {
      epochs_ = {{.id = origin}};
      why = "the file of epochs was damaged";
    } else {
      epochs_ = std::move(found->first);
      if (found->second != 0 && place != 0 && found->second != place) {
        why = "the folder was restored from a copy, or copied: its files lie in another place than before";
      }
    }
  }
  place_ = place;
  now_.store(epochs_.back().id, std::memory_order_release);
  return why;
}

Result<> Epochs::begin(std::uint64_t id, const Mark& from, Wall at, std::string_view why) {
  {
    const std::scoped_lock lock(mutex_);
    Epoch epoch{.id = id, .from = from.position, .at = at, .why = std::string(why)};
    for (std::size_t c = 0; c < record::class_count; ++c) epoch.offsets[c] = {from.offsets[c]};
    epochs_.push_back(std::move(epoch));
  }
  if (const auto saved = save(); !saved) {
    const std::scoped_lock lock(mutex_);
    epochs_.pop_back();
    return saved;
  }
  now_.store(id, std::memory_order_release);
  logger::warn("log", "a new epoch begins: records have new names from here on",
               {{"why", why}, {"position", from.position.value}});
  return {};
}

Result<> Epochs::save() const {
  Buffer raw;
  {
    const std::scoped_lock lock(mutex_);
    append_varint(raw, file_version);
    append_le(raw, place_);
    append_varint(raw, epochs_.size());
    for (const auto& e : epochs_) {
      append_le(raw, e.id);
      append_varint(raw, e.from.value);
      for (const auto offset : e.offsets) append_varint(raw, offset.value);
      append_varint(raw, zigzag(e.at.time_since_epoch().count()));
      append_counted(raw, as_bytes(e.why));
    }
  }
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  return replace_at_any_rate(files_, path_, packed, ballast_);
}

std::vector<Epoch> Epochs::all() const {
  const std::scoped_lock lock(mutex_);
  return epochs_;
}

bool Epochs::fits(std::uint64_t id, Position position) const {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = epochs_.size(); i-- > 0;) {
    if (epochs_[i].id != id) continue;
    return position >= epochs_[i].from && (i + 1 == epochs_.size() || position <= epochs_[i + 1].from);
  }
  return false;
}

}  // namespace skerry::log
