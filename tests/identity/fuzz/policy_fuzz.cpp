// Fuzzes policy files, and deciding by what they say.
#include <cstddef>
#include <cstdint>

#include "identity/policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skerry::identity;  // NOLINT
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto policy = Policy::parse(text);
  const Subject who{"press-1", "press", "basic", "device"};
  if (policy) {
    for (const auto& each : policy->cases()) (void)policy->decide(each.subject, each.action, each.target);
    (void)policy->decide(who, Action::publish, "sensors/press-1/data");
  }
  (void)covers(text.substr(0, size / 2), text.substr(size / 2));
  (void)Policy::standard().decide(who, Action::subscribe, text);
  return 0;
}
