// A file system that forgets what nobody synced, when it is told to: `kill -USR1` is the power cut. After `kill -USR2`
// syncs do nothing: the control, whose users must lose something.
//
// usage: bench_forgetfs BACKING MOUNTPOINT      (FUSE 3; ends with the mount)
// Writes and truncations live in memory until fsync or fdatasync of that file has put them into BACKING. Names are
// made, moved and removed at once, so lost directory entries are the simulation's business (src/sim/disk.hpp). Reads
// see what was written, as on any system. The idea is that of LazyFS (VLDB 2024, "When Amnesia Strikes").
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

constexpr std::uint64_t page_bytes = 4096;

struct Unsynced {
  std::uint64_t size = 0;  // as a reader sees it
  std::uint64_t kept = 0;  // of BACKING's bytes, the first so many still count (a truncation takes the rest)
  std::map<std::uint64_t, std::vector<char>> pages;
};

std::string backing;
std::mutex mutex;
std::map<ino_t, Unsynced> unsynced;  // by BACKING's inode
std::atomic<bool> cut{false};
std::atomic<bool> ignores_sync{false};

std::string real(const char* path) { return backing + path; }

int error(int rc) { return rc < 0 ? -errno : rc; }

// Called under the lock, at the begin of every operation.
void forget_when_told() {
  if (!cut.exchange(false)) return;
  std::uint64_t pages = 0;
  for (const auto& [ino, file] : unsynced) pages += file.pages.size();
  std::printf("forgot %llu pages of %zu files\n", static_cast<unsigned long long>(pages), unsynced.size());
  std::fflush(stdout);
  unsynced.clear();
}

Unsynced& state_of(int fd, const struct stat& st) {
  static_cast<void>(fd);
  const auto [at, fresh] = unsynced.try_emplace(st.st_ino);
  if (fresh) at->second.size = at->second.kept = static_cast<std::uint64_t>(st.st_size);
  return at->second;
}

// What a reader sees of a page.
void view_page(int fd, const Unsynced& file, std::uint64_t page, std::vector<char>& into) {
  into.assign(page_bytes, 0);
  if (const auto found = file.pages.find(page); found != file.pages.end()) {
    into = found->second;
    return;
  }
  const auto at = page * page_bytes;
  if (at >= file.kept) return;
  static_cast<void>(!::pread(fd, into.data(), std::min(page_bytes, file.kept - at), static_cast<off_t>(at)));
}

void shrink_or_grow(int fd, Unsynced& file, std::uint64_t size) {
  if (size < file.size && size % page_bytes != 0) {
    std::vector<char> last;
    view_page(fd, file, size / page_bytes, last);
    std::fill(last.begin() + static_cast<std::ptrdiff_t>(size % page_bytes), last.end(), 0);
    file.pages[size / page_bytes] = last;
  }
  if (size < file.size)
    file.pages.erase(file.pages.lower_bound((size + page_bytes - 1) / page_bytes), file.pages.end());
  file.kept = std::min(file.kept, size);
  file.size = size;
}

int get_attributes(const char* path, struct stat* st, fuse_file_info*) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  if (::lstat(real(path).c_str(), st) != 0) return -errno;
  if (const auto found = unsynced.find(st->st_ino); found != unsynced.end())
    st->st_size = static_cast<off_t>(found->second.size);
  return 0;
}

int open_file(const char* path, fuse_file_info* info) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  const int fd = ::open(real(path).c_str(), (info->flags & ~(O_ACCMODE | O_TRUNC | O_APPEND)) | O_RDWR);
  if (fd < 0) return -errno;
  info->fh = static_cast<std::uint64_t>(fd);
  info->direct_io = 1;
  if ((info->flags & O_TRUNC) != 0) {
    struct stat st {};
    ::fstat(fd, &st);
    shrink_or_grow(fd, state_of(fd, st), 0);
  }
  return 0;
}

int create_file(const char* path, mode_t mode, fuse_file_info* info) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  const int fd = ::open(real(path).c_str(), O_RDWR | O_CREAT, mode);
  if (fd < 0) return -errno;
  info->fh = static_cast<std::uint64_t>(fd);
  info->direct_io = 1;
  return 0;
}

int read_file(const char*, char* into, std::size_t size, off_t offset, fuse_file_info* info) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  const int fd = static_cast<int>(info->fh);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return -errno;
  const auto found = unsynced.find(st.st_ino);
  if (found == unsynced.end()) return error(static_cast<int>(::pread(fd, into, size, offset)));
  auto& file = found->second;
  const auto begin = static_cast<std::uint64_t>(offset);
  if (begin >= file.size) return 0;
  const auto end = std::min(begin + size, file.size);
  std::vector<char> page;
  for (auto at = begin; at < end;) {
    const auto number = at / page_bytes;
    const auto part = std::min(end, (number + 1) * page_bytes) - at;
    view_page(fd, file, number, page);
    std::memcpy(into + (at - begin), page.data() + at % page_bytes, part);
    at += part;
  }
  return static_cast<int>(end - begin);
}

int write_file(const char*, const char* from, std::size_t size, off_t offset, fuse_file_info* info) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  const int fd = static_cast<int>(info->fh);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return -errno;
  auto& file = state_of(fd, st);
  const auto begin = static_cast<std::uint64_t>(offset);
  const auto end = begin + size;
  std::vector<char> page;
  for (auto at = begin; at < end;) {
    const auto number = at / page_bytes;
    const auto part = std::min(end, (number + 1) * page_bytes) - at;
    view_page(fd, file, number, page);
    std::memcpy(page.data() + at % page_bytes, from + (at - begin), part);
    file.pages[number] = page;
    at += part;
  }
  file.size = std::max(file.size, end);
  return static_cast<int>(size);
}

int truncate_file(const char* path, off_t size, fuse_file_info*) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  const int fd = ::open(real(path).c_str(), O_RDWR);
  if (fd < 0) return -errno;
  struct stat st {};
  ::fstat(fd, &st);
  shrink_or_grow(fd, state_of(fd, st), static_cast<std::uint64_t>(size));
  ::close(fd);
  return 0;
}

int sync_file(const char*, int, fuse_file_info* info) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  if (ignores_sync.load()) return 0;
  const int fd = static_cast<int>(info->fh);
  struct stat st {};
  if (::fstat(fd, &st) != 0) return -errno;
  const auto found = unsynced.find(st.st_ino);
  if (found == unsynced.end()) return 0;
  const auto& file = found->second;
  if (::ftruncate(fd, static_cast<off_t>(file.kept)) != 0 || ::ftruncate(fd, static_cast<off_t>(file.size)) != 0)
    return -errno;
  for (const auto& [number, page] : file.pages) {
    const auto at = number * page_bytes;
    if (at >= file.size) continue;
    const auto bytes = std::min(page_bytes, file.size - at);
    if (::pwrite(fd, page.data(), bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes)) return -EIO;
  }
  unsynced.erase(found);
  return 0;
}

int release_file(const char*, fuse_file_info* info) { return error(::close(static_cast<int>(info->fh))); }

int list_folder(const char* path, void* to, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  DIR* folder = ::opendir(real(path).c_str());
  if (folder == nullptr) return -errno;
  while (const dirent* entry = ::readdir(folder)) fill(to, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
  ::closedir(folder);
  return 0;
}

int remove_file(const char* path) {
  const std::scoped_lock lock(mutex);
  forget_when_told();
  struct stat st {};
  if (::lstat(real(path).c_str(), &st) == 0 && st.st_nlink == 1) unsynced.erase(st.st_ino);
  return error(::unlink(real(path).c_str()));
}

int move_file(const char* from, const char* to, unsigned flags) {
  if (flags != 0) return -EINVAL;
  const std::scoped_lock lock(mutex);
  forget_when_told();
  struct stat st {};
  if (::lstat(real(to).c_str(), &st) == 0 && st.st_nlink == 1) unsynced.erase(st.st_ino);
  return error(::rename(real(from).c_str(), real(to).c_str()));
}

int make_folder(const char* path, mode_t mode) { return error(::mkdir(real(path).c_str(), mode)); }
int remove_folder(const char* path) { return error(::rmdir(real(path).c_str())); }
int sync_folder(const char*, int, fuse_file_info*) { return 0; }
int change_mode(const char* path, mode_t mode, fuse_file_info*) { return error(::chmod(real(path).c_str(), mode)); }
int space(const char* path, struct statvfs* to) { return error(::statvfs(real(path).c_str(), to)); }

void* begin(fuse_conn_info*, fuse_config* config) {
  config->attr_timeout = config->entry_timeout = config->negative_timeout = 0;
  config->use_ino = 1;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bench_forgetfs BACKING MOUNTPOINT\n");
    return 2;
  }
  backing = argv[1];
  struct sigaction action {};
  action.sa_handler = [](int) { cut.store(true); };
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
  action.sa_handler = [](int) { ignores_sync.store(true); };
  ::sigaction(SIGUSR2, &action, nullptr);
  fuse_operations operations{};
  operations.getattr = get_attributes;
  operations.open = open_file;
  operations.create = create_file;
  operations.read = read_file;
  operations.write = write_file;
  operations.truncate = truncate_file;
  operations.fsync = sync_file;
  operations.release = release_file;
  operations.readdir = list_folder;
  operations.unlink = remove_file;
  operations.rename = move_file;
  operations.mkdir = make_folder;
  operations.rmdir = remove_folder;
  operations.fsyncdir = sync_folder;
  operations.chmod = change_mode;
  operations.statfs = space;
  operations.init = begin;
  std::string program = argv[0];
  std::string foreground = "-f";
  std::string mountpoint = argv[2];
  char* arguments[] = {program.data(), foreground.data(), mountpoint.data()};
  return fuse_main(3, arguments, &operations, nullptr);
}
