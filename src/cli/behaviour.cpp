// `skerry device behaviour`: what a gateway's recorded traffic would have said of its devices, reading the log again.
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "base/zone.hpp"
#include "cli/identity_options.hpp"
#include "edge/security.hpp"
#include "identity/behaviour.hpp"
#include "identity/identity.hpp"
#include "log/tools.hpp"
#include "record/record.hpp"

namespace skerry::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Highest {
  std::uint64_t messages = 0;
  std::uint64_t unusual = 0;  // windows above the threshold
  identity::Deviation deviation;
  Wall at{};
  Wall last_unusual{};
};

struct Replay {
  Zone zone;
  double above = 0.5;
  std::string only;
  identity::Behaviour behaviour;
  std::map<std::string, Highest, std::less<>> highest;

  void take(std::string_view line) {
    const auto json = Json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("kind", "") != "message") return;
    const auto topic = json.value("topic", std::string());
    const bool from_device = topic.starts_with("sensors/") || topic.starts_with("devices/");
    const std::string device(record::device_of(topic));
    if (!from_device || device.empty() || (!only.empty() && device != only)) return;
    const auto& payload = json.at("payload");
    auto text = json.value("appended_at", std::string());
    // Readings say when they were taken; what a demo plays fast is judged by that.
    if (payload.is_object() && payload.contains("timestamp") && payload["timestamp"].is_string())
      text = payload["timestamp"].get<std::string>();
    const auto time = parse_time(text);
    if (!time) return;
    const Wall at(*time);
    identity::Traffic traffic;
    traffic.add(identity::topic_number(topic),
                payload.is_string() ? payload.get_ref<const std::string&>().size() : payload.dump().size());
    behaviour.sent(device, traffic, at, zone.hour(at));
    auto& high = highest[device];
    ++high.messages;
    const auto now = behaviour.of(device, at);
    if (now.score > above && at >= high.last_unusual + identity::Behaviour::window) {
      ++high.unusual;
      high.last_unusual = at;
    }
    if (now.score > high.deviation.score) {
      high.deviation = now;
      high.at = at;
    }
  }
};

void print(const Replay& replay, bool json) {
  if (!json)
    std::printf("%-32s %10s %8s %7s  %-24s  %s\n", "device", "messages", "unusual", "most", "at",
                "rate  size  topics  hours");
  for (const auto& [device, high] : replay.highest) {
    const auto& most = high.deviation;
    const auto at = most.score > 0 ? format_rfc3339(to_event(high.at)) : std::string("-");
    if (json)
      std::printf("%s\n", Json{{"device", device},
                               {"messages", high.messages},
                               {"unusual_windows", high.unusual},
                               {"anomaly", most.score},
                               {"at", most.score > 0 ? Json(at) : Json()},
                               {"rate", most.rate},
                               {"size", most.size},
                               {"topics", most.topics},
                               {"hours", most.hours}}
                              .dump()
                              .c_str());
    else
      std::printf("%-32s %10llu %8llu %7.2f  %-24s  %.2f  %.2f  %.2f    %.2f\n", device.c_str(),
                  static_cast<unsigned long long>(high.messages), static_cast<unsigned long long>(high.unusual),
                  most.score, at.c_str(), most.rate, most.size, most.topics, most.hours);
  }
}

}  // namespace

int device_behaviour(const IdentityCommand& o) {
  const auto config = load_config(o.start);
  if (!config) return failed(config.error());
  const auto options = edge::identity_options(*config, "cli");
  if (!options) return failed(options.error());
  auto zone = Zone::named(system_files(), options->time_zone);
  if (!zone) return failed(zone.error());
  Replay replay{.zone = std::move(*zone),
                .above = options->weights.behaviour_above,
                .only = o.id,
                .behaviour = {},
                .highest = {}};
  const auto done = log::dump(system_files(), join_path(o.start.data_dir, "log"), {},
                              [&replay](std::string_view line) { replay.take(line); });
  if (!done) return failed(done.error());
  print(replay, o.json);
  return 0;
}

}  // namespace skerry::cli
