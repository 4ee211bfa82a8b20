// Checkpoint files. docs/format/checkpoint.md
#include "log/checkpoint.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "codec/block.hpp"
#include "log/limits.hpp"

namespace skerry::log {
namespace {

constexpr std::uint32_t magic = 0x43504b53;       // "SKPC": of what the first block holds
constexpr std::uint32_t file_magic = 0x32504b53;  // "SKP2": of a file of several blocks
constexpr std::uint16_t format = 2;
constexpr std::size_t header_bytes = 32;
constexpr std::uint64_t state_bytes_max = 256 * MiB - header_bytes;

// Writes a file of packed blocks, each behind its length.
class BlocksOut {
 public:
  explicit BlocksOut(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<> begin() {
    Buffer head;
    append_le(head, file_magic);
    return put(head);
  }
  Result<> add(Bytes bytes) {
    while (!bytes.empty()) {
      const auto some = bytes.first(std::min<std::size_t>(bytes.size(), checkpoint_block_bytes - raw_.size()));
      append_bytes(raw_, some);
      bytes = bytes.subspan(some.size());
      if (raw_.size() == checkpoint_block_bytes) TRY(flush());
    }
    return {};
  }
  Result<> finish() {
    TRY(flush());
    return file_->sync();  // sync first: a rename may outlive its data
  }

 private:
  Result<> flush() {
    if (raw_.empty()) return {};
    Buffer packed(4);
    TRY(codec::pack_block(packed, raw_));
    store_le(packed.data(), static_cast<std::uint32_t>(packed.size() - 4));
    raw_.clear();
    return put(packed);
  }
  Result<> put(Bytes bytes) {
    TRY(file_->write(at_, bytes));
    at_ += bytes.size();
    return {};
  }
  std::unique_ptr<File> file_;
  std::uint64_t at_ = 0;
  Buffer raw_;
};

// All blocks' bytes; a file of format 1 is one block.
Result<Buffer> unpack(Bytes file) {
  if (file.size() < 4 || load_le<std::uint32_t>(file.data()) != file_magic)
    return codec::unpack_block(file, state_bytes_max + header_bytes);
  Reader from(file.subspan(4));
  Buffer raw;
  while (from.ok() && !from.rest().empty()) {
    const auto block = from.take(from.le<std::uint32_t>());
    if (!from.ok()) break;
    append_bytes(raw, TRY(codec::unpack_block(block, state_bytes_max + header_bytes - raw.size())));
  }
  if (!from.ok()) return fail(Code::damaged, "it ends too early");
  return raw;
}

}  // namespace

void SavedState::close() {
  if (open_.empty()) return;
  closed_bytes_ += open_.size();
  pieces_.push_back({std::move(open_), {}, 0});
  open_.clear();
}

void SavedState::share(std::shared_ptr<const std::byte[]> bytes, std::size_t size) {
  close();
  closed_bytes_ += size;
  pieces_.push_back({{}, std::move(bytes), size});
}

void SavedState::append(SavedState other) {
  close();
  closed_bytes_ += other.closed_bytes_;
  for (auto& piece : other.pieces_) pieces_.push_back(std::move(piece));
  open_ = std::move(other.open_);
}

Result<> save(Files& files, std::string_view path, std::uint32_t version, Position position, const SavedState& state,
              const Log& log) {
  if (position > log.committed_end()) {
    return fail(Code::invalid,
                "a checkpoint of position " + std::to_string(position.value) +
                    ", which is not committed: after a crash it may name another record",
                std::string(path));
  }
  if (state.size() > state_bytes_max) return fail(Code::full, "a checkpoint of more than 256 MiB", std::string(path));
  Buffer head(header_bytes);
  store_le<std::uint32_t>(head.data(), magic);
  store_le<std::uint16_t>(head.data() + 4, format);
  store_le<std::uint32_t>(head.data() + 8, version);
  store_le<std::uint64_t>(head.data() + 16, log.epoch());
  store_le<std::uint64_t>(head.data() + 24, position.value);
  const auto fresh = std::string(path) + ".new";
  {
    BlocksOut out(TRY(files.open(fresh, Files::Mode::create)));
    TRY(out.begin());
    TRY(out.add(head));
    TRY(state.each([&](Bytes piece) { return out.add(piece); }));
    TRY(out.finish());
  }
  TRY(files.rename(fresh, path));
  TRY(files.sync_dir(parent_path(path)));
  log.read_to(path, position);
  return {};
}

Result<std::optional<Checkpoint>> load(Files& files, std::string_view path, std::uint32_t version, const Log& log,
                                       std::optional<std::uint32_t> oldest) {
  const auto none = [&](std::string why) {
    logger::warn("log", "a checkpoint is not used; its reader starts from the log", {{"path", path}, {"why", why}});
    return std::optional<Checkpoint>{};
  };
  auto packed = read_file(files, path, 512 * MiB);
  for (int tries = 1; tries < read_tries && !packed && packed.error().code == Code::io; ++tries) {
    packed = read_file(files, path, 512 * MiB);
  }
  if (!packed && packed.error().code == Code::not_found) return std::optional<Checkpoint>{};
  if (!packed && packed.error().code == Code::io) return none(packed.error().text());  // a start must not hang on it
  if (!packed) return std::unexpected(packed.error());
  auto raw = unpack(*packed);
  if (!raw) return none(raw.error().what);
  if (raw->size() < header_bytes || load_le<std::uint32_t>(raw->data()) != magic) return none("it is no checkpoint");
  if (load_le<std::uint16_t>(raw->data() + 4) > format) return none("a newer program wrote it");
  const auto found = load_le<std::uint32_t>(raw->data() + 8);
  if (found > version || found < oldest.value_or(version)) return none("its state is of another version");
  const auto epoch = load_le<std::uint64_t>(raw->data() + 16);
  const Position position{load_le<std::uint64_t>(raw->data() + 24)};
  const auto epochs = log.epochs();
  const auto its = std::ranges::find(epochs, epoch, &Epoch::id);
  if (its == epochs.end()) return none("it belongs to another log");
  if (its + 1 != epochs.end() && position > (its + 1)->from) return none("it is of records that a restore took back");
  if (position > log.committed_end()) {
    // Nothing is saved before it is committed, so the log once reached that far.
    if (its + 1 == epochs.end())
      TRY(log.begin_epoch("a checkpoint has seen records that the log has not: " + std::string(path)));
    return none("it is ahead of the log");
  }
  log.read_to(path, position);
  Checkpoint checkpoint{position, std::move(*raw), found};
  checkpoint.state.erase(checkpoint.state.begin(), checkpoint.state.begin() + header_bytes);
  return checkpoint;
}

void Saver::put(std::string_view path, std::uint32_t version, Position position, SavedState state) {
  const std::scoped_lock lock(mutex_);
  waiting_.insert_or_assign(std::string(path), Waiting{version, position, std::move(state)});
}

Result<bool> Saver::work() {
  std::pair<std::string, Waiting> next;
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.empty()) return false;
    auto node = waiting_.extract(waiting_.begin());
    next = {std::move(node.key()), std::move(node.mapped())};
  }
  TRY(save(files_, next.first, next.second.version, next.second.position, next.second.state, log_));
  const std::scoped_lock lock(mutex_);
  return !waiting_.empty();
}

Result<> save(Files& files, Saver* saver, std::string_view path, std::uint32_t version, Position position,
              SavedState state, const Log& log) {
  if (saver == nullptr) return save(files, path, version, position, state, log);
  saver->put(path, version, position, std::move(state));
  return {};
}

}  // namespace skerry::log
