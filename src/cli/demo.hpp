// Demo: recorded readings, played to the gateway by real MQTT clients on a thread of their own.
//
// A client a device. Readings keep their distances, divided by the speed, and are stamped start + (t - t0) / speed
// (or as recorded); after the last the first follows. Each waits for its PUBACK to count as acknowledged, and is sent
// again after a reconnect as MQTT says. Devices take commands and answer them (accepted, done).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "base/result.hpp"

namespace skerry::cli {

struct DemoOptions {
  double speed = 60;
  bool original_clock = false;
  bool once = false;
};

class Demo {
 public:
  // `what`: motes (compiled in) or a CSV file, .gz too.
  static Result<std::unique_ptr<Demo>> load(const std::string& what, const DemoOptions& options);
  virtual ~Demo() = default;  // ends the thread

  virtual const std::string& name() const = 0;
  virtual void start(std::uint16_t mqtt_port, metrics::Registry& metrics) = 0;
};

}  // namespace skerry::cli
