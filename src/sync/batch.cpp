// Writing and reading the entries of a batch.
#include "sync/batch.hpp"

#include "codec/block.hpp"

namespace skerry::sync {
namespace {

constexpr std::uint8_t tag_own = 0;
constexpr std::uint8_t tag_record = 1;

// FNV-1a, 64 bit (Fowler, Noll, Vo; RFC 9923): against mistakes, not against enemies.
struct Fnv {
  std::uint64_t hash = 0xcbf29ce484222325;
  void add(Bytes bytes) {
    for (const auto b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;
  }
};

}  // namespace

bool is_own(const record::Record& record) { return record.kind == record::Kind::session; }

std::uint64_t fingerprint(const record::RecordView& record) {
  Buffer stored;
  append_le(stored, record.offset.value);
  append_le(stored, static_cast<std::int64_t>(record.appended_at.time_since_epoch().count()));
  record::encode(stored, record);
  Fnv fnv;
  fnv.add(stored);
  return fnv.hash <= 1 ? 2 : fnv.hash;
}

void BatchWriter::end_own() {
  if (own_ == 0) return;
  append_byte(raw_, tag_own);
  append_varint(raw_, own_);
  own_ = 0;
}

void BatchWriter::add(const record::RecordView& record) {
  if (count_ == 0) {
    from_ = record.offset.value;
    last_us_ = 0;
    last_position_ = 0;
  }
  INVARIANT(record.offset.value == from_ + count_);
  ++count_;
  fingerprint_ = sync::fingerprint(record);
  if (is_own(record)) {
    ++own_;
    return;
  }
  end_own();
  append_byte(raw_, tag_record);
  const std::int64_t us = record.appended_at.time_since_epoch().count();
  append_varint(raw_, zigzag(us - last_us_));
  append_varint(raw_, zigzag(static_cast<std::int64_t>(record.position.value - last_position_)));
  last_us_ = us;
  last_position_ = record.position.value;
  Buffer stored;
  record::encode(stored, record);
  append_counted(raw_, stored);
}

Result<Buffer> BatchWriter::pack() {
  end_own();
  Buffer block;
  TRY(codec::pack_block(block, raw_));
  raw_.clear();
  count_ = 0;
  return block;
}

Result<Batch> unpack(Class cls, std::uint64_t from, std::uint64_t count, Buffer block) {
  Batch batch{.cls = cls, .from = from, .count = count, .block = std::move(block)};
  batch.raw = TRY(codec::unpack_block(batch.block, batch_raw_bytes_max));
  Reader reader(batch.raw);
  std::int64_t us = 0;
  std::uint64_t position = 0;
  std::uint64_t done = 0;
  while (!reader.rest().empty()) {
    const auto tag = reader.byte();
    if (tag == tag_own) {
      const auto own = reader.varint();
      if (!reader.ok() || own == 0 || own > count - done)
        return fail(Code::damaged, "a run of own records that is none");
      batch.own.emplace_back(from + done, own);
      done += own;
      continue;
    }
    if (tag != tag_record || done == count) return fail(Code::damaged, "entries that do not fit the offsets");
    us = static_cast<std::int64_t>(static_cast<std::uint64_t>(us) +
                                   static_cast<std::uint64_t>(unzigzag(reader.varint())));
    position += static_cast<std::uint64_t>(unzigzag(reader.varint()));
    Entry entry;
    entry.stored = reader.counted();
    if (!reader.ok()) return fail(Code::damaged, "an entry that ends early");
    Reader stored(entry.stored);
    if (!record::decode_into(stored, entry.record) || !stored.rest().empty()) {
      entry.wrong = "bytes that are no record";
    } else if (entry.record.cls != cls) {
      entry.wrong = "a record of another class";
    } else if (!record::check_topic(entry.record.topic)) {
      entry.wrong = "a topic that is none";
    }
    entry.record.appended_at = Wall{std::chrono::microseconds{us}};
    entry.record.position = {position};
    entry.record.offset = {from + done};
    batch.entries.push_back(entry);
    ++done;
  }
  if (done != count) return fail(Code::damaged, "fewer entries than offsets");
  return batch;
}

}  // namespace skerry::sync
