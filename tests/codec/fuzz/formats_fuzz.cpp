// Hostile messages and frames in every format give an error or JSON; what was JSON comes back with the same values.
#include "codec/formats.hpp"
#include "codec/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;
  using codec::MessageFormat;
  const Bytes input = std::as_bytes(std::span(data, size));
  constexpr std::size_t allowed = 64 * KiB;
  if (const auto got = codec::unframe(input, allowed)) INVARIANT(got->message.size() <= allowed);
  for (const auto format :
       {MessageFormat::json, MessageFormat::msgpack, MessageFormat::cbor, MessageFormat::custom_binary}) {
    const auto json = codec::to_json(input, format, allowed);
    if (!json) continue;
    INVARIANT(codec::is_json(as_bytes(*json)));
    if (format == MessageFormat::json) continue;
    const auto again = codec::from_json(*json, format);
    if (!again) continue;  // 0 as a custom_binary id, say, or fewer than two values
    INVARIANT(codec::to_json(*again, format, 2 * allowed).has_value());
  }
  const auto text = as_text(input);
  const auto chosen = codec::choose_format(text);
  if (chosen != MessageFormat::json)
    INVARIANT(chosen == MessageFormat::msgpack || codec::from_json(text, chosen).has_value());
  if (const auto framed = codec::frame(input, MessageFormat::cbor)) {
    const auto got = codec::unframe(*framed, size);
    INVARIANT(got.has_value());
    INVARIANT(as_text(got->message) == text);
  }
  return 0;
}
