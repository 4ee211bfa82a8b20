/* Fencing: a command is carried out at most once. Its id is on disk before anything moves, and what became of it is
 * kept, so that a repetition is answered from memory. The last fence_slots commands are remembered. */
#ifndef DEVICE_FENCE_H
#define DEVICE_FENCE_H

#include <stdbool.h>
#include <stdint.h>

enum { fence_slots = 64, fence_id_bytes = 64, fence_detail_bytes = 64 };

enum fence_state { fence_free, fence_accepted, fence_done, fence_failed };

struct fence_entry {
  uint64_t number; /* grows; the smallest is overwritten first */
  enum fence_state state;
  bool told; /* the gateway has confirmed our answer about it */
  char id[fence_id_bytes];
  char detail[fence_detail_bytes];
};

struct fence {
  int file;
  uint64_t next;
  struct fence_entry entries[fence_slots];
};

/* Commands that were accepted and not finished when the power went are `failed` now: they may have run, so they never
 * run again. */
bool fence_open(struct fence* fence, const char* path);
struct fence_entry* fence_find(struct fence* fence, const char* id);
/* Takes the id; on disk when it returns. NULL: it could not be stored, so it must not be carried out. */
struct fence_entry* fence_take(struct fence* fence, const char* id);
bool fence_finish(struct fence* fence, struct fence_entry* entry, enum fence_state state, const char* detail);
void fence_told(struct fence* fence, struct fence_entry* entry);

#endif
