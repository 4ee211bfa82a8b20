// Checkpoint files. docs/format/checkpoint.md
#include "log/checkpoint.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "codec/block.hpp"
#include "log/limits.hpp"

namespace skerry::log {
namespace {

constexpr std::uint32_t magic = 0x43504b53;  // "SKPC"
constexpr std::uint16_t format = 1;
constexpr std::size_t header_bytes = 32;
constexpr std::uint64_t state_bytes_max = 256 * MiB - header_bytes;

}  // namespace

Result<> save(Files& files, std::string_view path, std::uint32_t version, Position position, Bytes state,
              const Log& log) {
  if (position > log.committed_end()) {
    return fail(Code::invalid,
                "a checkpoint of position " + std::to_string(position.value) +
                    ", which is not committed: after a crash it may name another record",
                std::string(path));
  }
  if (state.size() > state_bytes_max) return fail(Code::full, "a checkpoint of more than 256 MiB", std::string(path));
  Buffer raw(header_bytes);
  store_le<std::uint32_t>(raw.data(), magic);
  store_le<std::uint16_t>(raw.data() + 4, format);
  store_le<std::uint32_t>(raw.data() + 8, version);
  store_le<std::uint64_t>(raw.data() + 16, log.epoch());
  store_le<std::uint64_t>(raw.data() + 24, position.value);
  append_bytes(raw, state);
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  TRY(replace_file(files, path, packed));
  log.read_to(path, position);
  return {};
}

Result<std::optional<Checkpoint>> load(Files& files, std::string_view path, std::uint32_t version, const Log& log) {
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
  auto raw = codec::unpack_block(*packed, state_bytes_max + header_bytes);
  if (!raw) return none(raw.error().what);
  if (raw->size() < header_bytes || load_le<std::uint32_t>(raw->data()) != magic) return none("it is no checkpoint");
  if (load_le<std::uint16_t>(raw->data() + 4) != format) return none("a newer program wrote it");
  if (load_le<std::uint32_t>(raw->data() + 8) != version) return none("its state is of another version");
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
  Checkpoint checkpoint{position, std::move(*raw)};
  checkpoint.state.erase(checkpoint.state.begin(), checkpoint.state.begin() + header_bytes);
  return checkpoint;
}

}  // namespace skerry::log
