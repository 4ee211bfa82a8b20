/* MQTT 3.1.1 as a device needs it: one connection, QoS 1 out, QoS 2 in. No memory is allocated. */
#ifndef DEVICE_MQTT_H
#define DEVICE_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_type {
  mqtt_connect_type = 1,
  mqtt_connack = 2,
  mqtt_publish_type = 3,
  mqtt_puback = 4,
  mqtt_pubrec = 5,
  mqtt_pubrel = 6,
  mqtt_pubcomp = 7,
  mqtt_subscribe_type = 8,
  mqtt_suback = 9,
  mqtt_pingreq = 12,
  mqtt_pingresp = 13
};

enum { mqtt_bytes_max = 64 * 1024, mqtt_topic_max = 256 };

struct mqtt {
  int socket; /* -1: not connected */
  size_t length;
  size_t skip; /* bytes of a packet that was too long, still to come */
  unsigned char in[mqtt_bytes_max];
};

struct mqtt_packet {
  enum mqtt_type type;
  unsigned qos;
  uint16_t id;
  char topic[mqtt_topic_max];
  const char* payload; /* valid until the next call */
  size_t payload_length;
};

struct mqtt_hello {
  const char *host, *port, *client_id, *user, *password; /* user and password may be NULL */
  const char *will_topic, *will;
  uint16_t keep_alive_s;
};

/* A session that the broker keeps (CleanSession 0). True after a CONNACK that accepts; at most about 5 s. */
bool mqtt_open(struct mqtt* m, const struct mqtt_hello* hello);
void mqtt_close(struct mqtt* m);
enum { mqtt_retained = 0x01, mqtt_repeated = 0x08 }; /* flags of a PUBLISH */
bool mqtt_publish(struct mqtt* m, const char* topic, const char* payload, uint16_t id, unsigned flags); /* QoS 1 */
bool mqtt_subscribe(struct mqtt* m, const char* filter, uint16_t id);                                   /* QoS 2 */
bool mqtt_send_short(struct mqtt* m, enum mqtt_type type, uint16_t id); /* PUBACK … PUBCOMP, PINGREQ */
bool mqtt_receive(struct mqtt* m);                         /* what the socket has; false: the connection is over */
int mqtt_next(struct mqtt* m, struct mqtt_packet* packet); /* 1: one, 0: none yet, -1: not MQTT */

#endif
