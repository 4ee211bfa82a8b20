// JSON as every room reads and writes it: the event time of a payload, and exact text for strings and numbers.
//
// Any thread. Nothing here throws; no input is trusted.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace skerry::codec {

// When the event in a payload happened: the top-level field `timestamp` of a JSON object (RFC 3339 text or a number,
// see base/time.hpp; the first where it stands twice). Anything else, also a payload that is no JSON: when it was
// appended. The same bytes and append time give the same answer for ever.
EventTime event_time(Bytes payload, Wall appended_at);

// More than a minute ahead of when it was appended: stored and shown, but it moves no watermark and evicts nothing.
inline constexpr std::chrono::milliseconds ahead_ms_max{60'000};
inline bool is_ahead(EventTime event, Wall appended_at) { return event > to_event(appended_at) + ahead_ms_max; }

// With its quotes. Bytes that are not UTF-8 become U+FFFD, so what comes out is always JSON.
void append_json_string(std::string& to, std::string_view text);
// The shortest text that reads back as the same double; `null` for what JSON cannot say (NaN, infinities).
void append_json_number(std::string& to, double number);
// The payload itself when it is valid JSON, else its bytes as a JSON string.
void append_json_payload(std::string& to, Bytes payload);
bool is_json(Bytes payload);

}  // namespace skerry::codec
