// The names of the MQTT door's metrics.
#include "mqtt/counters.hpp"

namespace skerry::mqtt {

Counters::Counters(metrics::Registry& r)
    : registry(r),
      connections(r.gauge("skerry_mqtt_connections", "MQTT connections open now")),
      sessions(r.gauge("skerry_mqtt_sessions", "MQTT sessions, connected and not")),
      subscriptions(r.gauge("skerry_mqtt_subscriptions", "MQTT subscriptions")),
      retained(r.gauge("skerry_mqtt_retained", "topics with a retained message")),
      lagging(r.gauge("skerry_mqtt_lagging", "connected clients that read the log to catch up")),
      connects(r.counter("skerry_mqtt_connects_total", "CONNECTs accepted")),
      bytes_received(r.counter("skerry_mqtt_bytes_received_total", "bytes from MQTT clients")),
      bytes_sent(r.counter("skerry_mqtt_bytes_sent_total", "bytes to MQTT clients")),
      expired(r.counter("skerry_mqtt_expired_total", "messages not delivered because they had expired")),
      dropped_too_large(r.counter("skerry_mqtt_too_large_for_client_total",
                                  "messages not delivered because the client takes no packets that large")),
      pushed_back(r.counter("skerry_mqtt_pushed_back_total",
                            "times reading from a client stopped until the log had committed")),
      taken_over(r.counter("skerry_mqtt_taken_over_total", "connections ended by another with the same client id")),
      session_gaps(r.counter("skerry_mqtt_session_gaps_total", "sessions that fell behind what the log has kept")),
      session_gap_records(r.counter("skerry_mqtt_session_gap_records_total",
                                    "records that sessions have missed at most: some were not for them")),
      not_acknowledged(r.counter("skerry_mqtt_not_acknowledged_total", "messages refused because the log failed")) {
  for (int qos = 0; qos < 3; ++qos) {
    const metrics::Labels labels{{"qos", std::to_string(qos)}};
    received[qos] = &r.counter("skerry_mqtt_messages_received_total", "messages taken from MQTT clients", labels);
    sent[qos] = &r.counter("skerry_mqtt_messages_sent_total", "messages sent to MQTT clients", labels);
  }
}

void Counters::malformed(const char* reason) {
  registry.counter("skerry_mqtt_malformed_total", "packets refused, by reason", {{"reason", reason}}).add();
}
void Counters::limit(const char* name) {
  registry.counter("skerry_mqtt_limit_total", "times a limit was reached", {{"limit", name}}).add();
}
void Counters::connect_refused(const char* reason) {
  registry.counter("skerry_mqtt_connects_refused_total", "CONNECTs refused, by reason", {{"reason", reason}}).add();
}

}  // namespace skerry::mqtt
