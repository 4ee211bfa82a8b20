// Writing and reading frames.
#include "sync/frames.hpp"

namespace skerry::sync {
namespace {

// The first byte. Numbers are never given to something else.
enum Type : std::uint8_t {
  t_hello = 0x01,
  t_welcome = 0x02,
  t_proof = 0x03,
  t_ready = 0x04,
  t_batch = 0x05,
  t_gap = 0x06,
  t_ack = 0x07,
  t_credit = 0x08,
  t_ping = 0x09,
  t_pong = 0x0a,
  t_refuse = 0x0b,
  t_item = 0x0c,
  t_answer = 0x0d,
};

std::unexpected<Error> bad(std::string_view frame, std::string_view what) {
  return fail(Code::invalid, std::string(what), std::string(frame));
}

// Stretches as distances: how far behind the end of the one before, and how long.
void append_intervals(Buffer& to, const Intervals& intervals) {
  append_varint(to, intervals.base());
  append_varint(to, intervals.all().size());
  auto at = intervals.base();
  for (const auto& i : intervals.all()) {
    append_varint(to, i.from - at);
    append_varint(to, i.to - i.from);
    at = i.to;
  }
}

Result<Intervals> read_intervals(Reader& from, std::string_view frame) {
  const auto base = from.varint();
  const auto count = from.varint();
  if (count > intervals_max) return bad(frame, "more applied stretches than 8");
  std::vector<Interval> all;
  auto at = base;
  for (std::uint64_t n = 0; n < count; ++n) {
    const auto skip = from.varint();
    const auto length = from.varint();
    if (at + skip < at || at + skip + length < at + skip) return bad(frame, "an applied stretch that wraps around");
    all.push_back({at + skip, at + skip + length, 0});
    at += skip + length;
  }
  if (!from.ok()) return bad(frame, "ends early");
  auto made = Intervals::of(base, std::move(all));
  if (!made) return bad(frame, made.error().what);
  return made;
}

// At most `bytes_max` bytes, cut between characters.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0U) == 0x80U) --bytes_max;
  return text.substr(0, bytes_max);
}

struct Writer {
  Buffer& to;

  void operator()(const Hello& f) const {
    append_byte(to, t_hello);
    append_varint(to, f.version_least);
    append_varint(to, f.version_most);
    append_varint(to, f.window);
    append_counted(to, as_bytes(f.gateway));
    append_counted(to, as_bytes(f.software));
    append_le(to, f.epoch);
    append_byte(to, f.classes);
    for (std::size_t c = 0; c < record::class_count; ++c) {
      append_varint(to, f.bases[c]);
      append_varint(to, f.ends[c]);
    }
  }
  void operator()(const Welcome& f) const {
    append_byte(to, t_welcome);
    append_varint(to, f.version);
    append_varint(to, f.window);
    for (const auto& each : f.applied) append_intervals(to, each);
  }
  void operator()(const Proof& f) const {
    append_byte(to, t_proof);
    for (const auto& each : f.fingerprints) {
      append_varint(to, each.size());
      for (const auto fingerprint : each) append_le(to, fingerprint);
    }
  }
  void operator()(const Ready&) const { append_byte(to, t_ready); }
  void operator()(const BatchFrame& f) const {
    to.reserve(f.block.size() + 40);
    append_byte(to, t_batch);
    range(f.lane, f.cls, f.from, f.count);
    append_le(to, f.fingerprint);
    append_bytes(to, f.block);
  }
  void operator()(const GapFrame& f) const {
    append_byte(to, t_gap);
    range(f.lane, f.cls, f.from, f.count);
    append_byte(to, static_cast<std::uint8_t>(f.reason));
    append_le(to, f.fingerprint);
  }
  void operator()(const Ack& f) const {
    append_byte(to, t_ack);
    append_byte(to, f.classes);
    for (std::size_t c = 0; c < record::class_count; ++c) {
      if ((f.classes >> c & 1) != 0) append_intervals(to, f.applied[c]);
    }
  }
  void operator()(const Credit& f) const {
    append_byte(to, t_credit);
    append_varint(to, f.bytes);
  }
  void operator()(const Ping& f) const {
    append_byte(to, t_ping);
    append_le(to, f.nonce);
  }
  void operator()(const Pong& f) const {
    append_byte(to, t_pong);
    append_le(to, f.nonce);
  }
  void operator()(const Refuse& f) const {
    append_byte(to, t_refuse);
    append_byte(to, static_cast<std::uint8_t>(f.reason));
    append_varint(to, f.retry_s);
    append_counted(to, as_bytes(cut(f.why, why_bytes_max)));
  }
  void operator()(const Item& f) const {
    append_byte(to, t_item);
    append_byte(to, static_cast<std::uint8_t>(f.kind));
    append_counted(to, as_bytes(f.id));
    append_counted(to, as_bytes(f.body));
  }
  void operator()(const ItemAnswer& f) const {
    append_byte(to, t_answer);
    append_byte(to, static_cast<std::uint8_t>(f.kind));
    append_counted(to, as_bytes(f.id));
    append_byte(to, static_cast<std::uint8_t>(f.took));
    append_counted(to, as_bytes(cut(f.why, why_bytes_max)));
  }
  void range(Lane lane, Class cls, std::uint64_t from, std::uint64_t count) const {
    append_byte(to, static_cast<std::uint8_t>(lane));
    append_byte(to, static_cast<std::uint8_t>(cls));
    append_varint(to, from);
    append_varint(to, count);
  }
};

Result<Frame> read_hello(Reader& from) {
  Hello f;
  const auto least = from.varint();
  const auto most = from.varint();
  if (least > most || most > 0xffff) return bad("HELLO", "versions that are no range");
  f.version_least = static_cast<std::uint32_t>(least);
  f.version_most = static_cast<std::uint32_t>(most);
  f.window = from.varint();
  const auto gateway = from.counted();
  const auto software = from.counted();
  if (gateway.size() > gateway_bytes_max || software.size() > gateway_bytes_max)
    return bad("HELLO", "a name of more than 128 bytes");
  f.gateway = as_text(gateway);
  f.software = as_text(software);
  f.epoch = from.le<std::uint64_t>();
  f.classes = from.byte();
  for (std::size_t c = 0; c < record::class_count; ++c) {
    f.bases[c] = from.varint();
    f.ends[c] = from.varint();
    if (f.ends[c] < f.bases[c]) return bad("HELLO", "a class that ends before it begins");
  }
  if (!from.ok()) return bad("HELLO", "ends early");
  if (!record::check_device_id(f.gateway)) return bad("HELLO", "a gateway id that may not stand in a topic");
  if (!record::is_utf8(f.software)) return bad("HELLO", "a software name that is not UTF-8");
  if (f.epoch == 0) return bad("HELLO", "epoch 0, which is none");
  if ((f.classes & ~record::all_classes) != 0) return bad("HELLO", "a class that there is not");
  if (f.window < window_bytes_min) return bad("HELLO", "a window of less than 1 KiB");
  return f;
}

Result<Frame> read_welcome(Reader& from) {
  Welcome f;
  const auto version = from.varint();
  if (version > 0xffff) return bad("WELCOME", "a version that is none");
  f.version = static_cast<std::uint32_t>(version);
  f.window = from.varint();
  for (auto& each : f.applied) each = TRY(read_intervals(from, "WELCOME"));
  if (f.window < window_bytes_min) return bad("WELCOME", "a window of less than 1 KiB");
  return f;
}

Result<Frame> read_proof(Reader& from) {
  Proof f;
  for (auto& each : f.fingerprints) {
    const auto count = from.varint();
    if (count > intervals_max) return bad("PROOF", "more fingerprints than 8 of a class");
    for (std::uint64_t n = 0; n < count; ++n) each.push_back(from.le<std::uint64_t>());
  }
  if (!from.ok()) return bad("PROOF", "ends early");
  return f;
}

template <typename F>
Result<> read_range(Reader& from, F& f, std::string_view frame) {
  const auto lane = from.byte();
  const auto cls = from.byte();
  f.from = from.varint();
  f.count = from.varint();
  if (!from.ok()) return bad(frame, "ends early");
  if (lane > 1) return bad(frame, "a lane that there is not");
  if (cls >= record::class_count) return bad(frame, "a class that there is not");
  if (f.count == 0 || f.from + f.count < f.from) return bad(frame, "no offsets");
  f.lane = static_cast<Lane>(lane);
  f.cls = static_cast<Class>(cls);
  return {};
}

Result<Frame> read_batch(Reader& from) {
  BatchFrame f;
  TRY(read_range(from, f, "BATCH"));
  f.fingerprint = from.le<std::uint64_t>();
  f.block = from.rest();
  if (f.count > batch_offsets_max) return bad("BATCH", "more offsets than 65,536");
  if (!from.ok() || f.block.empty()) return bad("BATCH", "ends early");
  if (f.fingerprint <= acknowledged_fingerprint) return bad("BATCH", "a fingerprint that is none");
  from.take(f.block.size());
  return f;
}

Result<Frame> read_gap(Reader& from) {
  GapFrame f;
  TRY(read_range(from, f, "GAP"));
  const auto reason = from.byte();
  f.fingerprint = from.le<std::uint64_t>();
  if (!from.ok()) return bad("GAP", "ends early");
  if (f.fingerprint <= acknowledged_fingerprint) return bad("GAP", "a fingerprint that is none");
  if (reason >= reason_count) return bad("GAP", "a reason that there is not");
  f.reason = static_cast<Reason>(reason);
  return f;
}

Result<Frame> read_ack(Reader& from) {
  Ack f;
  f.classes = from.byte();
  if ((f.classes & ~record::all_classes) != 0) return bad("ACK", "a class that there is not");
  for (std::size_t c = 0; c < record::class_count; ++c) {
    if ((f.classes >> c & 1) != 0) f.applied[c] = TRY(read_intervals(from, "ACK"));
  }
  if (!from.ok()) return bad("ACK", "ends early");
  return f;
}

Result<Frame> read_refuse(Reader& from) {
  Refuse f;
  const auto reason = from.byte();
  f.retry_s = from.varint();
  const auto why = from.counted();
  if (!from.ok()) return bad("REFUSE", "ends early");
  if (reason < 1 || reason > static_cast<std::uint8_t>(Refusal::denied)) return bad("REFUSE", "a reason of none");
  if (why.size() > why_bytes_max || !record::is_utf8(as_text(why))) return bad("REFUSE", "a text that is none");
  f.reason = static_cast<Refusal>(reason);
  f.why = as_text(why);
  return f;
}

Result<std::string> read_text(Reader& from, std::size_t bytes_max, std::string_view frame) {
  const auto text = from.counted();
  if (!from.ok()) return bad(frame, "ends early");
  if (text.size() > bytes_max || !record::is_utf8(as_text(text))) return bad(frame, "a text that is none");
  return std::string(as_text(text));
}

Result<Frame> read_item(Reader& from) {
  Item f;
  const auto kind = from.byte();
  if (kind >= item_kind_count) return bad("ITEM", "a kind that there is not");
  f.kind = static_cast<ItemKind>(kind);
  f.id = TRY(read_text(from, item_id_bytes_max, "ITEM"));
  f.body = TRY(read_text(from, item_bytes_max, "ITEM"));
  if (f.id.empty()) return bad("ITEM", "an id that is none");
  return f;
}

Result<Frame> read_answer(Reader& from) {
  ItemAnswer f;
  const auto kind = from.byte();
  f.id = TRY(read_text(from, item_id_bytes_max, "ANSWER"));
  const auto took = from.byte();
  f.why = TRY(read_text(from, why_bytes_max, "ANSWER"));
  if (kind >= item_kind_count) return bad("ANSWER", "a kind that there is not");
  if (took >= took_count) return bad("ANSWER", "an answer that there is not");
  f.kind = static_cast<ItemKind>(kind);
  f.took = static_cast<Took>(took);
  return f;
}

Result<Frame> read_body(std::uint8_t type, Reader& from) {
  switch (type) {
    case t_hello: return read_hello(from);
    case t_welcome: return read_welcome(from);
    case t_proof: return read_proof(from);
    case t_ready: return Ready{};
    case t_batch: return read_batch(from);
    case t_gap: return read_gap(from);
    case t_ack: return read_ack(from);
    case t_credit: return Credit{from.varint()};
    case t_ping: return Ping{from.le<std::uint64_t>()};
    case t_pong: return Pong{from.le<std::uint64_t>()};
    case t_refuse: return read_refuse(from);
    case t_item: return read_item(from);
    case t_answer: return read_answer(from);
    default: return bad("frame", "type " + std::to_string(type) + ", which there is not");
  }
}

}  // namespace

Buffer encode(const Frame& frame) {
  Buffer to;
  std::visit(Writer{to}, frame);
  return to;
}

Result<Frame> decode(Bytes bytes) {
  if (bytes.empty()) return bad("frame", "no bytes");
  Reader from(bytes.subspan(1));
  auto frame = TRY(read_body(std::to_integer<std::uint8_t>(bytes[0]), from));
  if (!from.ok()) return bad("frame", "ends early");
  if (!from.rest().empty()) return bad("frame", "has bytes behind its end");
  return frame;
}

bool uses_credit(const Frame& frame) {
  return std::holds_alternative<BatchFrame>(frame) || std::holds_alternative<GapFrame>(frame) ||
         std::holds_alternative<Ack>(frame);
}

}  // namespace skerry::sync
