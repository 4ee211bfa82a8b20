// The page as assets of the HTTP server.
#pragma once

#include <string>
#include <vector>

#include "http/http.hpp"

namespace skerry::api {

// `fallback` keeps the bytes of the plain page that is given when the real one was not built.
std::vector<http::Asset> page_assets(std::string& fallback);

}  // namespace skerry::api
