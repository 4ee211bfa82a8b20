// Handlers for the files of the page: packed bytes, ETag, caching, content security policy.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "http/http.hpp"

namespace skerry::http {

std::vector<std::pair<std::string, Handler>> file_handlers(std::span<const Asset> assets);

}  // namespace skerry::http
