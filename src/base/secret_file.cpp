// Taking others' rights away while the file is still empty.
#include "base/secret_file.hpp"

#include <filesystem>

namespace skerry {

Result<std::unique_ptr<File>> create_secret_file(Files& files, std::string_view path) {
  auto file = TRY(files.open(path, Files::Mode::create));
  std::error_code error;
  const auto own = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
  std::filesystem::permissions(path, own, error);
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::denied, "cannot keep others from reading: " + error.message(), std::string(path));
  return file;
}

Result<> replace_secret_file(Files& files, std::string_view path, Bytes bytes) {
  const std::string fresh = std::string(path) + ".new";
  {
    const auto file = TRY(create_secret_file(files, fresh));
    TRY(file->write(0, bytes));
    TRY(file->sync());  // sync first: a rename may outlive its data
  }
  TRY(files.rename(fresh, path));
  return files.sync_dir(parent_path(path));
}

}  // namespace skerry
