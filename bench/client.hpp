// A crowd of MQTT 3.1.1 devices on one thread: they publish readings at QoS 1 and take commands at QoS 2.
//
// Only loopback. Everything here is for measuring: it trusts its broker and ends the program when something is odd.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using Nanos = std::int64_t;
Nanos now();  // CLOCK_MONOTONIC
[[noreturn]] void die(const std::string& why);

struct Device {
  int fd = -1;
  std::string id;
  std::string topic;
  bool ready = false;
  bool closed = false;
  bool waits_to_write = false;
  std::string in;
  std::string out;
  std::size_t sent = 0;
  std::vector<std::uint16_t> free_ids;  // of packets, at most the window
  std::vector<Nanos> sent_at;           // by packet id
  std::deque<Nanos> spikes;             // published, no command yet
};

class Crowd {
 public:
  struct Options {
    std::uint16_t port = 1883;
    int devices = 50;
    int window = 20;               // unacknowledged publications of a device
    std::string prefix = "bench";  // device ids are PREFIX-00000
    bool commands = false;         // each subscribes commands/{id} at QoS 2
  };
  explicit Crowd(const Options& options);

  void wait_ready();
  std::vector<Device>& devices() { return devices_; }
  bool has_room(const Device& device) const { return device.ready && !device.closed && !device.free_ids.empty(); }
  void publish(Device& device, std::string_view payload);  // needs room; leaves with flush()
  void flush(Device& device);
  void turn(Nanos wait);  // takes what has come, after waiting at most so long for something

  std::uint64_t published = 0;
  std::uint64_t acked = 0;
  std::uint64_t closed = 0;
  std::uint64_t commands = 0;
  std::uint64_t unasked = 0;  // commands without a spike before them
  std::vector<float> ack_ms;
  std::vector<float> decide_ms;

 private:
  void dial(Device& device);
  void readable(Device& device);
  void packet(Device& device, unsigned char head, std::string_view body);
  void command(Device& device, unsigned char head, std::string_view body);
  void want_write(Device& device, bool on);
  void drop(Device& device);

  Options options_;
  int epoll_;
  std::vector<Device> devices_;
};

}  // namespace bench
