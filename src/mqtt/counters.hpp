// Counters: what the MQTT door tells about itself.
#pragma once

#include <string>

#include "base/metrics.hpp"

namespace skerry::mqtt {

struct Counters {
  explicit Counters(metrics::Registry& registry);

  void malformed(const char* reason);  // skerry_mqtt_malformed_total{reason=}
  void limit(const char* name);        // skerry_mqtt_limit_total{limit=}
  void connect_refused(const char* reason);

  metrics::Registry& registry;
  metrics::Gauge& connections;
  metrics::Gauge& sessions;
  metrics::Gauge& subscriptions;
  metrics::Gauge& retained;
  metrics::Gauge& lagging;
  metrics::Counter& connects;
  metrics::Counter* received[3];
  metrics::Counter* sent[3];
  metrics::Counter& bytes_received;
  metrics::Counter& bytes_sent;
  metrics::Counter& expired;
  metrics::Counter& dropped_too_large;
  metrics::Counter& pushed_back;
  metrics::Counter& taken_over;
  metrics::Counter& session_gaps;
  metrics::Counter& session_gap_records;
  metrics::Counter& not_acknowledged;
};

}  // namespace skerry::mqtt
