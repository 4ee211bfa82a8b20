/* A device that keeps its head: it filters what it says, reacts by itself when the gateway is silent, keeps readings
 * until the gateway has them, and carries out each command at most once. See README.md beside it. */
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fence.h"
#include "json.h"
#include "mqtt.h"
#include "ring.h"

/* Packet ids say what is acknowledged: readings by their number, answers by their slot. A reading sent again after a
 * restart so keeps its id (MQTT 3.1.1 section 4.4). */
enum { reading_ids = 32767, answer_id = 40000, status_id = 65000, subscribe_id = 65001, window = 16 };

static struct {
  const char *id, *host, *port, *state, *user, *password;
  double dead_band, limit, hysteresis;
  long every_ms, heartbeat_ms, silence_ms, capacity;
  bool from_stdin, until_sent;
} config = {.host = "127.0.0.1",
            .port = "1883",
            .state = ".",
            .dead_band = 0.2,
            .limit = 80,
            .hysteresis = 2,
            .every_ms = 1000,
            .heartbeat_ms = 60000,
            .silence_ms = 10000,
            .capacity = 4096};

static struct mqtt link_;
static struct ring ring;
static struct fence fence;
static uint64_t sent_end;          /* readings before it have been sent over this connection */
static uint64_t sent_ever;         /* … over any, since the start */
static int64_t heard_ms, spoke_ms; /* last byte from and to the gateway */
static int64_t retry_ms, backoff_ms = 200;
static bool cooling;
static double last_sent = NAN;
static int64_t last_sent_ms;
static volatile sig_atomic_t stopping;
static char data_topic[200], status_topic[200], command_topic[200], ack_topic[200];

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

static int64_t clock_ms(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static int64_t mono_ms(void) { return clock_ms(CLOCK_MONOTONIC); }
static int64_t wall_ms(void) { return clock_ms(CLOCK_REALTIME); }

static bool connected(void) { return link_.socket >= 0; }
static bool silent(void) { return !connected() || mono_ms() - heard_ms > config.silence_ms; }

static void broken(const char* why) {
  if (connected()) printf("gateway lost: %s\n", why);
  mqtt_close(&link_);
  retry_ms = mono_ms() + backoff_ms;
  backoff_ms = backoff_ms < 5000 ? backoff_ms * 2 : 5000;
}

/* ---- acting ---- */

/* The actuator of this example is a line in a file; a real one would be a pin. */
static bool actuate(const char* what, const char* why) {
  char path[512];
  snprintf(path, sizeof path, "%s/actuator.log", config.state);
  FILE* file = fopen(path, "a");
  if (file == NULL) return false;
  const bool written = fprintf(file, "%s %s\n", what, why) > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
  fclose(file);
  printf("actuator %s (%s)\n", what, why);
  return written;
}

static void react_alone(double temperature) {
  if (!silent()) return; /* the gateway sees more than we do: it decides */
  if (!cooling && temperature > config.limit)
    cooling = actuate("cooling_on", "local");
  else if (cooling && temperature < config.limit - config.hysteresis)
    cooling = !actuate("cooling_off", "local");
}

/* ---- commands ---- */

static void answer(struct fence_entry* entry) {
  char json[512], id[2 * fence_id_bytes], detail[2 * fence_detail_bytes];
  static const char* const names[] = {"", "accepted", "done", "failed"};
  json_escape(entry->id, id, sizeof id);
  json_escape(entry->detail, detail, sizeof detail);
  snprintf(json, sizeof json, "{\"command_id\":\"%s\",\"status\":\"%s\",\"detail\":\"%s\"}", id, names[entry->state],
           detail);
  /* Two ids a slot: the PUBACK of `accepted` must not pass for that of `done`. */
  const unsigned packet = answer_id + 2U * (unsigned)(entry - fence.entries) + (entry->state == fence_accepted ? 0 : 1);
  if (connected() && !mqtt_publish(&link_, ack_topic, json, (uint16_t)packet, 0)) broken("write failed");
  spoke_ms = mono_ms();
}

static bool known_command(const char* name) {
  static const char* const names[] = {"shutdown", "throttle", "start", "stop", "cooling_on", "cooling_off", "undo"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

static void on_command(const char* json, size_t length) {
  char id[fence_id_bytes], name[64], not_after[64];
  if (!json_string(json, length, "command_id", id, sizeof id)) {
    printf("a command without an id is not carried out: it could not be told from its repetition\n");
    return;
  }
  struct fence_entry* entry = fence_find(&fence, id);
  if (entry != NULL) {
    printf("command %s again: answered from memory\n", id);
    return answer(entry);
  }
  entry = fence_take(&fence, id);
  if (entry == NULL) {
    printf("command %s cannot be remembered, so it is not carried out\n", id);
    return;
  }
  const bool has_end = json_string(json, length, "not_after", not_after, sizeof not_after);
  const int64_t end = has_end ? time_from_rfc3339(not_after) : -1;
  if (has_end && (end < 0 || wall_ms() >= end)) {
    fence_finish(&fence, entry, fence_failed, end < 0 ? "not_after is no time" : "expired");
    printf("command %s not carried out: %s\n", id, entry->detail);
    return answer(entry);
  }
  answer(entry); /* accepted */
  if (!json_string(json, length, "command", name, sizeof name) || !known_command(name)) {
    fence_finish(&fence, entry, fence_failed, "unknown command");
  } else if (actuate(name, id)) {
    fence_finish(&fence, entry, fence_done, "");
    if (strcmp(name, "cooling_on") == 0) cooling = true;
    if (strcmp(name, "cooling_off") == 0) cooling = false;
  } else {
    fence_finish(&fence, entry, fence_failed, "the actuator does not answer");
  }
  answer(entry);
}

/* ---- readings ---- */

static void take_reading(double temperature, double humidity) {
  char json[ring_text_bytes + 1], when[32];
  react_alone(temperature);
  const bool still = fabs(temperature - last_sent) < config.dead_band;
  if (still && mono_ms() - last_sent_ms < config.heartbeat_ms) return;
  time_to_rfc3339(wall_ms(), when);
  int length = snprintf(json, sizeof json, "{\"device_id\":\"%s\",\"temperature\":%.2f,", config.id, temperature);
  if (!isnan(humidity)) length += snprintf(json + length, sizeof json - (size_t)length, "\"humidity\":%.2f,", humidity);
  snprintf(json + length, sizeof json - (size_t)length, "\"timestamp\":\"%s\",\"seq\":%llu}", when,
           (unsigned long long)ring.tail);
  if (!ring_put(&ring, json)) {
    fprintf(stderr, "a reading could not be stored\n");
    return;
  }
  last_sent = temperature;
  last_sent_ms = mono_ms();
}

static uint16_t reading_id(uint64_t seq) { return (uint16_t)(seq % reading_ids + 1); }

static void send_readings(void) {
  char text[ring_text_bytes + 1];
  if (sent_end < ring.head) sent_end = ring.head;
  while (connected() && sent_end < ring.tail && sent_end - ring.head < window) {
    if (ring_get(&ring, sent_end, text) &&
        !mqtt_publish(&link_, data_topic, text, reading_id(sent_end), sent_end < sent_ever ? mqtt_repeated : 0)) {
      return broken("write failed");
    }
    ++sent_end;
    if (sent_ever < sent_end) sent_ever = sent_end;
    spoke_ms = mono_ms();
  }
}

/* Acknowledgements come in order (MQTT 3.1.1 section 4.6): one for a reading covers those before it. */
static void on_puback(uint16_t id) {
  if (id >= answer_id && id < answer_id + 2 * fence_slots) {
    struct fence_entry* entry = &fence.entries[(id - answer_id) / 2];
    const bool of_result = (id - answer_id) % 2 == 1;
    if (of_result == (entry->state > fence_accepted)) fence_told(&fence, entry);
    return;
  }
  for (uint64_t seq = ring.head; seq < sent_end; ++seq) {
    if (reading_id(seq) == id) {
      ring_drop(&ring, seq + 1);
      break;
    }
  }
}

/* ---- the connection ---- */

static void connect_now(void) {
  const struct mqtt_hello hello = {.host = config.host,
                                   .port = config.port,
                                   .client_id = config.id,
                                   .user = config.user,
                                   .password = config.password,
                                   .will_topic = status_topic,
                                   .will = "{\"status\":\"offline\"}",
                                   .keep_alive_s = 15};
  if (!mqtt_open(&link_, &hello)) return broken("no connection");
  printf("connected\n");
  backoff_ms = 200;
  heard_ms = spoke_ms = mono_ms();
  sent_end = ring.head;
  if (!mqtt_subscribe(&link_, command_topic, subscribe_id) ||
      !mqtt_publish(&link_, status_topic, "{\"status\":\"online\"}", status_id, mqtt_retained)) {
    return broken("write failed");
  }
  for (int i = 0; i < fence_slots; ++i) {
    if (fence.entries[i].state != fence_free && !fence.entries[i].told) answer(&fence.entries[i]);
  }
}

static void on_packet(const struct mqtt_packet* packet) {
  bool fine = true;
  switch (packet->type) {
    case mqtt_publish_type:
      /* Stored and answered before PUBREC: if the power goes in between, the broker sends it again and the fence knows
       * it. */
      if (strcmp(packet->topic, command_topic) == 0) on_command(packet->payload, packet->payload_length);
      if (packet->qos == 1) fine = mqtt_send_short(&link_, mqtt_puback, packet->id);
      if (packet->qos == 2) fine = mqtt_send_short(&link_, mqtt_pubrec, packet->id);
      break;
    case mqtt_pubrel: fine = mqtt_send_short(&link_, mqtt_pubcomp, packet->id); break;
    case mqtt_puback: on_puback(packet->id); break;
    default: break;
  }
  if (!fine) broken("write failed");
}

static void read_gateway(void) {
  struct mqtt_packet packet;
  int got = 0;
  if (!mqtt_receive(&link_)) return broken("closed");
  heard_ms = mono_ms();
  while (connected() && (got = mqtt_next(&link_, &packet)) > 0) on_packet(&packet);
  if (got < 0) broken("not MQTT");
}

static void keep_alive(void) {
  const int64_t now = mono_ms();
  if (!connected()) {
    if (now >= retry_ms) connect_now();
  } else if (now - heard_ms > 15000) {
    broken("silent");
  } else if (now - spoke_ms > 5000 || now - heard_ms > 5000) {
    spoke_ms = now;
    if (!mqtt_send_short(&link_, mqtt_pingreq, 0)) broken("write failed");
  }
}

/* ---- the program ---- */

/* Lines `temperature [humidity]`; false at their end. */
static bool read_lines(void) {
  static char held[512];
  static size_t length;
  const ssize_t got = read(0, held + length, sizeof held - 1 - length);
  if (got <= 0) return false;
  length += (size_t)got;
  held[length] = 0;
  char* line = held;
  for (char* end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    double temperature, humidity = NAN;
    *end = 0;
    if (sscanf(line, "%lf %lf", &temperature, &humidity) >= 1) take_reading(temperature, humidity);
  }
  length = strlen(line);
  if (length == sizeof held - 1) length = 0; /* no number is that long */
  memmove(held, line, length);
  return true;
}

static void simulate(void) {
  static double temperature = 70;
  static int64_t next_ms;
  if (mono_ms() < next_ms) return;
  next_ms = mono_ms() + config.every_ms;
  temperature += (rand() % 200 - 100) / 50.0 + (cooling ? -1.5 : 0.3);
  take_reading(temperature, 45 + (rand() % 100) / 50.0);
}

static void usage(void) {
  fputs(
      "usage: skerry_device --id ID [--host H] [--port P] [--state DIR] [--user U --password P]\n"
      "  [--every MS | --stdin [--until-sent]] [--dead-band X] [--heartbeat MS] [--limit C] [--silence MS] [--capacity "
      "N]\n"
      "  --stdin reads lines `temperature [humidity]` in place of a made-up sensor\n",
      stderr);
  exit(2);
}

static void read_arguments(int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    const char* key = arguments[i];
    if (strcmp(key, "--stdin") == 0) {
      config.from_stdin = true;
      continue;
    }
    if (strcmp(key, "--until-sent") == 0) {
      config.until_sent = true;
      continue;
    }
    if (++i == count) usage();
    const char* value = arguments[i];
    if (strcmp(key, "--id") == 0)
      config.id = value;
    else if (strcmp(key, "--host") == 0)
      config.host = value;
    else if (strcmp(key, "--port") == 0)
      config.port = value;
    else if (strcmp(key, "--state") == 0)
      config.state = value;
    else if (strcmp(key, "--user") == 0)
      config.user = value;
    else if (strcmp(key, "--password") == 0)
      config.password = value;
    else if (strcmp(key, "--every") == 0)
      config.every_ms = atol(value);
    else if (strcmp(key, "--dead-band") == 0)
      config.dead_band = atof(value);
    else if (strcmp(key, "--heartbeat") == 0)
      config.heartbeat_ms = atol(value);
    else if (strcmp(key, "--limit") == 0)
      config.limit = atof(value);
    else if (strcmp(key, "--silence") == 0)
      config.silence_ms = atol(value);
    else if (strcmp(key, "--capacity") == 0)
      config.capacity = atol(value);
    else
      usage();
  }
  if (config.id == NULL || strlen(config.id) > 64 || strpbrk(config.id, "/+#\"\\") != NULL) usage();
  /* A packet id must name one reading of those on their way. */
  if (config.capacity < 1 || config.capacity > reading_ids) usage();
}

static void open_state(void) {
  char path[512];
  mkdir(config.state, 0700);
  snprintf(path, sizeof path, "%s/readings.ring", config.state);
  const bool ring_fine = ring_open(&ring, path, (uint64_t)config.capacity);
  snprintf(path, sizeof path, "%s/commands.fence", config.state);
  if (!ring_fine || !fence_open(&fence, path)) {
    perror(config.state);
    exit(1);
  }
  const int folder = open(config.state, O_RDONLY | O_DIRECTORY); /* the files' names must survive a cut too */
  if (folder < 0 || fsync(folder) != 0) perror(config.state);
  if (folder >= 0) close(folder);
}

int main(int count, char** arguments) {
  read_arguments(count, arguments);
  setvbuf(stdout, NULL, _IOLBF, 0);
  const struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  open_state();
  link_.socket = -1;
  sent_ever = ring.tail; /* what was kept may have been sent before */
  snprintf(data_topic, sizeof data_topic, "sensors/%s/data", config.id);
  snprintf(status_topic, sizeof status_topic, "devices/%s/status", config.id);
  snprintf(command_topic, sizeof command_topic, "commands/%s", config.id);
  snprintf(ack_topic, sizeof ack_topic, "commands/%s/ack", config.id);
  printf("%llu readings kept from before\n", (unsigned long long)(ring.tail - ring.head));
  bool input = config.from_stdin;
  while (!stopping) {
    keep_alive();
    if (!config.from_stdin) simulate();
    send_readings();
    if (config.until_sent && !input && ring.head == ring.tail) break;
    /* A full window or no gateway must not stop the input: the ring takes it. */
    struct pollfd polls[2] = {{.fd = connected() ? link_.socket : -1, .events = POLLIN},
                              {.fd = input ? 0 : -1, .events = POLLIN}};
    if (poll(polls, 2, 50) <= 0) continue;
    if (polls[0].revents != 0) read_gateway();
    if (polls[1].revents != 0 && !read_lines()) input = false;
  }
  printf("%llu readings kept, %llu lost to make room\n", (unsigned long long)(ring.tail - ring.head),
         (unsigned long long)ring.lost);
  mqtt_close(&link_); /* no DISCONNECT: the will says that we are offline */
  return 0;
}
