// `skerry demo-data`: what a simulated site would say, as NDJSON with the faults that were put in, to try rules on.
#include <cstdio>

#include "base/time.hpp"
#include "cli/cli.hpp"
#include "demo/source.hpp"

namespace skerry::cli {

int demo_data(const DemoDataOptions& options) {
  const auto site = demo::make_site(options.demo, options.seed);
  if (!site)
    return failed({Code::not_found, "there is no such simulated demo; there is: " + demo::site_names(), options.demo});
  const auto speed = options.speed > 0 ? options.speed : site->usual_speed();
  const auto stamp = [&](std::int64_t at_ms) {
    return site->begin_ms() + static_cast<std::int64_t>(static_cast<double>(at_ms - site->begin_ms()) / speed);
  };
  const auto end_ms = site->begin_ms() + static_cast<std::int64_t>(options.hours * 3.6e6);
  std::string fields;
  std::string line;
  while (const auto step = site->next(fields)) {
    if (step->at_ms >= end_ms) break;
    if (step->kind != demo::Step::Kind::reading) continue;
    line = R"({"device_id":")" + site->devices()[step->device] + R"(","timestamp":")";
    append_rfc3339(line, EventTime{std::chrono::milliseconds{stamp(step->at_ms)}});
    line += "\"," + fields + ",\"fault\":";
    const auto* fault = demo::fault_at(*site, step->device, step->at_ms);
    line += fault == nullptr ? "null" : '"' + fault->kind + '"';
    line += "}\n";
    if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size()) return 1;
  }
  return 0;
}

}  // namespace skerry::cli
