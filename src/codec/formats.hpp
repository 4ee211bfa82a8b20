// The formats in which devices and bridges may send a message: JSON, MessagePack, CBOR, and 34 bytes for standard
// readings.
//
// Inside the gateway a message is JSON text; these turn the others into it and back. Whatever comes in is safe to read:
// nesting and sizes are bounded, and an error says what is wrong and at which byte. Any thread. docs/format/messages.md
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::codec {

enum class MessageFormat : std::uint8_t { json = 0, msgpack = 1, custom_binary = 2, cbor = 3 };
std::string_view name(MessageFormat format);
// Of a media type as HTTP and MQTT 5 carry it (`application/msgpack`, with parameters or without); nothing for others.
std::optional<MessageFormat> format_of(std::string_view content_type);

// JSON text of a message in `format`. Code::invalid where it is none; Code::unsupported for what JSON cannot say
// (bytes, keys that are no text); Code::full where the JSON would be longer than `json_bytes_max`.
Result<std::string> to_json(Bytes message, MessageFormat format, std::size_t json_bytes_max);
// A message of JSON text in `format`; numbers and texts keep their values. Code::invalid: no JSON. Code::unsupported:
// custom_binary for what is no standard reading. custom_binary rounds to 0.1 and leaves other fields out.
Result<Buffer> from_json(std::string_view json, MessageFormat format);

// What `auto` takes: custom_binary for standard readings (device_id, timestamp, and two or more of temperature,
// humidity, pressure and voltage) that come back equal; else msgpack above 500 characters; else json.
MessageFormat choose_format(std::string_view json);

// ---- as it travels: a flag, the size in two bytes, the message; zlib level 6 above 1 KiB where that is smaller ----
Result<Buffer> frame(Bytes message, MessageFormat format);
struct Framed {
  MessageFormat format = MessageFormat::json;
  Buffer message;  // unpacked
};
// Code::invalid: not one whole frame. Code::full: it unpacks to more than `bytes_max`.
Result<Framed> unframe(Bytes bytes, std::size_t bytes_max);

}  // namespace skerry::codec
