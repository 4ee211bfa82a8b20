/* The fence file: one fixed slot a command, with a checksum. */
#include "fence.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

enum { slot_bytes = 256 };

static bool save(struct fence* fence, const struct fence_entry* entry, bool sync) {
  char text[slot_bytes] = {0};
  snprintf(text, sizeof text - 12, "%llu\n%d\n%d\n%s\n%s\n", (unsigned long long)entry->number, (int)entry->state,
           (int)entry->told, entry->id, entry->detail);
  snprintf(text + sizeof text - 12, 12, "%08x\n", (unsigned)crc32_of(text, sizeof text - 12));
  const off_t at = (off_t)(entry - fence->entries) * slot_bytes;
  if (pwrite(fence->file, text, sizeof text, at) != (ssize_t)sizeof text) return false;
  return !sync || fsync(fence->file) == 0;
}

static bool load(struct fence* fence, struct fence_entry* entry) {
  char text[slot_bytes + 1] = {0};
  const off_t at = (off_t)(entry - fence->entries) * slot_bytes;
  if (pread(fence->file, text, slot_bytes, at) != slot_bytes) return false;
  unsigned crc = 0, state = 0, told = 0;
  unsigned long long number = 0;
  int used = 0;
  if (sscanf(text + slot_bytes - 12, "%8x", &crc) != 1 || crc != crc32_of(text, slot_bytes - 12)) return false;
  if (sscanf(text, "%llu\n%u\n%u\n%n", &number, &state, &told, &used) != 3 || state > fence_failed) return false;
  const char* id = text + used;
  const char* id_end = strchr(id, '\n');
  const char* detail_end = id_end ? strchr(id_end + 1, '\n') : NULL;
  if (!detail_end || id_end - id >= fence_id_bytes || detail_end - id_end - 1 >= fence_detail_bytes) return false;
  entry->number = number;
  entry->state = (enum fence_state)state;
  entry->told = told != 0;
  snprintf(entry->id, sizeof entry->id, "%.*s", (int)(id_end - id), id);
  snprintf(entry->detail, sizeof entry->detail, "%.*s", (int)(detail_end - id_end - 1), id_end + 1);
  return true;
}

bool fence_open(struct fence* fence, const char* path) {
  memset(fence, 0, sizeof *fence);
  fence->next = 1;
  fence->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fence->file < 0) return false;
  for (int i = 0; i < fence_slots; ++i) {
    struct fence_entry* entry = &fence->entries[i];
    if (!load(fence, entry)) memset(entry, 0, sizeof *entry);
    if (entry->number >= fence->next) fence->next = entry->number + 1;
    if (entry->state != fence_accepted) continue;
    if (!fence_finish(fence, entry, fence_failed, "interrupted; it may have run")) return false;
  }
  return true;
}

struct fence_entry* fence_find(struct fence* fence, const char* id) {
  for (int i = 0; i < fence_slots; ++i) {
    struct fence_entry* entry = &fence->entries[i];
    if (entry->state != fence_free && strcmp(entry->id, id) == 0) return entry;
  }
  return NULL;
}

struct fence_entry* fence_take(struct fence* fence, const char* id) {
  if (strlen(id) >= fence_id_bytes || strchr(id, '\n') != NULL) return NULL;
  struct fence_entry* oldest = &fence->entries[0];
  for (int i = 1; i < fence_slots; ++i) {
    if (fence->entries[i].number < oldest->number) oldest = &fence->entries[i];
  }
  memset(oldest, 0, sizeof *oldest);
  oldest->number = fence->next++;
  oldest->state = fence_accepted;
  snprintf(oldest->id, sizeof oldest->id, "%s", id);
  return save(fence, oldest, true) ? oldest : NULL;
}

bool fence_finish(struct fence* fence, struct fence_entry* entry, enum fence_state state, const char* detail) {
  entry->state = state;
  entry->told = false;
  snprintf(entry->detail, sizeof entry->detail, "%s", detail);
  return save(fence, entry, true);
}

/* Not synced: at worst the answer is given once more. */
void fence_told(struct fence* fence, struct fence_entry* entry) {
  entry->told = true;
  (void)save(fence, entry, false);
}
