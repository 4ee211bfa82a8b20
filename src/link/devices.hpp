// Devices: how much each device has sent to the cloud, by priority, and how long it waited. Of the live lane; bounded:
// the device that has been silent longest goes. Any thread.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "sync/sender.hpp"

namespace skerry::link {

struct DeviceCounts {
  std::uint64_t packets = 0;  // messages
  std::uint64_t bytes = 0;    // of topics and payloads, before packing
  double waited_s = 0;        // sum: from the commit to the socket
  double waited_s_max = 0;
};

struct DeviceStatus {
  std::string device;
  sync::PerClass<DeviceCounts> classes{};
};

class Devices final : public sync::Watcher {
 public:
  explicit Devices(std::size_t most) : devices_max_(most) {}
  void on_sent(record::Class cls, std::span<const record::RecordView> records,
               std::chrono::nanoseconds waited) override;
  // By id, from the first behind `after`, at most `limit`.
  std::vector<DeviceStatus> list(std::string_view after, std::size_t limit) const;

 private:
  std::size_t devices_max_;
  mutable std::mutex mutex_;
  std::list<DeviceStatus> by_silence_;  // who sent last is first
  std::unordered_map<std::string_view, std::list<DeviceStatus>::iterator> by_id_;
};

}  // namespace skerry::link
