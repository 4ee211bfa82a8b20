// Choosing a format, and the frame around a message.
#include "codec/formats.hpp"

#include <zlib.h>

#include <cctype>

#include "codec/format_binary.hpp"
#include "codec/limits.hpp"

namespace skerry::codec {
namespace {

constexpr std::size_t head_bytes = 3;
constexpr std::size_t frame_bytes_max = 65'535;
constexpr std::size_t zlib_above = 1024;
constexpr std::size_t msgpack_above = 500;  // characters
constexpr std::uint8_t packed_flag = 1;     // bit 0; the format in bits 1 and 2

}  // namespace

std::string_view name(MessageFormat format) {
  switch (format) {
    case MessageFormat::json: return "json";
    case MessageFormat::msgpack: return "msgpack";
    case MessageFormat::custom_binary: return "custom_binary";
    case MessageFormat::cbor: return "cbor";
  }
  return "unknown";
}

std::optional<MessageFormat> format_of(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  std::string lower;
  for (const char c : type) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "application/json") return MessageFormat::json;
  if (lower == "application/msgpack" || lower == "application/x-msgpack" || lower == "application/vnd.msgpack")
    return MessageFormat::msgpack;
  if (lower == "application/cbor") return MessageFormat::cbor;
  if (lower == "application/vnd.skerry.custom-binary") return MessageFormat::custom_binary;
  return {};
}

Result<std::string> to_json(Bytes message, MessageFormat format, std::size_t json_bytes_max) {
  switch (format) {
    case MessageFormat::msgpack: return formats::json_of_msgpack(message, json_bytes_max);
    case MessageFormat::cbor: return formats::json_of_cbor(message, json_bytes_max);
    case MessageFormat::custom_binary: return formats::json_of_custom(message);
    case MessageFormat::json: break;
  }
  if (!formats::is_whole_json(as_text(message))) return fail(Code::invalid, "a message that is no JSON");
  if (message.size() > json_bytes_max) return fail(Code::full, "a message of more bytes than allowed");
  return std::string(as_text(message));
}

Result<Buffer> from_json(std::string_view json, MessageFormat format) {
  switch (format) {
    case MessageFormat::msgpack: return formats::msgpack_of_json(json);
    case MessageFormat::cbor: return formats::cbor_of_json(json);
    case MessageFormat::custom_binary: return formats::custom_of_json(json, formats::Loss::allowed);
    case MessageFormat::json: break;
  }
  if (!formats::is_whole_json(json)) return fail(Code::invalid, "a message that is no JSON");
  const auto bytes = as_bytes(json);
  return Buffer(bytes.begin(), bytes.end());
}

MessageFormat choose_format(std::string_view json) {
  if (formats::custom_of_json(json, formats::Loss::refused)) return MessageFormat::custom_binary;
  return json.size() > msgpack_above ? MessageFormat::msgpack : MessageFormat::json;
}

Result<Buffer> frame(Bytes message, MessageFormat format) {
  Buffer out(head_bytes);
  auto flag = static_cast<std::uint8_t>(static_cast<unsigned>(format) << 1);
  bool packed = false;
  if (message.size() > zlib_above) {
    auto size = compressBound(message.size());
    out.resize(head_bytes + size);
    packed = compress2(reinterpret_cast<Bytef*>(out.data() + head_bytes), &size,
                       reinterpret_cast<const Bytef*>(message.data()), message.size(), 6) == Z_OK &&
             size < message.size();
    out.resize(head_bytes + (packed ? size : 0));
  }
  if (packed)
    flag |= packed_flag;
  else
    append_bytes(out, message);
  const auto size = out.size() - head_bytes;
  if (size > frame_bytes_max)
    return fail(Code::full, "a framed message has at most " + std::to_string(frame_bytes_max) + " bytes, not " +
                                std::to_string(size));
  out[0] = std::byte{flag};
  store_be(out.data() + 1, static_cast<std::uint16_t>(size));
  return out;
}

Result<Framed> unframe(Bytes bytes, std::size_t bytes_max) {
  Reader reader(bytes);
  const auto flag = reader.byte();
  const auto size = reader.be<std::uint16_t>();
  if (!reader.ok() || (flag & ~7U) != 0) return fail(Code::invalid, "bytes that are no framed message", "byte 0");
  if (reader.rest().size() != size) {
    return fail(Code::invalid,
                "the head says " + std::to_string(size) + " bytes, " + std::to_string(reader.rest().size()) + " follow",
                "byte 1");
  }
  Framed got{static_cast<MessageFormat>(flag >> 1), {}};
  if ((flag & packed_flag) == 0) {
    if (size > bytes_max) return fail(Code::full, "a message of more bytes than allowed");
    got.message.assign(reader.rest().begin(), reader.rest().end());
    return got;
  }
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return fail(Code::full, "no memory to unpack a message");
  Buffer part(16 * KiB);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(reader.rest().data()));
  stream.avail_in = size;
  int status = Z_OK;
  while (status == Z_OK && got.message.size() <= bytes_max) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    status = inflate(&stream, Z_NO_FLUSH);
    append_bytes(got.message, Bytes(part).first(part.size() - stream.avail_out));
  }
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (got.message.size() > bytes_max) return fail(Code::full, "a message that unpacks to more bytes than allowed");
  if (!whole) return fail(Code::invalid, "a packed message that does not unpack");
  return got;
}

}  // namespace skerry::codec
