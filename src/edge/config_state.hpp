// ConfigState: the settings a gateway runs with, those it has read since, and how the last reload went.
//
// A reload that is refused changes nothing here but the count and the reason. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/metrics.hpp"

namespace skerry::edge {

class ConfigState {
 public:
  ConfigState(const config::Config& started, Wall now, metrics::Registry& metrics);

  // The newest that was good: live keys count already, the others from the next start.
  std::shared_ptr<const config::Config> latest() const;
  void refused(const Error& why, Wall now);
  void applied(const config::Config& config, Wall now);

  std::string status() const;          // {"loaded_at","reloads","refused","last_error","restart_needed":[keys]} as JSON
  std::string items() const;           // the keys, as config::describe() has them, with commas between
  std::string restart_needed() const;  // keys that differ from what runs, as a JSON array

 private:
  config::Config started_;
  mutable std::mutex mutex_;
  std::shared_ptr<const config::Config> latest_;
  Wall loaded_at_;
  std::uint64_t reloads_ = 0;
  std::uint64_t refusals_ = 0;
  std::string last_error_;  // empty: the last one went well
  metrics::Counter& applied_total_;
  metrics::Counter& refused_total_;
  metrics::Gauge& restart_needed_;
  metrics::Gauge& last_ok_;
};

}  // namespace skerry::edge
