/* Store and forward: a ring of readings in one file of fixed size. What ring_put() returned true for survives a power
 * cut, and stays until ring_drop() says the gateway has it. When the ring is full the oldest reading goes.
 *
 * File: slot 0 is the header, slot 1 + seq % capacity holds reading `seq`. A slot: crc32 (of what follows), length
 * (2 bytes), seq (8 bytes), text. Integers little-endian. A slot that was torn by a cut fails its crc and is free. */
#ifndef DEVICE_RING_H
#define DEVICE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ring_slot_bytes = 256, ring_text_bytes = ring_slot_bytes - 14 };

struct ring {
  int file;
  uint64_t capacity;
  uint64_t head; /* the oldest reading that the gateway does not have */
  uint64_t tail; /* the number of the next reading; grows for ever */
  uint64_t lost; /* oldest readings that made room, since ring_open() */
};

bool ring_open(struct ring* ring, const char* path, uint64_t capacity);
bool ring_put(struct ring* ring, const char* text); /* as number ring->tail; on disk when it returns */
bool ring_get(const struct ring* ring, uint64_t seq, char text[ring_text_bytes + 1]);
void ring_drop(struct ring* ring, uint64_t end); /* everything before `end` */

uint32_t crc32_of(const void* bytes, size_t length);

#endif
