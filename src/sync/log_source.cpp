// Finding offsets in the log, and the file of what a gateway remembers. Bytes: docs/format/sync.md.
#include "sync/log_source.hpp"

#include <algorithm>

#include "codec/block.hpp"
#include "sync/batch.hpp"

namespace skerry::sync {

static_assert(static_cast<int>(Reason::budget) == static_cast<int>(log::GapReason::budget) &&
              static_cast<int>(Reason::age) == static_cast<int>(log::GapReason::age) &&
              static_cast<int>(Reason::damage) == static_cast<int>(log::GapReason::damage) &&
              static_cast<int>(Reason::ttl) == static_cast<int>(log::GapReason::ttl));

namespace {

constexpr std::size_t places_max = 6;  // of a class: live, backlog, and the ends that proofs ask for
constexpr std::uint64_t state_version = 1;
constexpr std::uint64_t state_bytes_max = 16 * MiB;

void append_intervals(Buffer& to, const Intervals& intervals) {
  append_varint(to, intervals.all().size());
  for (const auto& i : intervals.all()) {
    append_varint(to, i.from);
    append_varint(to, i.to);
    append_le(to, i.fingerprint);
  }
}

Result<Intervals> read_intervals(Reader& from, std::uint64_t base) {
  std::vector<Interval> all;
  for (auto left = from.varint(); left > 0 && from.ok(); --left) {
    Interval i;
    i.from = from.varint();
    i.to = from.varint();
    i.fingerprint = from.le<std::uint64_t>();
    all.push_back(i);
  }
  return Intervals::of(base, std::move(all));
}

Result<State> decode_state(Bytes packed) {
  const auto raw = TRY(codec::unpack_block(packed, state_bytes_max));
  Reader from(raw);
  if (from.varint() != state_version) return fail(Code::unsupported, "a newer program wrote it");
  State state;
  state.log_epoch = from.le<std::uint64_t>();
  state.epoch = from.le<std::uint64_t>();
  for (std::size_t c = 0; c < record::class_count; ++c) {
    state.bases[c] = from.varint();
    state.memory.acked[c] = TRY(read_intervals(from, state.bases[c]));
    for (auto left = from.varint(); left > 0 && from.ok(); --left) {
      const auto to = from.varint();
      state.memory.sent[c][to] = from.le<std::uint64_t>();
    }
  }
  if (!from.ok() || !from.rest().empty()) return fail(Code::damaged, "is no state of sync");
  return state;
}

}  // namespace

PerClass<std::uint64_t> LogSource::ends() {
  const auto committed = log_.stats().committed_ends;
  PerClass<std::uint64_t> ends{};
  for (std::size_t c = 0; c < record::class_count; ++c) ends[c] = committed[c].value;
  return ends;
}

void LogSource::remember(Class cls, std::uint64_t offset, log::Position position) {
  auto& places = places_[static_cast<std::size_t>(cls)];
  std::erase_if(places, [offset](const Place& p) { return p.offset == offset; });
  places.push_front({offset, position});
  if (places.size() > places_max) places.pop_back();
}

// The log is in order of position, and within a class offsets rise with it: halving needs some 30 short reads.
Result<log::Position> LogSource::find(Class cls, std::uint64_t offset) {
  for (const auto& place : places_[static_cast<std::size_t>(cls)]) {
    if (place.offset == offset) return place.position;
  }
  auto low = log_.begin().value;
  auto high = log_.committed_end().value;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto chunk = TRY(log_.read({middle}, {.classes = record::mask(cls), .committed_only = true, .bytes_max = 1}));
    if (chunk.empty() || chunk.records().front().offset.value >= offset) {
      high = middle;
    } else {
      low = chunk.records().front().position.value + 1;
    }
  }
  return log::Position{low};
}

Result<Slice> LogSource::read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t bytes_max) {
  return read_as(local_, cls, from, to, bytes_max);
}

Result<std::optional<std::uint64_t>> LogSource::proof(Class cls, std::uint64_t offset) {
  const bool earlier = offset < started_[static_cast<std::size_t>(cls)];
  const auto slice = TRY(read_as(earlier ? before_ : local_, cls, offset, offset + 1, 1));
  if (slice.records.empty()) return std::optional<std::uint64_t>{};
  return fingerprint(slice.records.front());
}

Result<Slice> LogSource::read_as(const LocalFields& local, Class cls, std::uint64_t from, std::uint64_t to,
                                 std::uint64_t bytes_max) {
  const auto position = TRY(find(cls, from));
  auto chunk = std::make_shared<log::Chunk>(
      TRY(log_.read(position, {.classes = record::mask(cls), .committed_only = true, .bytes_max = bytes_max})));
  Slice slice;
  auto records = chunk->records();
  while (!records.empty() && records.front().offset.value < from) records = records.subspan(1);
  if (records.empty() || records.front().offset.value > from) {
    auto next = records.empty() ? to : std::min(to, records.front().offset.value);
    slice.reason = Reason::damage;
    for (const auto& gap : log_.gaps()) {
      if (gap.cls != cls || gap.from.value > from || gap.to.value <= from) continue;
      slice.reason = static_cast<Reason>(gap.reason);
      next = std::min(next, gap.to.value);
    }
    slice.gone = next - from;
    if (!records.empty()) remember(cls, next, position);
    return slice;
  }
  for (const auto& record : records) {
    const auto expected = from + slice.records.size();
    if (record.offset.value != expected || expected == to) break;
    slice.records.push_back(record);
  }
  remember(cls, from + slice.records.size(), slice.records.back().position + 1);
  if (local.empty()) {
    slice.owner = std::move(chunk);
    return slice;
  }
  struct Owner {
    std::shared_ptr<log::Chunk> chunk;
    std::deque<Buffer> payloads;
  };
  const auto owner = std::make_shared<Owner>(Owner{std::move(chunk), {}});
  for (auto& record : slice.records) local.strip(record, owner->payloads);
  slice.owner = owner;
  return slice;
}

Result<State> load_state(Files& files, const std::string& path, std::uint64_t log_epoch) {
  if (!TRY(files.exists(path))) return State{.log_epoch = log_epoch, .epoch = log_epoch};
  const auto bytes = TRY(read_file(files, path, state_bytes_max));
  auto state = decode_state(bytes);
  if (!state)
    return fail(state.error().code,
                state.error().what + "; without it this gateway asks its cloud what it has, so the file can be removed",
                path);
  if (state->log_epoch == log_epoch) return state;
  State next{.log_epoch = log_epoch, .epoch = log_epoch};
  for (std::size_t c = 0; c < record::class_count; ++c) next.bases[c] = state->memory.acked[c].prefix_end();
  return next;
}

Result<> save_state(Files& files, const std::string& path, const State& state) {
  Buffer raw;
  append_varint(raw, state_version);
  append_le(raw, state.log_epoch);
  append_le(raw, state.epoch);
  for (std::size_t c = 0; c < record::class_count; ++c) {
    append_varint(raw, state.bases[c]);
    append_intervals(raw, state.memory.acked[c]);
    append_varint(raw, state.memory.sent[c].size());
    for (const auto& [to, fingerprint] : state.memory.sent[c]) {
      append_varint(raw, to);
      append_le(raw, fingerprint);
    }
  }
  Buffer packed;
  TRY(codec::pack_block(packed, raw));
  return replace_file(files, path, packed);
}

Result<State> begin_epoch(Files& files, const std::string& path, std::uint64_t log_epoch, Chance& chance) {
  const auto before = TRY(load_state(files, path, log_epoch));
  State next{.log_epoch = log_epoch, .epoch = chance.next() | 1U};
  for (std::size_t c = 0; c < record::class_count; ++c)
    next.bases[c] = std::max(before.bases[c], before.memory.acked[c].prefix_end());
  TRY(save_state(files, path, next));
  return next;
}

}  // namespace skerry::sync
