// One .sqltest text: runs its queries, tells what failed, counts.
#pragma once

#include <iosfwd>
#include <string_view>

#include "stream/files.hpp"

namespace skerry::stream {

void run_test_text(std::string_view text, std::string_view path, std::ostream& out, TestCounts& counts);

}  // namespace skerry::stream
