// Machines that run hot: a plant of twenty, and a factory hall of six presses with an emergency stop.
//
// Each machine follows the shifts of the day and a working cycle of its own. Its temperature follows its load as a
// first-order lag and swings with the cycle; vibration grows with load and wear; noise is uniform and small beside the
// swing, so that without a fault no reading stands far outside its last minutes. Throttled, it runs at two fifths of
// its load for an hour; stopped, it cools down, is repaired and starts again after three quarters of an hour.
#include <algorithm>
#include <array>
#include <cmath>

#include "demo/site.hpp"

namespace skerry::demo {
namespace {

constexpr std::int64_t throttled_ms = 60 * minute_ms;
constexpr std::int64_t stopped_ms = 45 * minute_ms;
constexpr double throttled_share = 0.4;
constexpr double usual_load = 0.85;
constexpr double swing_share = 0.08;  // of the heat, with the working cycle
constexpr double lead = 0.8;          // of the load before the temperature, radians
constexpr double lag_running_ms = 10 * minute_ms;
constexpr double lag_stopped_ms = 120 * minute_ms;  // the fan stands still too

struct Machine {
  double heat = 0;  // degrees above the hall at full load
  double cycle_ms = 0;
  double phase = 0;  // of the slower things; the cycle begins at its middle
  double turn = 1;   // upwards or downwards
  double swing = 0;  // degrees
  double temperature = 0;
  double hot_more = 0;  // of this machine's overheating, degrees
  double stuck_at = 0;
  bool stuck = false;
  std::int64_t throttled_until = 0;
  std::int64_t stopped_until = 0;
};

double noon(double angle) { return std::sin(angle - std::numbers::pi / 2); }  // 1 at 12:00, -1 at midnight

// Two shifts, 6 to 22 o'clock, with an hour to come up and to go down.
double shift(std::int64_t at_ms) {
  const double hour = static_cast<double>(at_ms % day_ms) / static_cast<double>(hour_ms);
  const double up = std::clamp(hour - 5.5, 0.0, 1.0);
  const double down = std::clamp(22.5 - hour, 0.0, 1.0);
  return 0.6 + 0.4 * std::min(up, down);
}

class Machines final : public Site {
 public:
  Machines(SitePlan plan, std::uint64_t seed) : Site(std::move(plan), seed), machines_(devices().size()) {
    for (auto& m : machines_) {
      m.heat = uniform(34, 40);
      m.cycle_ms = uniform(40, 70) * static_cast<double>(minute_ms);
      m.phase = uniform(0, 2 * std::numbers::pi);
      m.turn = uniform(-1, 1) < 0 ? -1 : 1;
      m.hot_more = uniform(35, 60);
    }
  }

  Obeyed obey(std::uint32_t device, std::string_view command) override {
    auto& m = machines_[device];
    if (command == "throttle") {
      m.throttled_until = now_ms_ + throttled_ms;
      return {true, "runs at 40 % of its load for an hour"};
    }
    if (command == "shutdown" || command == "emergency_stop") {
      m.stopped_until = now_ms_ + stopped_ms;
      return {true, "stands; maintenance will start it again"};
    }
    if (command == "start") {
      m.stopped_until = m.throttled_until = 0;
      return {true, "runs"};
    }
    return {false, "this machine knows throttle, shutdown, emergency_stop and start"};
  }

 private:
  void speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) override;
  double cycle(const Machine& m, std::int64_t at_ms) const {
    return 2 * std::numbers::pi * static_cast<double>(at_ms - begin_ms()) / m.cycle_ms;
  }
  double load(Machine& m, std::uint32_t device, std::int64_t at_ms);

  std::vector<Machine> machines_;
  std::int64_t now_ms_ = 0;
};

double Machines::load(Machine& m, std::uint32_t device, std::int64_t at_ms) {
  if (m.stopped_until != 0 && at_ms >= m.stopped_until) {
    m.stopped_until = m.throttled_until = 0;
    repair(device, at_ms);
  }
  if (m.stopped_until != 0) return 0;
  const double wanted = shift(at_ms) * (usual_load + swing_share * m.turn * std::sin(cycle(m, at_ms) + lead));
  return at_ms < m.throttled_until ? wanted * throttled_share : wanted;
}

void Machines::speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) {
  auto& m = machines_[device];
  now_ms_ = at_ms;
  const double run = load(m, device, at_ms);
  const bool stands = m.stopped_until != 0;
  const double day = noon(day_angle(at_ms));
  const double wear = fault(device, "bearing_wear", at_ms).value_or(0);
  const auto loose = fault(device, "loose_tool", at_ms);
  const auto hot = fault(device, "overheating", at_ms);
  const double more = hot ? m.hot_more * std::min(1.0, *hot * 4) : 0;  // its fan fails within a quarter of the time
  const double steady = stands ? 0 : run / (usual_load + swing_share * m.turn * std::sin(cycle(m, at_ms) + lead));
  const double target = 22 + 3 * day + (stands ? 0 : m.heat * usual_load * steady + more + 12 * wear);
  const double share = 1 - std::exp(-static_cast<double>(interval_ms()) / (stands ? lag_stopped_ms : lag_running_ms));
  if (m.swing == 0) m.temperature = target, m.swing = m.heat * swing_share;  // it has run for long
  m.temperature += (target - m.temperature) * share;
  m.swing += (m.heat * swing_share * steady - m.swing) * share;
  const double felt = m.temperature + m.turn * m.swing * std::sin(cycle(m, at_ms));

  // Every reading draws the same numbers, whatever is wrong with the machine.
  const std::array noise{uniform(-1, 1), uniform(-1, 1), uniform(-1, 1), uniform(-1, 1), uniform(-1, 1)};
  double temperature = felt + 0.05 * noise[0];
  if (fault(device, "spike", at_ms)) temperature += 21;
  if (fault(device, "stuck_sensor", at_ms)) {
    if (!m.stuck) m.stuck_at = temperature;
    m.stuck = true;
    temperature = m.stuck_at;
  } else {
    m.stuck = false;
  }
  const double shake = loose && !stands ? 0.2 : 0;
  const double vibration =
      stands ? 0.001 + 0.0005 * noise[1] : 0.03 + 0.02 * run * (1 + 4 * wear) + shake + 0.002 * noise[1];
  const double pressure = 1013.25 + 4 * std::sin(2 * day_angle(at_ms) + m.phase) + 1.2 * noise[2] +
                          (fault(device, "calibration_step", at_ms) ? 25 : 0);
  append_number(fields, "temperature", temperature, 2);
  append_number(fields, "humidity", 46 - 0.3 * (felt - 50) - 3 * day + 0.8 * noise[3], 1);
  append_number(fields, "vibration", vibration, 4);
  append_number(fields, "pressure", pressure, 2);
  append_number(fields, "flow_rate", stands ? 0 : 118 * run + noise[4], 1);
  append_number(fields, "load", run * 100, 0);
  append_word(fields, "state", stands ? "stopped" : at_ms < m.throttled_until ? "throttled" : "running");
}

}  // namespace

std::unique_ptr<Source> make_plant(std::uint64_t seed) {
  return std::make_unique<Machines>(
      SitePlan{.name = "plant",
               .devices = numbered("machine", 20),
               .begin_ms = monday_ms + 8 * hour_ms,
               .interval_ms = 30 * second_ms,
               .speed = 60,
               .kinds = {{"overheating",
                          60 * minute_ms,
                          {"anomaly_detection", "high_temperature", "overheating", "emergency"}},
                         {"bearing_wear", 180 * minute_ms, {"bearing_wear"}},
                         {"stuck_sensor", 40 * minute_ms, {"stuck_sensor"}},
                         {"spike", 30 * second_ms, {"anomaly_detection", "high_temperature"}},
                         {"drop_out", 20 * minute_ms, {"device_offline", "drop_out"}},
                         {"calibration_step", 120 * minute_ms, {"calibration_step"}}},
               .first_fault_ms = 20 * minute_ms,
               .fault_every_ms = 40 * minute_ms,
               .fades_ms = 60 * minute_ms},
      seed);
}

std::unique_ptr<Source> make_factory(std::uint64_t seed) {
  return std::make_unique<Machines>(
      SitePlan{.name = "factory",
               .devices = numbered("press", 6),
               .begin_ms = monday_ms + 8 * hour_ms,
               .interval_ms = 15 * second_ms,
               .speed = 30,
               .kinds = {{"loose_tool", 30 * minute_ms, {"emergency"}},
                         {"overheating",
                          60 * minute_ms,
                          {"anomaly_detection", "high_temperature", "overheating", "emergency"}},
                         {"spike", 15 * second_ms, {"anomaly_detection", "high_temperature"}}},
               .first_fault_ms = 10 * minute_ms,
               .fault_every_ms = 30 * minute_ms,
               .fades_ms = 60 * minute_ms},
      seed);
}

}  // namespace skerry::demo
