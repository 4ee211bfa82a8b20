// What a decision costs: the policy alone, the policy as a door asks it again, and policy with risk as at the beginning
// of a session.
//
// Prints one line of JSON: median nanoseconds of each over many rounds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "edge/rights.hpp"
#include "identity/identity.hpp"

using namespace skerry;

namespace {

template <typename Work>
double median_ns(Work work) {
  std::vector<double> all;
  for (int round = 0; round < 31; ++round) {
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 2000; ++i) work(i);
    all.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begun).count() / 2000);
  }
  std::ranges::sort(all);
  return all[all.size() / 2];
}

}  // namespace

int main() {
  char name[] = "/tmp/skerry-decision-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  metrics::Registry metrics;
  auto opened = identity::Identity::open(system_files(), system_clock(), system_chance(), metrics, dir, {});
  if (!opened) return std::fprintf(stderr, "%s\n", opened.error().text().c_str()), 1;
  auto& identity = **opened;
  for (int i = 0; i < 10'000; ++i) (void)identity.add_device({.id = "press-" + std::to_string(i), .type = "press"});
  const identity::Caller caller{.id = "press-77", .type = "press"};
  edge::Rights rights(identity, caller, {"192.0.2.1", "mqtts"});
  const auto cached = median_ns([&](int) { rights.may_publish("sensors/press-77/data"); });
  const auto policy =
      median_ns([&](int) { (void)identity.may(caller, identity::Action::publish, "sensors/press-77/data"); });
  const auto whole = median_ns([&](int i) {
    const auto risk = identity::assess({.usual_location = "hall-a",
                                        .location = i % 2 == 0 ? "hall-a" : "hall-b",
                                        .local_hour = i % 24,
                                        .suspicious_address = identity::in_network("192.0.2.1", "203.0.113.0/24"),
                                        .behaviour_anomaly = 0.6});
    auto asking = caller;
    asking.level = identity::access_level(risk.score, "basic");
    (void)identity.still(asking);
    (void)identity.may(asking, identity::Action::publish, "sensors/press-77/data");
  });
  std::printf("{\"cached_ns\":%.0f,\"policy_ns\":%.0f,\"policy_and_risk_ns\":%.0f}\n", cached, policy, whole);
  std::filesystem::remove_all(dir);
  return 0;
}
