// Hostile columns give an error or payloads within what was allowed; payloads made of the input come back, with their
// time.
#include "codec/json.hpp"
#include "codec/payloads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;
  const Bytes input = std::as_bytes(std::span(data, size));
  constexpr std::uint64_t allowed = 256 * KiB;
  {
    Buffer arena;
    Reader reader(input);
    if (codec::unpack_payloads(reader, arena, allowed)) INVARIANT(arena.size() <= allowed);
  }
  const Wall now{std::chrono::microseconds{1'767'225'600'000'000}};
  codec::PayloadPacker packer;
  std::vector<codec::Message> sent;
  auto rest = as_text(input);
  while (!rest.empty()) {  // a line a payload
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    sent.push_back({line.size() % 2 == 0 ? "a/b" : "a/c", {}, as_bytes(line)});
    INVARIANT(packer.add(sent.back(), now) == codec::event_time(as_bytes(line), now));
  }
  Buffer columns, arena;
  packer.finish(columns);
  Reader reader(columns);
  const auto got = codec::unpack_payloads(reader, arena, size + 1);
  INVARIANT(got.has_value());
  INVARIANT(got->size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    INVARIANT((*got)[i].topic == sent[i].topic);
    INVARIANT(as_text((*got)[i].payload) == as_text(sent[i].payload));
  }
  return 0;
}
