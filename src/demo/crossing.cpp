// Three junctions of a street: queues that fill and empty, people who want to cross, and a signal that obeys.
//
// Left alone, a signal runs a fixed programme (60 s for each street, 15 s for people on foot in every second round):
// what it falls back to when nobody tells it better. Ordered, it changes at once, but not before ten seconds of a
// phase.
#include <algorithm>
#include <array>
#include <cmath>

#include "demo/site.hpp"

namespace skerry::demo {
namespace {

constexpr double phase_least_s = 10;
constexpr double street_s = 60;
constexpr double walk_s = 15;
constexpr double discharge_per_s = 0.5;  // vehicles a green second, each direction
constexpr double starting_s = 2;
constexpr std::array<std::string_view, 4> directions{"north", "south", "east", "west"};

enum class Phase : std::uint8_t { north_south, east_west, walk };
constexpr std::string_view name_of(Phase p) {
  return p == Phase::north_south ? "ns" : p == Phase::east_west ? "ew" : "walk";
}

struct Junction {
  std::array<double, 4> queues{};
  std::array<double, 4> rates{};  // vehicles a second, at the busiest
  Phase phase = Phase::north_south;
  Phase before_walk = Phase::north_south;
  double phase_s = 0;
  int rounds = 0;
  double pedestrian_wait_s = -1;  // none waits
  int blocked = 0;                // direction of a blocked lane, when there is one
  double detector_at = 0;
  bool detector_stuck = false;
};

// Two rush hours, about 8 and 17:30.
double traffic(std::int64_t at_ms) {
  const double hour = static_cast<double>(at_ms % day_ms) / static_cast<double>(hour_ms);
  const auto peak = [hour](double at) { return std::exp(-(hour - at) * (hour - at) / 3); };
  return 0.2 + 0.8 * std::min(1.0, peak(8.2) + peak(17.5));
}

class Crossing final : public Site {
 public:
  Crossing(SitePlan plan, std::uint64_t seed) : Site(std::move(plan), seed), junctions_(devices().size()) {
    for (auto& j : junctions_) {
      for (auto& rate : j.rates) rate = uniform(0.06, 0.2);
      j.phase_s = uniform(0, street_s);
      j.blocked = static_cast<int>(uniform(0, 3.999));
    }
  }

  Obeyed obey(std::uint32_t device, std::string_view command) override {
    auto& j = junctions_[device];
    const auto wanted = command == "green_ns"   ? std::optional(Phase::north_south)
                        : command == "green_ew" ? std::optional(Phase::east_west)
                        : command == "walk"     ? std::optional(Phase::walk)
                                                : std::nullopt;
    if (!wanted) return {false, "this signal knows green_ns, green_ew and walk"};
    if (*wanted == j.phase) return {true, "it is so already"};
    if (j.phase_s < phase_least_s) return {false, "a phase lasts ten seconds at least"};
    change(j, *wanted);
    return {true, "changed"};
  }

 private:
  void speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) override;

  static void change(Junction& j, Phase to) {
    if (to == Phase::walk) j.before_walk = j.phase;
    j.phase = to;
    j.phase_s = 0;
  }
  static void follow_programme(Junction& j);

  std::vector<Junction> junctions_;
};

void Crossing::follow_programme(Junction& j) {
  if (j.phase == Phase::walk) {
    if (j.phase_s >= walk_s) change(j, j.before_walk == Phase::north_south ? Phase::east_west : Phase::north_south);
    return;
  }
  if (j.phase_s < street_s) return;
  if (j.phase == Phase::north_south) return change(j, Phase::east_west);
  change(j, ++j.rounds % 2 == 0 ? Phase::walk : Phase::north_south);
}

void Crossing::speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) {
  auto& j = junctions_[device];
  const double seconds = static_cast<double>(interval_ms()) / 1'000;
  const auto blocked = fault(device, "blocked_lane", at_ms);
  j.phase_s += seconds;
  follow_programme(j);
  for (int d = 0; d < 4; ++d) {
    auto& queue = j.queues[d];
    const double mean = j.rates[d] * traffic(at_ms) * seconds;
    for (int i = 0; i < 10; ++i) queue += uniform(0, 1) < mean / 10 ? 1 : 0;
    const bool green = j.phase == (d < 2 ? Phase::north_south : Phase::east_west) && j.phase_s > starting_s;
    const double share = blocked && d == j.blocked ? 0.12 : 1;
    if (green) queue = std::max(0.0, queue - discharge_per_s * share * seconds);
  }
  const bool comes = uniform(0, 1) < seconds / 60;
  if (j.phase == Phase::walk) {
    j.pedestrian_wait_s = -1;
  } else if (j.pedestrian_wait_s >= 0) {
    j.pedestrian_wait_s += seconds;
  } else if (comes) {
    j.pedestrian_wait_s = 0;
  }
  if (fault(device, "detector_stuck", at_ms)) {
    if (!j.detector_stuck) j.detector_at = 3 + std::floor(j.queues[0]);
    j.detector_stuck = true;
  } else {
    j.detector_stuck = false;
  }
  std::array<double, 4> told{};
  for (int d = 0; d < 4; ++d) told[d] = d == 0 && j.detector_stuck ? j.detector_at : std::floor(j.queues[d]);
  append_number(fields, "queue_total", told[0] + told[1] + told[2] + told[3], 0);
  for (int d = 0; d < 4; ++d) append_number(fields, "queue_" + std::string(directions[d]), told[d], 0);
  append_number(fields, "pedestrian_wait_s", std::max(0.0, j.pedestrian_wait_s), 0);
  append_word(fields, "phase", name_of(j.phase));
  append_number(fields, "phase_s", j.phase_s, 0);
}

}  // namespace

std::unique_ptr<Source> make_crossing(std::uint64_t seed) {
  return std::make_unique<Crossing>(SitePlan{.name = "crossing",
                                             .devices = numbered("junction", 3),
                                             .begin_ms = monday_ms + 7 * hour_ms + 30 * minute_ms,
                                             .interval_ms = 5 * second_ms,
                                             .speed = 10,
                                             .kinds = {{"blocked_lane", 8 * minute_ms, {"blocked_lane"}},
                                                       {"detector_stuck", 8 * minute_ms, {"detector_stuck"}},
                                                       {"drop_out", 3 * minute_ms, {"drop_out"}}},
                                             .first_fault_ms = 4 * minute_ms,
                                             .fault_every_ms = 8 * minute_ms,
                                             .fades_ms = 2 * minute_ms},
                                    seed);
}

}  // namespace skerry::demo
