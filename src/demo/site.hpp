// Site: what simulated sites have in common: devices that speak in turn, and faults drawn from the seed.
#pragma once

#include <numbers>

#include "base/chance.hpp"
#include "demo/source.hpp"

namespace skerry::demo {

inline constexpr std::int64_t second_ms = 1'000;
inline constexpr std::int64_t minute_ms = 60 * second_ms;
inline constexpr std::int64_t hour_ms = 60 * minute_ms;
inline constexpr std::int64_t day_ms = 24 * hour_ms;
inline constexpr std::int64_t monday_ms = 1'767'571'200'000;  // 2026-01-05T00:00:00Z, when simulated sites begin

// Appends `"name":value` with so many decimals, after a comma where something stands before it.
void append_number(std::string& fields, std::string_view name, double value, int decimals);
void append_word(std::string& fields, std::string_view name, std::string_view value);  // no escapes needed

struct SitePlan {
  struct Kind {
    std::string name;
    std::int64_t lasts_ms = 0;
    std::vector<std::string> found_by;
  };
  std::string name;
  std::vector<std::string> devices;
  std::int64_t begin_ms = 0;
  std::int64_t interval_ms = 0;  // of one device
  double speed = 60;
  std::vector<Kind> kinds;          // of faults; "drop_out" takes the device off the network
  std::int64_t first_fault_ms = 0;  // after the beginning
  std::int64_t fault_every_ms = 0;  // one somewhere on the site, a quarter more or less
  std::int64_t fades_ms = 0;        // after a repair, until all is as usual
};

std::vector<std::string> numbered(std::string_view name, int count);

class Site : public Source {
 public:
  const std::string& name() const override { return plan_.name; }
  double usual_speed() const override { return plan_.speed; }
  const std::vector<std::string>& devices() const override { return plan_.devices; }
  std::int64_t begin_ms() const override { return plan_.begin_ms; }
  std::optional<Step> next(std::string& fields) override;
  const std::deque<Fault>& faults() const override { return faults_; }

 protected:
  Site(SitePlan plan, std::uint64_t seed);

  // What the device says at that time; called once per device and interval, in order of time.
  virtual void speak(std::uint32_t device, std::int64_t at_ms, std::string& fields) = 0;

  // How far its fault has come, from 0 to 1; nothing when it has none of that kind now.
  std::optional<double> fault(std::uint32_t device, std::string_view kind, std::int64_t at_ms) const;
  void repair(std::uint32_t device, std::int64_t at_ms);
  double uniform(double from, double to);
  std::int64_t interval_ms() const { return plan_.interval_ms; }
  // The share of a day that has passed, as an angle.
  static double day_angle(std::int64_t at_ms) {
    return 2 * std::numbers::pi * static_cast<double>(at_ms % day_ms) / static_cast<double>(day_ms);
  }

 private:
  void begin_fault(std::int64_t at_ms);

  SitePlan plan_;
  SeededChance chance_;
  std::deque<Fault> faults_;
  std::vector<std::optional<Fault>> active_;  // of each device
  std::vector<bool> away_;
  std::vector<std::size_t> round_;  // kinds still to come in this round
  std::int64_t next_fault_ms_;
  std::uint64_t turn_ = 0;
};

std::unique_ptr<Source> make_plant(std::uint64_t seed);     // machines.cpp
std::unique_ptr<Source> make_factory(std::uint64_t seed);   // machines.cpp
std::unique_ptr<Source> make_crossing(std::uint64_t seed);  // crossing.cpp
std::unique_ptr<Source> make_farm(std::uint64_t seed);      // farm.cpp

}  // namespace skerry::demo
