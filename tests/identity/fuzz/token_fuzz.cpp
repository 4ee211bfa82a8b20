// Fuzzes the verification of tokens: nothing that our key did not sign is taken.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "identity/token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry;            // NOLINT
  using namespace skerry::identity;  // NOLINT
  static const Tokens tokens = [] {
    char name[] = "/tmp/skerry-fuzz-XXXXXX";
    return *Tokens::open(system_files(), ::mkdtemp(name), "gw", Wall{std::chrono::hours{500000}});
  }();
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (tokens.verify(as_text(bytes), Wall{std::chrono::hours{500000}})) __builtin_trap();
  // The parts as JSON, so that the fuzzer need not find base64 first.
  const auto half = size / 2;
  const auto token = base64url(bytes.first(half)) + "." + base64url(bytes.subspan(half)) + ".AAAA";
  if (tokens.verify(token, Wall{std::chrono::hours{500000}})) __builtin_trap();
  (void)from_base64(as_text(bytes));
  return 0;
}
