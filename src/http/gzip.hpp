// gzip (RFC 1952) of bodies, by zlib.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace skerry::http {

std::string gzip(std::string_view plain);
// Code::invalid: it is no gzip, or cut off. Code::full: it grows beyond `bytes_max` (a bomb is not unpacked further).
Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max);

}  // namespace skerry::http
