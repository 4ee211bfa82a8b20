// Taking a snapshot of the real file system.
#include "edge/snapshot.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace skerry::edge {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view snapshots = "snapshots";

Error io_error(std::string_view what, const fs::path& path, const std::error_code& error) {
  return {error == std::errc::no_space_on_device ? Code::full : Code::io,
          "could not " + std::string(what) + ": " + error.message(), path.string()};
}

// What a folder can do without: it is made again, or belongs to one process or to one moment.
bool is_passing(const fs::path& relative) {
  const auto name = relative.filename().string();
  return relative.begin()->string() == snapshots || name == "ports.json" || name == "command.token" || name == "LOCK" ||
         name == "ballast" || name == restore_mark || name.ends_with(".new") || name.ends_with(".partial") ||
         (name.starts_with("free-") && name.ends_with(".seg"));
}

// Readers' states first: none may be ahead of the log that is copied after them. Of the log, what is sealed before what
// grows.
int turn_of(const fs::path& relative) {
  auto part = relative.begin();
  if (*part != "log") return 0;
  ++part;
  if (part != relative.end() && *part == "blocks") return 1;
  if (part != relative.end() && *part == "journal") return 2;
  return 3;
}

bool is_block(const fs::path& relative) { return turn_of(relative) == 1 && relative.extension() == ".blk"; }

Result<std::vector<fs::path>> list(const fs::path& root) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(root, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const auto relative = at->path().lexically_relative(root);
    std::error_code unknown;
    if (at->is_directory(unknown)) {
      if (is_passing(relative)) at.disable_recursion_pending();
    } else if (at->is_regular_file(unknown) && !is_passing(relative)) {
      files.push_back(relative);
    }
  }
  if (error) return std::unexpected(io_error("list the folder", root, error));
  std::ranges::sort(files, [](const fs::path& a, const fs::path& b) {
    const auto turn_a = turn_of(a);
    const auto turn_b = turn_of(b);
    return turn_a != turn_b ? turn_a < turn_b : a < b;
  });
  return files;
}

// True when it was copied; false when it has gone meanwhile, as a state that was replaced may.
Result<bool> take(const fs::path& from, const fs::path& to, bool link) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (error) return std::unexpected(io_error("make the folder", to.parent_path(), error));
  if (link) {
    fs::create_hard_link(from, to, error);
    if (!error) return true;
  }
  fs::copy_file(from, to, error);  // also where the file system has no hard links
  if (error == std::errc::no_such_file_or_directory) return false;
  if (error) return std::unexpected(io_error("copy the file", from, error));
  return true;
}

}  // namespace

Result<Snapshot> take_snapshot(const std::string& data_dir, std::string_view id) {
  TRY(drop_snapshots(data_dir));
  const fs::path root(data_dir);
  const auto folder = root / snapshots / id;
  Snapshot made{.id = std::string(id), .folder = folder.string()};
  // The log's folder is listed when its turn has come, so that it is not older than the states.
  for (const bool log : {false, true}) {
    for (const auto& file : TRY(list(root))) {
      if ((turn_of(file) != 0) != log) continue;
      const bool taken = TRY(take(root / file, folder / file, is_block(file)));
      if (!taken && log) return fail(Code::io, "went away while it was copied", (root / file).string());
      std::error_code error;
      made.files += taken ? 1 : 0;
      made.bytes += taken ? fs::file_size(folder / file, error) : 0;
    }
  }
  return made;
}

Result<> drop_snapshots(const std::string& data_dir) {
  const auto path = fs::path(data_dir) / snapshots;
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return std::unexpected(io_error("remove the folder", path, error));
  return {};
}

}  // namespace skerry::edge
