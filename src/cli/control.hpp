// Control: messages between the supervisor of a demo and its gateway, one JSON object each, over a pair of sockets.
//
// gateway → supervisor: {"ready":{"ports":{"mqtt":…},"gateway_id":…}}, {"stored":…,"disk_full":…,"link":{…}},
// {"do":"kill"}.
// supervisor → gateway: the demo's state, as GET /api/v1/demo answers it. A lost message is no loss: the next is newer.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace skerry::cli {

class Control {
 public:
  // One end stays, the other is inherited by the program that is started next; it closes when the object goes.
  static Result<std::pair<Control, Control>> make();
  explicit Control(int number = -1) : number_(number) {}
  Control(Control&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Control& operator=(Control&& other) noexcept;
  ~Control();

  int number() const { return number_; }
  void send(std::string_view message) const;  // any thread; never waits
  // A message; an empty one when none came in time; nothing when the other end is gone.
  std::optional<std::string> receive(std::chrono::milliseconds within) const;

 private:
  int number_;
};

}  // namespace skerry::cli
