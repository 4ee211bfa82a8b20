// Any bytes as SQL: parsed and planned, or refused with a place; never a crash, never without an end.
#include <cstdint>
#include <cstdlib>

#include "stream/plan.hpp"
#include "stream/stream.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  const auto plan = skerry::stream::Plan::make(sql);
  if (!plan && plan.error().what.empty()) std::abort();
  if (skerry::stream::version_of(sql).size() != 8) std::abort();
  if (plan && (*plan)->has_values()) {
    skerry::stream::Arena arena;
    (*plan)->run(arena);
  }
  return 0;
}
