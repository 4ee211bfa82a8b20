// Files compiled into the program by cmake/embed.cmake: pipelines, demo data, the page.
#pragma once

#include <span>
#include <string_view>

namespace skerry {

struct Embedded {
  std::string_view name;  // without folders
  std::string_view bytes;
};

}  // namespace skerry
