// Windows of failures, and locks that double.
#include "identity/guard.hpp"

#include <algorithm>

#include "identity/identity.hpp"
#include "identity/limits.hpp"

namespace skerry::identity {
namespace {

std::string pair_key(std::string_view name, std::string_view address) {
  return std::string(name) + '\n' + std::string(address);
}

bool is_old(Mono at, Mono now) { return at + limits::failure_window < now; }

void forget_old(std::deque<Mono>& times, Mono now) {
  while (!times.empty() && is_old(times.front(), now)) times.pop_front();
}

bool all_old(const std::deque<Mono>& times, Mono now) { return times.empty() || is_old(times.back(), now); }

}  // namespace

std::chrono::seconds Guard::locked(std::string_view name, std::string_view address, Mono now) const {
  std::chrono::seconds wait{0};
  for (const auto& key : {pair_key(name, address), std::string(address)}) {
    const auto found = records_.find(key);
    if (found == records_.end() || found->second.locked_until <= now) continue;
    wait = std::max(wait, std::chrono::ceil<std::chrono::seconds>(found->second.locked_until - now));
  }
  return wait;
}

// When full, what is neither locked nor fresh goes; when all are, the first: memory is bounded, an attacker with many
// addresses only loses others' memory of failures.
void Guard::make_room(Records& records, Mono now) {
  if (records.size() < limits::guarded_max) return;
  std::erase_if(records, [now](const auto& each) {
    return all_old(each.second.failures, now) && each.second.locked_until <= now;
  });
  if (records.size() >= limits::guarded_max) records.erase(records.begin());
}

bool Guard::note(Records& records, const std::string& key, Mono now) {
  make_room(records, now);
  auto& record = records[key];
  forget_old(record.failures, now);
  record.failures.push_back(now);
  if (record.failures.size() < limits::failures_before_lock) return false;
  const auto wait =
      std::min<std::chrono::seconds>(limits::lock_first * (1U << std::min(record.locks, 6U)), limits::lock_max);
  record.locked_until = now + wait;
  ++record.locks;
  record.failures.clear();
  return true;
}

bool Guard::failed(std::string_view name, std::string_view address, Mono now) {
  const bool pair = !name.empty() && note(records_, pair_key(name, address), now);
  const bool alone = !is_loopback(address) && note(records_, std::string(address), now);
  return pair || alone;
}

void Guard::succeeded(std::string_view name, std::string_view address) { records_.erase(pair_key(name, address)); }

std::size_t Guard::failures(std::string_view address, Mono now) const {
  const auto found = records_.find(address);
  if (found == records_.end()) return 0;
  return static_cast<std::size_t>(
      std::ranges::count_if(found->second.failures, [now](Mono at) { return at + limits::failure_window >= now; }));
}

bool Guard::take(std::string_view key, unsigned per_minute, Mono now) {
  if (per_minute == 0) return true;
  const double most = per_minute;
  const auto refilled = [&](const Bucket& bucket) {
    return std::min(most, bucket.left + most * std::chrono::duration<double, std::ratio<60>>(now - bucket.at).count());
  };
  auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= limits::guarded_max)
      std::erase_if(buckets_, [now](const auto& each) { return each.second.at + std::chrono::minutes{1} <= now; });
    if (buckets_.size() >= limits::guarded_max) buckets_.erase(buckets_.begin());
    found = buckets_.try_emplace(std::string(key), Bucket{most, now}).first;
  }
  auto& bucket = found->second;
  bucket = {refilled(bucket), now};
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

bool Guard::taken_over(std::string_view identity, Mono now) {
  if (takeovers_.size() >= limits::guarded_max && !takeovers_.contains(identity)) {
    std::erase_if(takeovers_, [now](const auto& each) { return all_old(each.second, now); });
    if (takeovers_.size() >= limits::guarded_max) return false;
  }
  auto& times = takeovers_[std::string(identity)];
  forget_old(times, now);
  times.push_back(now);
  if (times.size() <= limits::takeovers_of_a_clone) return false;
  times.clear();
  const bool fresh = !cloned(identity, now);
  clones_[std::string(identity)] = now + std::chrono::hours{24};
  return fresh;
}

bool Guard::cloned(std::string_view identity, Mono now) const {
  const auto found = clones_.find(identity);
  return found != clones_.end() && found->second > now;
}

}  // namespace skerry::identity
