// One .sqltest text: runs its queries, tells what failed, counts.
#pragma once

#include <iosfwd>
#include <string_view>

#include "stream/files.hpp"

namespace skerry::stream {

// `files` holds the pipelines that it names, beside `path`.
void run_test_text(Files& files, std::string_view text, std::string_view path, std::ostream& out, TestCounts& counts);

}  // namespace skerry::stream
