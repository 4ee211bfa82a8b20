// Applied stretches: what is missing, what may come next, and merging.
#include <algorithm>

#include "sync/sync.hpp"

namespace skerry::sync {

std::string_view name(Lane lane) { return lane == Lane::live ? "live" : "backlog"; }

std::string_view name(Reason reason) {
  switch (reason) {
    case Reason::budget: return "budget";
    case Reason::age: return "age";
    case Reason::damage: return "damage";
    case Reason::ttl: return "ttl";
  }
  return "unknown";
}

std::string_view name(Refusal refusal) {
  switch (refusal) {
    case Refusal::version: return "version";
    case Refusal::fenced: return "fenced";
    case Refusal::restored: return "restored";
    case Refusal::diverged: return "diverged";
    case Refusal::superseded: return "superseded";
    case Refusal::malformed: return "malformed";
    case Refusal::order: return "order";
    case Refusal::busy: return "busy";
    case Refusal::denied: return "denied";
  }
  return "unknown";
}

std::string_view name(Took took) {
  switch (took) {
    case Took::taken: return "taken";
    case Took::passed: return "passed";
    case Took::refused: return "refused";
    case Took::unknown: break;
  }
  return "unknown";
}

bool is_final(Refusal refusal) {
  return refusal == Refusal::version || refusal == Refusal::fenced || refusal == Refusal::restored ||
         refusal == Refusal::diverged || refusal == Refusal::denied;
}

bool Intervals::contains(std::uint64_t offset) const {
  return std::ranges::any_of(all_, [offset](const Interval& i) { return i.from <= offset && offset < i.to; });
}

std::uint64_t Intervals::prefix_end() const {
  return !all_.empty() && all_.front().from <= base_ ? all_.front().to : base_;
}

std::vector<Interval> Intervals::missing(std::uint64_t from, std::uint64_t to) const {
  std::vector<Interval> parts;
  from = std::max(from, base_);
  for (const auto& i : all_) {
    if (from >= to) return parts;
    if (i.to <= from) continue;
    if (i.from > from) parts.push_back({from, std::min(i.from, to), 0});
    from = i.to;
  }
  if (from < to) parts.push_back({from, to, 0});
  return parts;
}

std::vector<Interval> Intervals::holes() const { return missing(base_, end()); }

std::uint64_t Intervals::count() const {
  std::uint64_t sum = 0;
  for (const auto& i : all_) sum += i.to - i.from;
  return sum;
}

bool Intervals::may_open() const {
  const bool base_open = prefix_end() == base_;
  return all_.size() + (base_open ? 1 : 0) < intervals_max;
}

bool Intervals::accepts(Lane lane, std::uint64_t from, std::uint64_t to) const {
  if (from >= to || from < base_) return false;
  const auto parts = missing(from, to);
  if (parts.empty()) return true;
  const auto start = parts.front().from;
  if (start == base_) return true;
  if (std::ranges::any_of(all_, [start](const Interval& i) { return i.to == start; })) return true;
  return lane == Lane::live && start > end() && may_open();
}

void Intervals::set_fingerprint(std::uint64_t to, std::uint64_t fingerprint) {
  for (auto& i : all_) {
    if (i.to == to) i.fingerprint = fingerprint;
  }
}

void Intervals::add(const Interval& added) {
  for (auto part : missing(added.from, added.to)) {
    if (part.to == added.to) part.fingerprint = added.fingerprint;
    const auto at = std::ranges::lower_bound(all_, part.from, {}, &Interval::from);
    all_.insert(at, part);
  }
  std::vector<Interval> merged;
  for (const auto& i : all_) {
    if (!merged.empty() && merged.back().to == i.from) {
      merged.back().to = i.to;
      merged.back().fingerprint = i.fingerprint;
    } else {
      merged.push_back(i);
    }
  }
  all_ = std::move(merged);
  INVARIANT(all_.size() <= intervals_max);
}

Result<Intervals> Intervals::of(std::uint64_t base, std::vector<Interval> all) {
  Intervals intervals(base);
  auto floor = base;
  bool first = true;
  for (const auto& i : all) {
    if (i.from >= i.to || i.from < floor || (!first && i.from == floor))
      return fail(Code::damaged, "applied stretches that are not in order");
    floor = i.to;
    first = false;
  }
  if (all.size() > intervals_max) return fail(Code::damaged, "more applied stretches than there may be");
  intervals.all_ = std::move(all);
  return intervals;
}

}  // namespace skerry::sync
