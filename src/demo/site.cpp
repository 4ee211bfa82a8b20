// The turns of a site's devices, and its faults: each kind once a round, in an order that the seed decides.
#include "demo/site.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace skerry::demo {
namespace {

constexpr std::size_t faults_kept = 300;

}  // namespace

void append_number(std::string& fields, std::string_view name, double value, int decimals) {
  char text[32];
  const double scale = std::pow(10.0, decimals);
  const double rounded = std::round(value * scale) / scale + 0.0;  // no -0
  const int length = std::snprintf(text, sizeof text, "%.*f", decimals, rounded);
  if (!fields.empty()) fields += ',';
  ((fields += '"') += name) += "\":";
  fields.append(text, static_cast<std::size_t>(length));
}

void append_word(std::string& fields, std::string_view name, std::string_view value) {
  if (!fields.empty()) fields += ',';
  ((fields += '"') += name) += "\":\"";
  (fields += value) += '"';
}

std::vector<std::string> numbered(std::string_view name, int count) {
  std::vector<std::string> all;
  for (int i = 1; i <= count; ++i)
    all.push_back(std::string(name) + (count > 9 && i < 10 ? "-0" : "-") + std::to_string(i));
  return all;
}

namespace {

using Make = std::unique_ptr<Source> (*)(std::uint64_t);
constexpr std::pair<std::string_view, Make> sites[] = {
    {"plant", make_plant}, {"factory", make_factory}, {"crossing", make_crossing}, {"farm", make_farm}};

}  // namespace

std::unique_ptr<Source> make_site(std::string_view name, std::uint64_t seed) {
  const auto* const site = std::ranges::find(sites, name, &std::pair<std::string_view, Make>::first);
  return site == std::end(sites) ? nullptr : site->second(seed);
}

std::string site_names() {
  std::string all;
  for (const auto& [name, make] : sites) (all += all.empty() ? "" : ", ") += name;
  return all;
}

const Fault* fault_at(const Source& source, std::uint32_t device, std::int64_t at_ms) {
  const auto& faults = source.faults();
  const auto found = std::find_if(faults.rbegin(), faults.rend(), [&](const Fault& f) {
    return f.device == device && f.from_ms <= at_ms && at_ms < f.to_ms;
  });
  return found == faults.rend() ? nullptr : &*found;
}

Site::Site(SitePlan plan, std::uint64_t seed)
    : plan_(std::move(plan)),
      chance_(seed),
      active_(plan_.devices.size()),
      away_(plan_.devices.size()),
      next_fault_ms_(plan_.begin_ms + plan_.first_fault_ms) {}

std::optional<Step> Site::next(std::string& fields) {
  fields.clear();
  while (true) {
    const auto count = plan_.devices.size();
    const auto device = static_cast<std::uint32_t>(turn_ % count);
    const auto at = plan_.begin_ms + static_cast<std::int64_t>(turn_ / count) * plan_.interval_ms +
                    static_cast<std::int64_t>(device) * plan_.interval_ms / static_cast<std::int64_t>(count);
    if (at >= next_fault_ms_) begin_fault(at);
    auto& fault = active_[device];
    if (fault && at >= fault->to_ms) fault.reset();
    const bool away = fault && fault->kind == "drop_out";
    if (away != away_[device]) {
      away_[device] = away;
      if (away) ++turn_;
      return Step{device, at, away ? Step::Kind::leave : Step::Kind::come};
    }
    ++turn_;
    speak(device, at, fields);
    if (!away) return Step{device, at, Step::Kind::reading};
    fields.clear();  // what it did meanwhile, nobody heard
  }
}

void Site::begin_fault(std::int64_t at_ms) {
  next_fault_ms_ = at_ms + plan_.fault_every_ms * 3 / 4 +
                   static_cast<std::int64_t>(chance_.below(static_cast<std::uint64_t>(plan_.fault_every_ms / 2 + 1)));
  if (round_.empty()) {
    for (std::size_t i = 0; i < plan_.kinds.size(); ++i) round_.push_back(i);
    // The first of the first round is the first kind: a new user sees what the site is for at once.
    const std::size_t fixed = faults_.empty() ? 1 : 0;
    for (std::size_t i = round_.size(); i > fixed + 1; --i)
      std::swap(round_[i - 1], round_[fixed + chance_.below(i - fixed)]);
    std::ranges::reverse(round_);
  }
  std::vector<std::uint32_t> sound;
  for (std::uint32_t i = 0; i < active_.size(); ++i) {
    if (!active_[i] || at_ms >= active_[i]->to_ms) sound.push_back(i);
  }
  if (sound.empty()) return;
  const auto device = sound[chance_.below(sound.size())];
  const auto& kind = plan_.kinds[round_.back()];
  round_.pop_back();
  active_[device] =
      Fault{device, kind.name, at_ms, at_ms + kind.lasts_ms, at_ms + kind.lasts_ms + plan_.fades_ms, kind.found_by};
  faults_.push_back(*active_[device]);
  if (faults_.size() > faults_kept) faults_.pop_front();
}

std::optional<double> Site::fault(std::uint32_t device, std::string_view kind, std::int64_t at_ms) const {
  const auto& active = active_[device];
  if (!active || active->kind != kind || at_ms < active->from_ms || at_ms >= active->to_ms) return {};
  return static_cast<double>(at_ms - active->from_ms) / static_cast<double>(active->to_ms - active->from_ms);
}

void Site::repair(std::uint32_t device, std::int64_t at_ms) {
  auto& active = active_[device];
  if (!active) return;
  const auto known =
      std::ranges::find_if(faults_, [&](const Fault& f) { return f.device == device && f.from_ms == active->from_ms; });
  if (known != faults_.end()) {
    known->to_ms = std::min(known->to_ms, at_ms);
    known->fades_ms = known->to_ms + plan_.fades_ms;
  }
  active.reset();
}

double Site::uniform(double from, double to) {
  return from + (to - from) * (static_cast<double>(chance_.next() >> 11) * 0x1p-53);
}

}  // namespace skerry::demo
