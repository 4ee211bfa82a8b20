// The two kinds of Database; inside of the room.
#pragma once

#include "cloud/database.hpp"

namespace skerry::cloud {

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, Database::Mode mode);
Result<std::unique_ptr<Database>> open_postgres(const std::string& address, Database::Mode mode);

// Every `from` in `text` made `to`.
std::string replaced(std::string text, std::string_view from, std::string_view to);

}  // namespace skerry::cloud
