/* JSON, as little of it as a device needs: one member of a flat object. */
#ifndef DEVICE_JSON_H
#define DEVICE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text of string member `key` of the object in `json`. False when there is none or it does not fit. */
bool json_string(const char* json, size_t length, const char* key, char* to, size_t size);
/* `text` as the inside of a JSON string. Cut where it does not fit. */
void json_escape(const char* text, char* to, size_t size);
/* Milliseconds since 1970 of 2026-01-31T23:59:59.123Z; -1 when it is not a time in UTC. */
int64_t time_from_rfc3339(const char* text);
void time_to_rfc3339(int64_t ms, char to[32]);

#endif
