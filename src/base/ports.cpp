// Finds a listening socket's owner through /proc (proc(5)): port -> inode -> the process with that descriptor.
#include "base/ports.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace skerry {
namespace {

std::set<std::string> listening_inodes(std::uint16_t port) {
  std::set<std::string> inodes;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::istringstream fields(line);
      std::string field[10];
      for (auto& each : field) fields >> each;
      const auto colon = field[1].rfind(':');
      if (colon == std::string::npos || field[3] != "0A") continue;  // 0A: LISTEN
      if (std::stoul(field[1].substr(colon + 1), nullptr, 16) == port) inodes.insert("socket:[" + field[9] + "]");
    }
  }
  return inodes;
}

}  // namespace

std::string port_holder(std::uint16_t port) {
  namespace fs = std::filesystem;
  const auto inodes = listening_inodes(port);
  if (inodes.empty()) return {};
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const auto pid = process.path().filename().string();
    if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
    for (fs::directory_iterator fd(process.path() / "fd", ignored), end; !ignored && fd != end; fd.increment(ignored)) {
      if (!inodes.contains(fs::read_symlink(fd->path(), ignored).string())) continue;
      std::ifstream comm(process.path() / "comm");
      std::string command;
      std::getline(comm, command);
      return command + " (process " + pid + ")";
    }
  }
  return {};
}

}  // namespace skerry
