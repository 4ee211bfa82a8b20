// MessagePack (github.com/msgpack/msgpack, spec.md) and CBOR (RFC 8949) to JSON text.
#include <bit>
#include <cmath>
#include <limits>

#include "codec/format_binary.hpp"
#include "codec/json.hpp"
#include "codec/limits.hpp"
#include "record/record.hpp"

namespace skerry::codec::formats {
namespace {

// Writes JSON while it reads; the first thing that is wrong stops it.
class Transcoder {
 public:
  Transcoder(Bytes message, std::size_t json_bytes_max) : whole_(message), reader_(message), most_(json_bytes_max) {}

  template <typename Read>
  Result<std::string> run(Read read) {
    const bool done = read(*this, 0U);
    if (done && reader_.rest().empty() && reader_.ok()) return std::move(json_);
    const auto where = "byte " + std::to_string(whole_.size() - reader_.rest().size());
    if (!error_.empty()) return fail(code_, error_, where);
    return fail(Code::invalid, reader_.ok() ? "something stands behind the message" : "the message ends too early",
                where);
  }

  bool msgpack(unsigned depth);
  bool cbor(unsigned depth);

 private:
  bool wrong(Code code, std::string what) {
    code_ = code;
    error_ = std::move(what);
    return false;
  }
  bool deep(unsigned depth) {
    return depth < message_depth_max ||
           wrong(Code::invalid, "nested more than " + std::to_string(message_depth_max) + " deep");
  }
  bool room() {
    return json_.size() <= most_ || wrong(Code::full, "as JSON it is longer than " + std::to_string(most_) + " bytes");
  }
  bool word(std::string_view text) {
    json_ += text;
    return reader_.ok();
  }
  bool number(double value) {
    append_json_number(json_, value);
    return reader_.ok();
  }
  bool text(std::uint64_t size) {
    if (size > reader_.rest().size()) return reader_.take(reader_.rest().size() + 1), false;
    const auto got = as_text(reader_.take(static_cast<std::size_t>(size)));
    if (!record::is_utf8(got)) return wrong(Code::invalid, "a text that is not UTF-8");
    append_json_string(json_, got);
    return room();
  }
  template <typename Item>
  bool items(std::uint64_t count, bool map, Item item) {
    if (count > reader_.rest().size()) return reader_.take(reader_.rest().size() + 1), false;
    json_ += map ? '{' : '[';
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i > 0) json_ += ',';
      if (map && !key(item)) return false;
      if (!item() || !room()) return false;
    }
    json_ += map ? '}' : ']';
    return true;
  }
  template <typename Item>
  bool key(Item item) {
    const auto at = json_.size();
    if (!item()) return false;
    if (json_[at] != '"') return wrong(Code::unsupported, "a key that is no text");
    json_ += ':';
    return true;
  }
  bool cbor_argument(unsigned more, std::uint64_t& to);
  bool cbor_simple(unsigned more);
  bool cbor_endless(unsigned major, unsigned depth);

  Bytes whole_;
  Reader reader_;
  std::size_t most_;
  std::string json_;
  Code code_ = Code::invalid;
  std::string error_;
};

bool Transcoder::msgpack(unsigned depth) {
  if (!deep(depth)) return false;
  const auto item = [&] { return msgpack(depth + 1); };
  const unsigned tag = reader_.byte();
  if (!reader_.ok()) return false;
  if (tag < 0x80) return word(std::to_string(tag));
  if (tag < 0x90) return items(tag & 15U, true, item);
  if (tag < 0xa0) return items(tag & 15U, false, item);
  if (tag < 0xc0) return text(tag & 31U);
  if (tag >= 0xe0) return word(std::to_string(static_cast<int>(tag) - 256));
  switch (tag) {
    case 0xc0: return word("null");
    case 0xc2: return word("false");
    case 0xc3: return word("true");
    case 0xca: return number(static_cast<double>(std::bit_cast<float>(reader_.be<std::uint32_t>())));
    case 0xcb: return number(std::bit_cast<double>(reader_.be<std::uint64_t>()));
    case 0xcc: return word(std::to_string(reader_.byte()));
    case 0xcd: return word(std::to_string(reader_.be<std::uint16_t>()));
    case 0xce: return word(std::to_string(reader_.be<std::uint32_t>()));
    case 0xcf: return word(std::to_string(reader_.be<std::uint64_t>()));
    case 0xd0: return word(std::to_string(static_cast<std::int8_t>(reader_.byte())));
    case 0xd1: return word(std::to_string(reader_.be<std::int16_t>()));
    case 0xd2: return word(std::to_string(reader_.be<std::int32_t>()));
    case 0xd3: return word(std::to_string(reader_.be<std::int64_t>()));
    case 0xd9: return text(reader_.byte());
    case 0xda: return text(reader_.be<std::uint16_t>());
    case 0xdb: return text(reader_.be<std::uint32_t>());
    case 0xdc: return items(reader_.be<std::uint16_t>(), false, item);
    case 0xdd: return items(reader_.be<std::uint32_t>(), false, item);
    case 0xde: return items(reader_.be<std::uint16_t>(), true, item);
    case 0xdf: return items(reader_.be<std::uint32_t>(), true, item);
    case 0xc1: return wrong(Code::invalid, "the byte c1, which MessagePack never uses");
    default: return wrong(Code::unsupported, "bytes or an extension type, which JSON cannot say");
  }
}

bool Transcoder::cbor_argument(unsigned more, std::uint64_t& to) {
  switch (more) {
    case 24: to = reader_.byte(); break;
    case 25: to = reader_.be<std::uint16_t>(); break;
    case 26: to = reader_.be<std::uint32_t>(); break;
    case 27: to = reader_.be<std::uint64_t>(); break;
    case 28:
    case 29:
    case 30: return wrong(Code::invalid, "an additional information that CBOR keeps back");
    default: to = more;
  }
  return reader_.ok();
}

bool Transcoder::cbor_simple(unsigned more) {
  switch (more) {
    case 20: return word("false");
    case 21: return word("true");
    case 22:
    case 23: return word("null");
    case 25: {  // RFC 8949 appendix D
      const unsigned half = reader_.be<std::uint16_t>();
      const int exponent = static_cast<int>((half >> 10) & 31U);
      const double mantissa = half & 1023U;
      const auto value = exponent == 0    ? std::ldexp(mantissa, -24)
                         : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                                          : std::numeric_limits<double>::infinity();
      return number((half & 0x8000U) != 0 ? -value : value);
    }
    case 26: return number(static_cast<double>(std::bit_cast<float>(reader_.be<std::uint32_t>())));
    case 27: return number(std::bit_cast<double>(reader_.be<std::uint64_t>()));
    case 31: return wrong(Code::invalid, "a break outside of an array or map");
    default: return wrong(Code::unsupported, "a simple value that JSON cannot say");
  }
}

// Arrays and maps of a length that a break ends.
bool Transcoder::cbor_endless(unsigned major, unsigned depth) {
  if (major < 4) return wrong(Code::unsupported, "a text in parts");
  const bool map = major == 5;
  const auto item = [&] { return cbor(depth + 1); };
  json_ += map ? '{' : '[';
  for (bool first = true;; first = false) {
    if (reader_.rest().empty()) return reader_.take(1), false;
    if (reader_.rest()[0] == std::byte{0xff}) break;
    if (!first) json_ += ',';
    if ((map && !key(item)) || !item() || !room()) return false;
  }
  reader_.byte();
  json_ += map ? '}' : ']';
  return true;
}

bool Transcoder::cbor(unsigned depth) {
  if (!deep(depth)) return false;
  const unsigned tag = reader_.byte();
  if (!reader_.ok()) return false;
  const auto major = tag >> 5, more = tag & 31U;
  if (major == 7) return cbor_simple(more);
  if (more == 31 && major >= 2 && major <= 5) return cbor_endless(major, depth);
  std::uint64_t n = 0;
  if (more == 31) return wrong(Code::invalid, "a break outside of an array or map");
  if (!cbor_argument(more, n)) return false;
  const auto item = [&] { return cbor(depth + 1); };
  switch (major) {
    case 0: return word(std::to_string(n));
    case 1:
      if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return number(-1.0 - static_cast<double>(n));
      return word(std::to_string(-1 - static_cast<std::int64_t>(n)));
    case 2: return wrong(Code::unsupported, "bytes, which JSON cannot say");
    case 3: return text(n);
    case 4: return items(n, false, item);
    case 5: return items(n, true, item);
    default: return cbor(depth + 1);  // 6, a tag: its content counts
  }
}

}  // namespace

Result<std::string> json_of_msgpack(Bytes message, std::size_t json_bytes_max) {
  return Transcoder(message, json_bytes_max).run([](Transcoder& t, unsigned depth) { return t.msgpack(depth); });
}

Result<std::string> json_of_cbor(Bytes message, std::size_t json_bytes_max) {
  return Transcoder(message, json_bytes_max).run([](Transcoder& t, unsigned depth) { return t.cbor(depth); });
}

}  // namespace skerry::codec::formats
