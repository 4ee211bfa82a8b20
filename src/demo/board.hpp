// Board: what happened in a demo, as its devices saw it: sent, acknowledged, stored, each second; outages, and whether
// what was acknowledged before them is still there; the faults put in, and what rules found of them. One thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "demo/demo.hpp"
#include "demo/source.hpp"

namespace skerry::demo {

// Names a reading: a device does not say the same time twice, or then both are counted.
struct Acknowledged {
  std::uint32_t device = 0;
  std::int64_t stamp_ms = 0;
};

// Of what was acknowledged before an outage, by reading it back.
struct Found {
  std::size_t asked = 0;
  std::size_t found = 0;
  std::size_t twice = 0;  // stored again: its acknowledgement had not come through
};

class Board {
 public:
  using StampOf = std::function<std::int64_t(std::int64_t source_ms)>;

  Board(const Source& source, StampOf stamp_of, Clock& clock, std::uint64_t seed, double speed);

  void sent();
  void acknowledged(const Acknowledged& reading);
  void gateway_up(const Gateway& gateway);
  void gateway_down();
  void gateway_says(const Report& report);
  void command(std::uint32_t device, std::string_view command, std::int64_t stamp_ms);
  void alert(std::string_view device, std::string_view type, std::string_view id, std::int64_t stamp_ms);

  // The newest readings that were acknowledged (limits::readings_kept).
  const std::deque<Acknowledged>& newest() const { return newest_; }
  // An outage is over and nobody has looked yet.
  bool wants_check() const;
  void checked(const Found& found);

  std::string json() const;

 private:
  struct Telling;  // as JSON
  struct Second {
    std::uint32_t sent = 0;
    std::uint32_t acknowledged = 0;
    std::uint64_t stored = 0;
    std::optional<Report::Link> link;  // as it was last; of the delay the worst
  };
  // What became of what waited for the cloud while the link was cut.
  struct Drain {
    std::uint64_t most = 0;       // records that waited when the link was mended
    std::optional<double> up_s;   // after the mending: a canary came back …
    std::optional<double> all_s;  // … and nothing of then was lacking any more
    double live_delay_s_max = 0;  // meanwhile
  };
  struct Outage {
    std::string kind;  // killed, disk_full, link_cut
    Wall from{};
    std::optional<Wall> to;
    std::uint64_t acknowledged_before = 0;
    std::uint64_t acknowledged_at_end = 0;
    std::uint64_t sent_before = 0;
    std::uint64_t sent_at_end = 0;
    std::optional<Found> found;
    std::optional<Drain> drain;
  };
  struct Detection {
    std::string alert_type;
    std::string alert_id;
    std::int64_t stamp_ms = 0;
    std::uint64_t alerts = 0;
    std::string command;
  };
  using FaultKey = std::pair<std::int64_t, std::uint32_t>;  // from_ms, device

  Second& second();
  void begin_outage(std::string_view kind);
  void end_outage(std::string_view kind);
  void link_says(const std::optional<Report::Link>& link);
  void drains(const Report::Link& link);
  Detection& detection_of(const Fault& fault);
  const Fault* fault_at(std::uint32_t device, std::int64_t stamp_ms) const;

  const Source& source_;
  StampOf stamp_of_;
  Clock& clock_;
  std::uint64_t seed_;
  double speed_;
  Mono began_;
  Wall began_wall_;
  std::map<std::string, std::uint32_t, std::less<>> device_numbers_;
  std::deque<Second> seconds_;    // the last is now
  std::int64_t last_second_ = 0;  // since the beginning
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::optional<std::uint64_t> stored_;  // as the gateway said last
  std::uint64_t stored_here_ = 0;        // since the demo began
  std::uint64_t commands_ = 0;
  std::uint64_t other_alerts_ = 0;
  std::deque<Acknowledged> newest_;
  std::deque<Outage> outages_;
  std::map<FaultKey, Detection> detections_;
  Gateway gateway_;
  std::uint64_t starts_ = 0;
  bool up_ = false;
  bool disk_full_ = false;
  std::optional<Report::Link> link_;
};

}  // namespace skerry::demo
