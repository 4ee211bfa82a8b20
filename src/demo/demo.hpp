// Demo: devices that do not exist, played to a gateway by real MQTT clients on a thread of their own.
//
// A client a device: readings on sensors/{id}/data and its status on devices/{id}/status, both at QoS 1. What is not
// acknowledged is kept and sent again, so a gateway may die under a demo and come back. Devices take commands at QoS 2
// and answer them (accepted, then done or failed). Readings are stamped start + (t - t0) / speed, or as recorded.
// A board keeps what was sent, what was acknowledged, which faults were put in and which of them rules found; after an
// outage it reads back what had been acknowledged.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace skerry::demo {

struct Options {
  double speed = 0;  // 0: the demo's usual one
  bool original_clock = false;
  bool once = false;  // recordings end after their last reading
  std::uint64_t seed = 1;
};

struct Gateway {
  std::uint16_t mqtt_port = 0;
  std::uint16_t http_port = 0;
  int pid = 0;
};

// What the gateway says of itself, about so often.
inline constexpr std::chrono::milliseconds report_every{250};
struct Report {
  std::uint64_t stored = 0;  // readings committed since its folder was made
  bool disk_full = false;
  struct Link {
    bool cut = false;
    bool up = false;
    std::uint64_t live = 0;              // records that the cloud lacks, of the live lane
    std::uint64_t backlog = 0;           // … and of the backlog
    std::optional<double> live_delay_s;  // the worst of those that came to the cloud within the last second
  };
  std::optional<Link> link{};  // none: there is no cloud
};

class Demo {
 public:
  // `what`: plant, factory, crossing, farm, motes (compiled in), or a CSV file, .gz too.
  static Result<std::unique_ptr<Demo>> load(const std::string& what, const Options& options);
  virtual ~Demo() = default;  // ends the thread

  virtual const std::string& name() const = 0;
  // Gets the board's state as JSON twice a second (GET /api/v1/demo, docs/demos.md), on the demo's thread. Before the
  // first gateway_up().
  virtual void on_state(std::function<void(const std::string&)> state) = 0;
  // Any thread. The first call starts the devices; later ones say that the gateway is back, on the same ports.
  virtual void gateway_up(const Gateway& gateway) = 0;
  virtual void gateway_down() = 0;
  virtual void gateway_says(const Report& report) = 0;
};

}  // namespace skerry::demo
