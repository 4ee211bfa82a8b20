// Hostile shapes and rows: an answer or none, never more text than a small multiple of what came in.
#include "codec/row.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;
  if (size == 0) return 0;
  const Bytes input = std::as_bytes(std::span(data, size));
  const auto cut = std::min<std::size_t>(data[0], size - 1);
  const auto shape = codec::decode_shape(input.subspan(1, cut));
  if (!shape) return 0;
  Buffer again;
  codec::encode_shape(again, *shape);
  INVARIANT(codec::decode_shape(again).has_value());
  std::string to = "{";
  if (!codec::append_row_fields(to, *shape, input.subspan(1 + cut))) INVARIANT(to == "{");
  return 0;
}
