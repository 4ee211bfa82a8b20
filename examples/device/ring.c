/* The ring file: written slot by slot, synced before a reading counts as stored. */
#include "ring.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint32_t crc32_of(const void* bytes, size_t length) {
  const unsigned char* at = bytes;
  uint32_t crc = ~0U;
  while (length-- > 0) {
    crc ^= *at++;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320U & -(crc & 1U));
  }
  return ~crc;
}

static void store(unsigned char* to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to[i] = (unsigned char)(value >> (8 * i));
}
static uint64_t load(const unsigned char* from, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= (uint64_t)from[i] << (8 * i);
  return value;
}

static bool write_slot(int file, uint64_t slot, uint64_t number, const char* text, size_t length) {
  unsigned char bytes[ring_slot_bytes] = {0};
  store(bytes + 4, length, 2);
  store(bytes + 6, number, 8);
  memcpy(bytes + 14, text, length);
  store(bytes, crc32_of(bytes + 4, sizeof bytes - 4), 4);
  return pwrite(file, bytes, sizeof bytes, (off_t)(slot * ring_slot_bytes)) == (ssize_t)sizeof bytes;
}

static bool read_slot(int file, uint64_t slot, uint64_t* number, char* text, size_t* length) {
  unsigned char bytes[ring_slot_bytes];
  if (pread(file, bytes, sizeof bytes, (off_t)(slot * ring_slot_bytes)) != (ssize_t)sizeof bytes) return false;
  if (load(bytes, 4) != crc32_of(bytes + 4, sizeof bytes - 4)) return false;
  *length = (size_t)load(bytes + 4, 2);
  *number = load(bytes + 6, 8);
  if (*length > ring_text_bytes) return false;
  memcpy(text, bytes + 14, *length);
  text[*length] = 0;
  return true;
}

bool ring_open(struct ring* ring, const char* path, uint64_t capacity) {
  char text[ring_text_bytes + 1];
  size_t length;
  uint64_t number;
  memset(ring, 0, sizeof *ring);
  ring->capacity = capacity;
  ring->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (ring->file < 0) return false;
  ring->tail = 1;
  ring->head = 1;
  if (read_slot(ring->file, 0, &number, text, &length)) ring->tail = ring->head = number;
  for (uint64_t slot = 1; slot <= capacity; ++slot) {
    if (read_slot(ring->file, slot, &number, text, &length) && number % capacity + 1 == slot && number >= ring->tail) {
      ring->tail = number + 1;
    }
  }
  if (ring->tail - ring->head > capacity) ring->head = ring->tail - capacity;
  return write_slot(ring->file, 0, ring->head, "", 0) && fsync(ring->file) == 0;
}

bool ring_put(struct ring* ring, const char* text) {
  const size_t length = strlen(text);
  if (length > ring_text_bytes) return false;
  if (!write_slot(ring->file, ring->tail % ring->capacity + 1, ring->tail, text, length)) return false;
  if (fsync(ring->file) != 0) return false;
  ++ring->tail;
  if (ring->tail - ring->head > ring->capacity) {
    ++ring->head;
    ++ring->lost;
  }
  return true;
}

bool ring_get(const struct ring* ring, uint64_t seq, char text[ring_text_bytes + 1]) {
  uint64_t number;
  size_t length;
  return seq >= ring->head && seq < ring->tail &&
         read_slot(ring->file, seq % ring->capacity + 1, &number, text, &length) && number == seq;
}

/* Not synced: after a cut some readings are sent once more, with the same seq, which the gateway can tell. */
void ring_drop(struct ring* ring, uint64_t end) {
  if (end <= ring->head) return;
  ring->head = end < ring->tail ? end : ring->tail;
  (void)write_slot(ring->file, 0, ring->head, "", 0);
}
