// A list by silence with an index by id.
#include "link/devices.hpp"

#include <algorithm>

namespace skerry::link {

void Devices::on_sent(record::Class cls, std::span<const record::RecordView> records, std::chrono::nanoseconds waited) {
  const auto seconds = std::chrono::duration<double>(waited).count();
  const std::scoped_lock lock(mutex_);
  for (const auto& record : records) {
    const auto device = record::device_of(record.topic);
    if (device.empty() || record.kind != record::Kind::message) continue;
    auto found = by_id_.find(device);
    if (found == by_id_.end()) {
      if (by_silence_.size() >= devices_max_) {
        by_id_.erase(by_silence_.back().device);
        by_silence_.pop_back();
      }
      by_silence_.push_front({.device = std::string(device)});
      found = by_id_.emplace(by_silence_.front().device, by_silence_.begin()).first;
    } else {
      by_silence_.splice(by_silence_.begin(), by_silence_, found->second);
    }
    auto& counts = found->second->classes[static_cast<std::size_t>(cls)];
    ++counts.packets;
    counts.bytes += record.topic.size() + record.payload.size();
    counts.waited_s += seconds;
    counts.waited_s_max = std::max(counts.waited_s_max, seconds);
  }
}

std::vector<DeviceStatus> Devices::list(std::string_view after, std::size_t limit) const {
  std::vector<DeviceStatus> all;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& each : by_silence_) {
      if (each.device > after) all.push_back(each);
    }
  }
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(limit, all.size()));
  std::ranges::partial_sort(all, end, {}, &DeviceStatus::device);
  all.erase(end, all.end());
  return all;
}

}  // namespace skerry::link
