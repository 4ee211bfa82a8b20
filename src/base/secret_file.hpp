// Files that only their owner may read: keys, and what is as good as one. Mode 0600 before the first byte is in them.
#pragma once

#include <memory>
#include <string_view>

#include "base/files.hpp"

namespace skerry {

// Made new or emptied. On a simulated disk there are no rights, and it is a file like any other.
Result<std::unique_ptr<File>> create_secret_file(Files& files, std::string_view path);
// As replace_file().
Result<> replace_secret_file(Files& files, std::string_view path, Bytes bytes);

}  // namespace skerry
