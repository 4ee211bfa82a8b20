// Small readings of HTTP text: names, tokens in lists, percent-encoding, quality values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace skerry::http {

bool same_name(std::string_view a, std::string_view b);  // ASCII, case-insensitive
std::string_view trim(std::string_view text);            // spaces and tabs
// Nothing when a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// May the answer be sent with this coding? RFC 9110 12.5.3.
bool accepts_coding(std::string_view accept_encoding, std::string_view coding);
std::string imf_date(Wall time);  // Sun, 06 Nov 1994 08:49:37 GMT

}  // namespace skerry::http
