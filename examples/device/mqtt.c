/* Packets of MQTT 3.1.1 (OASIS, 2014) over a POSIX socket. */
#include "mqtt.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { timeout_ms = 5000 };

struct writer {
  unsigned char bytes[2048];
  size_t length;
  bool full;
};

static void put(struct writer* w, const void* bytes, size_t length) {
  if (length > sizeof w->bytes - w->length) w->full = true;
  if (w->full) return;
  memcpy(w->bytes + w->length, bytes, length);
  w->length += length;
}
static void put_byte(struct writer* w, unsigned value) {
  const unsigned char byte = (unsigned char)value;
  put(w, &byte, 1);
}
static void put_u16(struct writer* w, unsigned value) {
  put_byte(w, value >> 8);
  put_byte(w, value & 0xff);
}
static void put_text(struct writer* w, const char* text) {
  put_u16(w, (unsigned)strlen(text));
  put(w, text, strlen(text));
}

static bool send_all(struct mqtt* m, const unsigned char* bytes, size_t length) {
  while (length > 0) {
    const ssize_t sent = send(m->socket, bytes, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    length -= (size_t)sent;
  }
  return true;
}

/* The fixed header of section 2.2 before `body`, in one write. */
static bool send_packet(struct mqtt* m, unsigned first, const struct writer* body) {
  struct writer out = {.length = 0};
  size_t rest = body->length;
  if (body->full || m->socket < 0) return false;
  put_byte(&out, first);
  do {
    put_byte(&out, (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  put(&out, body->bytes, body->length);
  return !out.full && send_all(m, out.bytes, out.length);
}

static int connect_to(const char* host, const char* port) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
  int s = -1;
  for (const struct addrinfo* a = found; a != NULL && s < 0; a = a->ai_next) {
    s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (s < 0) continue;
    const struct timeval limit = {.tv_sec = timeout_ms / 1000};
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* also of connect() on Linux */
    if (connect(s, a->ai_addr, a->ai_addrlen) != 0) {
      close(s);
      s = -1;
    }
  }
  freeaddrinfo(found);
  return s;
}

bool mqtt_open(struct mqtt* m, const struct mqtt_hello* hello) {
  struct writer w = {.length = 0};
  struct mqtt_packet packet;
  m->length = m->skip = 0;
  m->socket = connect_to(hello->host, hello->port);
  if (m->socket < 0) return false;
  put_text(&w, "MQTT");
  put_byte(&w, 4); /* level: 3.1.1 */
  put_byte(&w,
           0x04 | 0x08 | 0x20 | (hello->user ? 0x80 : 0) | (hello->password ? 0x40 : 0)); /* will, QoS 1, retained */
  put_u16(&w, hello->keep_alive_s);
  put_text(&w, hello->client_id);
  put_text(&w, hello->will_topic);
  put_text(&w, hello->will);
  if (hello->user) put_text(&w, hello->user);
  if (hello->password) put_text(&w, hello->password);
  if (!send_packet(m, mqtt_connect_type << 4, &w)) return mqtt_close(m), false;
  for (int waited = 0; waited < 10; ++waited) {
    struct pollfd p = {.fd = m->socket, .events = POLLIN};
    if (poll(&p, 1, timeout_ms / 10) > 0 && !mqtt_receive(m)) break;
    const int got = mqtt_next(m, &packet);
    if (got < 0) break;
    if (got > 0) {
      if (packet.type == mqtt_connack && packet.id == 0) return true; /* id: the return code, see mqtt_next() */
      break;
    }
  }
  return mqtt_close(m), false;
}

void mqtt_close(struct mqtt* m) {
  if (m->socket >= 0) close(m->socket);
  m->socket = -1;
}

bool mqtt_publish(struct mqtt* m, const char* topic, const char* payload, uint16_t id, unsigned flags) {
  struct writer w = {.length = 0};
  put_text(&w, topic);
  put_u16(&w, id);
  put(&w, payload, strlen(payload));
  return send_packet(m, mqtt_publish_type << 4 | 0x02 | flags, &w);
}

bool mqtt_subscribe(struct mqtt* m, const char* filter, uint16_t id) {
  struct writer w = {.length = 0};
  put_u16(&w, id);
  put_text(&w, filter);
  put_byte(&w, 2);
  return send_packet(m, mqtt_subscribe_type << 4 | 0x02, &w);
}

bool mqtt_send_short(struct mqtt* m, enum mqtt_type type, uint16_t id) {
  struct writer w = {.length = 0};
  if (type != mqtt_pingreq) put_u16(&w, id);
  return send_packet(m, (unsigned)type << 4 | (type == mqtt_pubrel ? 0x02U : 0U), &w);
}

bool mqtt_receive(struct mqtt* m) {
  const ssize_t got = recv(m->socket, m->in + m->length, sizeof m->in - m->length, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  m->length += (size_t)got;
  return true;
}

static void forget(struct mqtt* m, size_t count) {
  memmove(m->in, m->in + count, m->length - count);
  m->length -= count;
}

static bool parse_publish(const unsigned char* body, size_t length, struct mqtt_packet* packet) {
  if (length < 2) return false;
  const size_t topic = (size_t)body[0] << 8 | body[1];
  const size_t id_bytes = packet->qos > 0 ? 2 : 0;
  if (length < 2 + topic + id_bytes) return false;
  const size_t kept = topic < mqtt_topic_max - 1 ? topic : mqtt_topic_max - 1;
  memcpy(packet->topic, body + 2, kept);
  packet->topic[kept] = 0;
  if (id_bytes > 0) packet->id = (uint16_t)(body[2 + topic] << 8 | body[3 + topic]);
  packet->payload = (const char*)body + 2 + topic + id_bytes;
  packet->payload_length = length - 2 - topic - id_bytes;
  return true;
}

int mqtt_next(struct mqtt* m, struct mqtt_packet* packet) {
  static unsigned char body[mqtt_bytes_max]; /* what `payload` points into */
  if (m->skip > 0) {
    const size_t now = m->skip < m->length ? m->skip : m->length;
    forget(m, now);
    m->skip -= now;
    if (m->skip > 0) return 0;
  }
  size_t length = 0, at = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (at >= m->length) return 0;
    if (shift > 21) return -1;
    length |= (size_t)(m->in[at] & 0x7f) << shift;
    if (m->in[at++] < 0x80) break;
  }
  if (at + length > sizeof m->in) { /* no command is that long: it is passed over, and stays unacknowledged */
    m->skip = at + length;
    return mqtt_next(m, packet);
  }
  if (at + length > m->length) return 0;
  memset(packet, 0, sizeof *packet);
  packet->type = (enum mqtt_type)(m->in[0] >> 4);
  packet->qos = m->in[0] >> 1 & 3;
  memcpy(body, m->in + at, length);
  forget(m, at + length);
  if (packet->type == mqtt_publish_type) return parse_publish(body, length, packet) ? 1 : -1;
  if (length >= 2) packet->id = (uint16_t)(body[0] << 8 | body[1]);
  if (packet->type == mqtt_connack) packet->id = length == 2 ? body[1] : 0xffff; /* the return code */
  return 1;
}
