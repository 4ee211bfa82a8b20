// Any bytes as frames, to both sides in every state: nothing crashes, and what decodes encodes to the same bytes.
#include <cstdint>
#include <cstdlib>

#include "tests/sync/rig.hpp"

namespace {

using namespace skerry;
using namespace skerry::sync;

// Feeds `frame` to a receiver that has come as far as it can.
void to_receiver(Bytes frame, bool ready) {
  rig::MemorySource source;
  rig::MemoryStore store;
  source.append(Class::medium, 3);
  Sender sender(source, rig::options());
  rig::Wire wire(sender, store);
  if (ready) wire.run(6);
  ReceiverOut out;
  wire.receiver().on_frame(frame, rig::Wire::now, out);
  wire.give(out);
  Out answer;
  sender.on_frame(frame, rig::Wire::now, answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  if (const auto frame = decode(bytes)) {
    const auto again = encode(*frame);
    const auto back = decode(again);
    if (!back || encode(*back) != again) std::abort();
  }
  to_receiver(bytes, false);
  to_receiver(bytes, true);
  (void)unpack(Class::medium, 0, 3, Buffer(bytes.begin(), bytes.end()));
  return 0;
}
