// Six fields with a valve each: soil that dries in the sun and is watered on command, valves that jam, pipes that leak.
#include <algorithm>
#include <array>
#include <cmath>

#include "demo/site.hpp"

namespace skerry::demo {
namespace {

constexpr double watering_per_hour = 9;  // points of soil moisture
constexpr double half_open_share = 0.3;
constexpr double litres_per_minute = 60;

enum class Valve : std::uint8_t { closed, open, half_open };
constexpr std::string_view name_of(Valve v) {
  return v == Valve::closed ? "closed" : v == Valve::open ? "open" : "half_open";
}

struct Field {
  double moisture = 0;  // percent by volume
  double drying = 0;    // points an hour at noon
  Valve valve = Valve::closed;
  bool jams = false;  // as of its latest reading
  double stuck_at = 0;
  bool stuck = false;
};

class Farm final : public Site {
 public:
  Farm(SitePlan plan, std::uint64_t seed) : Site(std::move(plan), seed), fields_(devices().size()) {
    for (auto& f : fields_) {
      f.moisture = uniform(23, 33);
      f.drying = uniform(1.0, 1.6);
    }
  }

  Obeyed obey(std::uint32_t device, std::string_view command) override {
    auto& f = fields_[device];
    if (command == "open_valve") {
      f.valve = f.jams ? Valve::half_open : Valve::open;
      if (f.jams) return {false, "the valve jams half open"};
      return {true, "open"};
    }
    if (command == "close_valve") {
      f.valve = Valve::closed;
      return {true, "closed"};
    }
    return {false, "this field knows open_valve and close_valve"};
  }

 private:
  void speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) override;

  std::vector<Field> fields_;
};

void Farm::speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) {
  auto& f = fields_[device];
  const double hours = static_cast<double>(interval_ms()) / static_cast<double>(hour_ms);
  const double sun = std::max(0.0, std::sin(day_angle(at_ms) - std::numbers::pi / 2));
  f.jams = fault(device, "valve_jam", at_ms).has_value();
  const bool leaks = fault(device, "leak", at_ms).has_value();
  const double open = f.valve == Valve::open ? 1 : f.valve == Valve::half_open ? half_open_share : 0;
  const std::array noise{uniform(-1, 1), uniform(-1, 1), uniform(-1, 1), uniform(-1, 1)};
  f.moisture += hours * (open * watering_per_hour - f.drying * (0.15 + sun));
  f.moisture = std::clamp(f.moisture, 5.0, 45.0);
  double told = f.moisture + 0.15 * noise[0];
  if (fault(device, "stuck_sensor", at_ms)) {
    if (!f.stuck) f.stuck_at = told;
    f.stuck = true;
    told = f.stuck_at;
  } else {
    f.stuck = false;
  }
  const double cold = fault(device, "frost", at_ms) ? -14 : 0;
  const double flow = litres_per_minute * (leaks ? std::max(open, 0.25) : open);
  append_number(fields, "soil_moisture", told, 2);
  append_number(fields, "air_temperature", 16 + 7 * std::sin(day_angle(at_ms) - 2.1) + cold + 0.4 * noise[1], 1);
  append_number(fields, "humidity", 65 - 18 * sun + 1.5 * noise[2], 1);
  append_number(fields, "flow", flow > 0 ? flow + 0.8 * noise[3] : 0, 1);
  append_word(fields, "valve", name_of(f.valve));
}

}  // namespace

std::unique_ptr<Source> make_farm(std::uint64_t seed) {
  return std::make_unique<Farm>(SitePlan{.name = "farm",
                                         .devices = numbered("field", 6),
                                         .begin_ms = monday_ms + 9 * hour_ms,
                                         .interval_ms = 10 * minute_ms,
                                         .speed = 1'200,
                                         .kinds = {{"valve_jam", 16 * hour_ms, {"dry_soil"}},
                                                   {"leak", 8 * hour_ms, {"leak"}},
                                                   {"frost", 5 * hour_ms, {"frost"}},
                                                   {"stuck_sensor", 12 * hour_ms, {"stuck_sensor"}},
                                                   {"drop_out", 6 * hour_ms, {"drop_out"}}},
                                         .first_fault_ms = 2 * hour_ms,
                                         .fault_every_ms = 12 * hour_ms,
                                         .fades_ms = 3 * hour_ms},
                                seed);
}

}  // namespace skerry::demo
