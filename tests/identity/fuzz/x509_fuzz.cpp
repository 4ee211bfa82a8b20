// Fuzzes what reads certificates, requests and revocation lists from strangers, and the verification behind it.
#include <cstddef>
#include <cstdint>

#include "identity/verify.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;            // NOLINT
  using namespace skerry::identity;  // NOLINT
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto text = as_text(bytes);
  static const Key key = *Key::make_rsa(2048);
  static const Certificate root = *make_certificate({.purpose = Purpose::root,
                                                     .subject = {{"O", "R"}},
                                                     .key = key,
                                                     .not_after = Wall{std::chrono::hours{999999}},
                                                     .serial = Buffer(8, std::byte{7})},
                                                    nullptr, key);
  const Wall now{std::chrono::hours{500000}};
  for (const auto& made : {Certificate::from_der(bytes), Certificate::from_pem(text)}) {
    if (!made) continue;
    const auto verdict = verify(*made, {}, std::span(&root, 1), {.now = now});
    if (verdict.good()) __builtin_trap();  // nobody but the root's key can make one
    (void)made->der();
  }
  (void)read_request_der(bytes);
  (void)read_request_pem(text);
  (void)Key::from_public_pem(text);
  if (const auto lists = RevocationList::all_from_pem(text)) {
    for (const auto& each : *lists) (void)each.serials();
  }
  return 0;
}
