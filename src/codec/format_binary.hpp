// MessagePack, CBOR and custom_binary, each to JSON text and from it. For formats.cpp.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::codec::formats {

Result<std::string> json_of_msgpack(Bytes message, std::size_t json_bytes_max);
Result<std::string> json_of_cbor(Bytes message, std::size_t json_bytes_max);
Result<std::string> json_of_custom(Bytes message);

Result<Buffer> msgpack_of_json(std::string_view json);
Result<Buffer> cbor_of_json(std::string_view json);
enum class Loss : std::uint8_t { allowed, refused };  // refused: Code::unsupported where it would not come back equal
Result<Buffer> custom_of_json(std::string_view json, Loss loss);
bool is_whole_json(std::string_view json);

}  // namespace skerry::codec::formats
