// Files that the build puts into the binary: the page (web/dist, packed) and the API's description.
#pragma once

#include "base/embedded.hpp"

namespace skerry::embedded {

std::span<const Embedded> page();     // gzip, named by path below web/dist; empty when the page was not built
std::span<const Embedded> openapi();  // openapi.json alone

}  // namespace skerry::embedded
