/* A scanner over one JSON object that skips what it is not asked for, and times as RFC 3339. */
#include "json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Past the string whose opening quote is at `at`; its inside is [at + 1, end). 0 when it does not end. */
static size_t string_end(const char* json, size_t length, size_t at) {
  for (size_t i = at + 1; i < length; ++i) {
    if (json[i] == '\\')
      ++i;
    else if (json[i] == '"')
      return i + 1;
  }
  return 0;
}

static bool unescape(const char* from, size_t length, char* to, size_t size) {
  size_t n = 0;
  for (size_t i = 0; i < length; ++i) {
    char c = from[i];
    if (c == '\\') {
      if (++i == length) return false;
      switch (from[i]) {
        case 'n': c = '\n'; break;
        case 't': c = '\t'; break;
        case 'u': return false; /* ids and names of commands need none */
        default: c = from[i];
      }
    }
    if (n + 1 >= size) return false;
    to[n++] = c;
  }
  to[n] = 0;
  return true;
}

bool json_string(const char* json, size_t length, const char* key, char* to, size_t size) {
  int depth = 0;
  const size_t key_length = strlen(key);
  for (size_t i = 0; i < length; ++i) {
    const char c = json[i];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c != '"') continue;
    const size_t end = string_end(json, length, i);
    if (end == 0) return false;
    size_t next = end;
    while (next < length && strchr(" \t\r\n", json[next]) != NULL) ++next;
    const bool is_key = depth == 1 && next < length && json[next] == ':';
    if (is_key && end - i - 2 == key_length && memcmp(json + i + 1, key, key_length) == 0) {
      size_t value = next + 1;
      while (value < length && strchr(" \t\r\n", json[value]) != NULL) ++value;
      if (value >= length || json[value] != '"') return false;
      const size_t value_end = string_end(json, length, value);
      return value_end != 0 && unescape(json + value + 1, value_end - value - 2, to, size);
    }
    i = end - 1;
  }
  return false;
}

void json_escape(const char* text, char* to, size_t size) {
  size_t n = 0;
  for (; *text != 0 && n + 3 < size; ++text) {
    if (*text == '"' || *text == '\\') to[n++] = '\\';
    to[n++] = (unsigned char)*text < 0x20 ? ' ' : *text;
  }
  to[n] = 0;
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static int64_t days(int64_t year, int64_t month, int64_t day) {
  const int64_t shifted = (month + 9) % 12; /* March is the first month, so the leap day is the last */
  year -= month <= 2;
  return 365 * year + year / 4 - year / 100 + year / 400 + (shifted * 306 + 5) / 10 + day - 1 - 719468;
}

int64_t time_from_rfc3339(const char* text) {
  int year, month, day, hour, minute, used = 0;
  double second;
  if (sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%lf%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
    return -1;
  if (strcmp(text + used, "Z") != 0 && strcmp(text + used, "+00:00") != 0) return -1;
  return ((days(year, month, day) * 24 + hour) * 60 + minute) * 60000 + (int64_t)(second * 1000 + 0.5);
}

void time_to_rfc3339(int64_t ms, char to[32]) {
  const time_t seconds = (time_t)(ms / 1000);
  struct tm t;
  char date[24];
  gmtime_r(&seconds, &t);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &t);
  snprintf(to, 32, "%s.%03dZ", date, (int)(ms % 1000));
}
