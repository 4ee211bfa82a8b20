// Files that the build puts into the binary: the page (web/dist, packed) and the API's description.
#pragma once

#include <span>
#include <string_view>

namespace skerry::api {

struct EmbeddedFile {
  std::string_view name;  // below web/dist: `assets/index-3f9a.js`
  std::string_view gzip;
};

std::span<const EmbeddedFile> page_files();  // empty when the page was not built
std::string_view openapi_json();

}  // namespace skerry::api
