// Any payload has an event time, and becomes one line of valid JSON.
#include "base/result.hpp"
#include "codec/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;
  const Bytes input = std::as_bytes(std::span(data, size));
  const Wall now{std::chrono::microseconds{1'767'225'600'000'000}};
  const auto time = codec::event_time(input, now);
  INVARIANT(time == codec::event_time(input, now));
  std::string text;
  codec::append_json_string(text, as_text(input));
  INVARIANT(codec::is_json(as_bytes(text)));
  text.clear();
  codec::append_json_payload(text, input);
  INVARIANT(codec::is_json(as_bytes(text)));
  INVARIANT(text.find('\n') == std::string::npos);
  return 0;
}
