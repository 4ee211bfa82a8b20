// JSON text to MessagePack, CBOR and custom_binary.
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "codec/format_binary.hpp"
#include "codec/json.hpp"
#include "codec/limits.hpp"

namespace skerry::codec::formats {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

template <typename Use>
Result<> with_json(std::string_view json, Use use) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS)
    return fail(Code::invalid, "a message that is no JSON");
  return use(root);
}

void append_msgpack_text(Buffer& to, std::string_view text) {
  if (text.size() < 32) {
    append_byte(to, static_cast<std::uint8_t>(0xa0 | text.size()));
  } else if (text.size() < 0x100) {
    append_byte(to, 0xd9);
    append_byte(to, static_cast<std::uint8_t>(text.size()));
  } else if (text.size() < 0x10000) {
    append_byte(to, 0xda);
    append_be(to, static_cast<std::uint16_t>(text.size()));
  } else {
    append_byte(to, 0xdb);
    append_be(to, static_cast<std::uint32_t>(text.size()));
  }
  append_bytes(to, as_bytes(text));
}

// A count of an array (`few` 0x90) or map (0x80); the long forms follow `many`.
void append_msgpack_count(Buffer& to, std::size_t count, std::uint8_t few, std::uint8_t many) {
  if (count < 16) {
    append_byte(to, static_cast<std::uint8_t>(few | count));
  } else if (count < 0x10000) {
    append_byte(to, many);
    append_be(to, static_cast<std::uint16_t>(count));
  } else {
    append_byte(to, static_cast<std::uint8_t>(many + 1));
    append_be(to, static_cast<std::uint32_t>(count));
  }
}

void append_msgpack_unsigned(Buffer& to, std::uint64_t n) {
  if (n < 0x80) {
    append_byte(to, static_cast<std::uint8_t>(n));
  } else if (n < 0x100) {
    append_byte(to, 0xcc);
    append_byte(to, static_cast<std::uint8_t>(n));
  } else if (n < 0x10000) {
    append_byte(to, 0xcd);
    append_be(to, static_cast<std::uint16_t>(n));
  } else if (n <= UINT32_MAX) {
    append_byte(to, 0xce);
    append_be(to, static_cast<std::uint32_t>(n));
  } else {
    append_byte(to, 0xcf);
    append_be(to, n);
  }
}

void append_msgpack_signed(Buffer& to, std::int64_t n) {
  if (n >= 0) return append_msgpack_unsigned(to, static_cast<std::uint64_t>(n));
  if (n >= -32) {
    append_byte(to, static_cast<std::uint8_t>(n));
  } else if (n >= INT8_MIN) {
    append_byte(to, 0xd0);
    append_byte(to, static_cast<std::uint8_t>(n));
  } else if (n >= INT16_MIN) {
    append_byte(to, 0xd1);
    append_be(to, static_cast<std::int16_t>(n));
  } else if (n >= INT32_MIN) {
    append_byte(to, 0xd2);
    append_be(to, static_cast<std::int32_t>(n));
  } else {
    append_byte(to, 0xd3);
    append_be(to, n);
  }
}

// CBOR's head: the major type and its argument, in the fewest bytes.
void append_cbor_head(Buffer& to, unsigned major, std::uint64_t n) {
  const auto head = [&](unsigned more) { append_byte(to, static_cast<std::uint8_t>(major << 5 | more)); };
  if (n < 24) {
    head(static_cast<unsigned>(n));
  } else if (n < 0x100) {
    head(24);
    append_byte(to, static_cast<std::uint8_t>(n));
  } else if (n < 0x10000) {
    head(25);
    append_be(to, static_cast<std::uint16_t>(n));
  } else if (n <= UINT32_MAX) {
    head(26);
    append_be(to, static_cast<std::uint32_t>(n));
  } else {
    head(27);
    append_be(to, n);
  }
}

// A double in four bytes where it is a float, else in eight.
void append_double(Buffer& to, double value, std::uint8_t four, std::uint8_t eight) {
  const bool fits = std::fabs(value) <= std::numeric_limits<float>::max();
  if (fits && static_cast<double>(static_cast<float>(value)) == value) {
    append_byte(to, four);
    append_be(to, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  } else {
    append_byte(to, eight);
    append_be(to, std::bit_cast<std::uint64_t>(value));
  }
}

struct MsgPack {
  static void null(Buffer& to) { append_byte(to, 0xc0); }
  static void boolean(Buffer& to, bool b) { append_byte(to, b ? 0xc3 : 0xc2); }
  static void integer(Buffer& to, std::int64_t n) { append_msgpack_signed(to, n); }
  static void natural(Buffer& to, std::uint64_t n) { append_msgpack_unsigned(to, n); }
  static void real(Buffer& to, double d) { append_double(to, d, 0xca, 0xcb); }
  static void text(Buffer& to, std::string_view t) { append_msgpack_text(to, t); }
  static void array(Buffer& to, std::size_t n) { append_msgpack_count(to, n, 0x90, 0xdc); }
  static void map(Buffer& to, std::size_t n) { append_msgpack_count(to, n, 0x80, 0xde); }
};

struct Cbor {
  static void null(Buffer& to) { append_byte(to, 0xf6); }
  static void boolean(Buffer& to, bool b) { append_byte(to, b ? 0xf5 : 0xf4); }
  static void integer(Buffer& to, std::int64_t n) {
    append_cbor_head(to, n < 0 ? 1 : 0, static_cast<std::uint64_t>(n < 0 ? -1 - n : n));
  }
  static void natural(Buffer& to, std::uint64_t n) { append_cbor_head(to, 0, n); }
  static void real(Buffer& to, double d) { append_double(to, d, 0xfa, 0xfb); }
  static void text(Buffer& to, std::string_view t) {
    append_cbor_head(to, 3, t.size());
    append_bytes(to, as_bytes(t));
  }
  static void array(Buffer& to, std::size_t n) { append_cbor_head(to, 4, n); }
  static void map(Buffer& to, std::size_t n) { append_cbor_head(to, 5, n); }
};

// simdjson has bounded how deep it goes.
template <typename As>
void append(Buffer& to, element e) {
  switch (e.type()) {
    case element_type::NULL_VALUE: return As::null(to);
    case element_type::BOOL: return As::boolean(to, e.get_bool().value_unsafe());
    case element_type::INT64: return As::integer(to, e.get_int64().value_unsafe());
    case element_type::UINT64: return As::natural(to, e.get_uint64().value_unsafe());
    case element_type::DOUBLE: return As::real(to, e.get_double().value_unsafe());
    case element_type::STRING: return As::text(to, e.get_string().value_unsafe());
    case element_type::ARRAY: {
      const auto array = e.get_array().value_unsafe();
      std::size_t count = 0;
      for (auto at = array.begin(); at != array.end(); ++at) ++count;  // size() stops counting at 2^24
      As::array(to, count);
      for (const auto item : array) append<As>(to, item);
      return;
    }
    case element_type::OBJECT: {
      const auto object = e.get_object().value_unsafe();
      std::size_t count = 0;
      for (auto at = object.begin(); at != object.end(); ++at) ++count;
      As::map(to, count);
      for (const auto field : object) {
        As::text(to, field.key);
        append<As>(to, field.value);
      }
      return;
    }
  }
}

template <typename As>
Result<Buffer> binary_of(std::string_view json) {
  Buffer out;
  TRY(with_json(json, [&](element root) -> Result<> {
    append<As>(out, root);
    return {};
  }));
  return out;
}

// ---- custom_binary: id length, id in 16 bytes, time in ms, four tenths, status; big-endian ----
constexpr std::size_t custom_bytes = 34;
constexpr std::size_t id_bytes = 16;
constexpr std::array<std::string_view, 4> quantities{"temperature", "humidity", "pressure", "voltage"};
constexpr std::array<std::string_view, 3> states{"online", "alarm",
                                                 "low_battery"};  // bits 0 to 2; bits 4 to 6: said at all
constexpr std::int16_t missing = INT16_MIN;

struct Standard {
  std::string id;
  std::uint64_t time_ms = 0;
  std::array<std::int16_t, 4> tenths{missing, missing, missing, missing};
  std::uint8_t status = 0;
};

std::unexpected<Error> not_standard(std::string what) {
  return fail(Code::unsupported, "custom_binary does not hold " + std::move(what));
}

Result<> take_quantity(element value, std::string_view key, std::int16_t& to, Loss loss) {
  double number = 0;
  if (!value.is_number() || value.get(number) != simdjson::SUCCESS)
    return not_standard("a " + std::string(key) + " that is no number");
  const auto tenths = std::round(number * 10);
  if (!(std::fabs(tenths) <= INT16_MAX)) return not_standard("a " + std::string(key) + " beyond 3,276.7");
  if (loss == Loss::refused && (tenths / 10 != number || (number == 0 && std::signbit(number))))
    return not_standard("more than one decimal");
  to = static_cast<std::int16_t>(tenths);
  return {};
}

Result<Standard> standard_of(element root, Loss loss) {
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) return not_standard("a message that is no object");
  Standard s;
  unsigned values = 0, times = 0, ids = 0;
  for (const auto [key, value] : object) {
    if (key == "device_id") {
      std::string_view id;
      if (value.get(id) != simdjson::SUCCESS || id.empty() || id.size() > id_bytes)
        return not_standard("a device_id of other than 1 to 16 bytes");
      s.id = id;
      ++ids;
    } else if (key == "timestamp") {
      std::string_view text;
      double number = 0;
      const bool exact = value.get(s.time_ms) == simdjson::SUCCESS;
      if (!exact && loss == Loss::refused) return not_standard("a timestamp that is no whole number");
      // What the time means, where it is no number of milliseconds.
      std::optional<EventTime> time;
      if (value.get(text) == simdjson::SUCCESS) time = parse_time(text);
      if (value.is_number() && value.get(number) == simdjson::SUCCESS) time = time_of_number(number);
      if (!exact && (!time || time->time_since_epoch().count() < 0)) return not_standard("a timestamp that is no time");
      if (!exact || (loss == Loss::allowed && time))
        s.time_ms = static_cast<std::uint64_t>(time->time_since_epoch().count());
      ++times;
    } else if (const auto q = std::ranges::find(quantities, key); q != quantities.end()) {
      auto& to = s.tenths[static_cast<std::size_t>(q - quantities.begin())];
      if (to != missing) return not_standard("a field twice");
      TRY(take_quantity(value, key, to, loss));
      ++values;
    } else if (const auto b = std::ranges::find(states, key); b != states.end() && value.is_bool()) {
      const auto bit = static_cast<unsigned>(b - states.begin());
      if ((s.status & (16U << bit)) != 0) return not_standard("a field twice");
      s.status =
          static_cast<std::uint8_t>(s.status | (16U << bit) | (value.get_bool().value_unsafe() ? 1U << bit : 0U));
    } else if (loss == Loss::refused) {
      return not_standard("the field " + std::string(key));
    }
  }
  if (ids != 1 || times != 1 || values < 2)
    return not_standard("other than device_id, timestamp and two or more of temperature, humidity, pressure, voltage");
  return s;
}

}  // namespace

Result<Buffer> msgpack_of_json(std::string_view json) { return binary_of<MsgPack>(json); }
Result<Buffer> cbor_of_json(std::string_view json) { return binary_of<Cbor>(json); }

bool is_whole_json(std::string_view json) { return is_json(as_bytes(json)); }

Result<Buffer> custom_of_json(std::string_view json, Loss loss) {
  Standard s;
  TRY(with_json(json, [&](element root) -> Result<> {
    s = TRY(standard_of(root, loss));
    return {};
  }));
  Buffer out;
  append_byte(out, static_cast<std::uint8_t>(s.id.size()));
  append_bytes(out, as_bytes(s.id));
  out.resize(1 + id_bytes);
  append_be(out, s.time_ms);
  for (const auto t : s.tenths) append_be(out, t);
  append_byte(out, s.status);
  return out;
}

Result<std::string> json_of_custom(Bytes message) {
  Reader reader(message);
  const auto size = reader.byte();
  const auto id = as_text(reader.take(id_bytes));
  const auto time = reader.be<std::uint64_t>();
  if (message.size() != custom_bytes)
    return fail(Code::invalid, "custom_binary has 34 bytes, not " + std::to_string(message.size()));
  if (size == 0 || size > id_bytes || id.substr(size).find_first_not_of('\0') != std::string_view::npos)
    return fail(Code::invalid, "an id that does not fit its length", "byte 0");
  std::string json = "{\"device_id\":";
  append_json_string(json, id.substr(0, size));
  json += ",\"timestamp\":" + std::to_string(time);
  for (const auto quantity : quantities) {
    const auto tenths = reader.be<std::int16_t>();
    if (tenths == missing) continue;
    json += ",\"" + std::string(quantity) + "\":";
    append_json_number(json, tenths / 10.0);
  }
  const unsigned status = reader.byte();
  if ((status & 0x88U) != 0 || (status & 7U & ~(status >> 4)) != 0)
    return fail(Code::invalid, "status bits that mean nothing", "byte 33");
  for (std::size_t i = 0; i < states.size(); ++i) {
    if ((status & (16U << i)) == 0) continue;
    json += ",\"" + std::string(states[i]) + "\":" + ((status & (1U << i)) != 0 ? "true" : "false");
  }
  return json + "}";
}

}  // namespace skerry::codec::formats
