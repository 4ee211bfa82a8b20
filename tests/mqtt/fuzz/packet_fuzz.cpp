// Any bytes: the codec neither crashes nor reads past them, and what it takes it gives back the same.
#include "mqtt/packet.hpp"

#include <cstdlib>

using namespace skerry;
using namespace skerry::mqtt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes in = std::as_bytes(std::span(data, size));
  while (true) {
    std::size_t needed = 0;
    const auto frame = next_frame(in, 1 << 20, needed);
    if (!frame || !*frame) return 0;
    for (const auto version : {Version::v311, Version::v5}) {
      (void)decode_connect(**frame);
      (void)decode_connack(**frame, version);
      (void)decode_ack(**frame, version);
      (void)decode_subscribe(**frame, version);
      (void)decode_unsubscribe(**frame, version);
      (void)decode_codes(**frame, version);
      (void)decode_disconnect(**frame, version);
      if ((*frame)->type != Type::publish) continue;
      const auto publish = decode_publish(**frame, version);
      if (!publish) continue;
      if (const auto properties = Properties::read(publish->properties, In::publish)) {
        Buffer forwarded;
        append_forwarded(forwarded, publish->properties);
        if (!Properties::read(forwarded, In::publish)) std::abort();
      }
      Buffer back;
      encode(back, version, *publish);
      const auto again = next_frame(back, 1 << 21, needed);
      if (!again || !*again) std::abort();
      const auto same = decode_publish(**again, version);
      if (!same || same->topic != publish->topic || as_text(same->payload) != as_text(publish->payload)) std::abort();
    }
    in = in.subspan((*frame)->bytes);
  }
}
