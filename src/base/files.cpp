// POSIX files behind the seam, and the two ways small files are read and replaced.
#include "base/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace skerry {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT: return Code::not_found;
    case EEXIST: return Code::exists;
    case ENOSPC:
    case EDQUOT: return Code::full;
    case EACCES:
    case EPERM:
    case EROFS: return Code::denied;
    default: return Code::io;
  }
}

std::unexpected<Error> failed(const char* doing, int error, std::string_view path) {
  return fail(code_of(error), std::string("cannot ") + doing + ": " + std::strerror(error), std::string(path));
}

constexpr std::uint64_t page_bytes = 4096;

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path, std::atomic<std::uint64_t>& written)
      : fd_(fd), path_(std::move(path)), written_(written) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<> write(std::uint64_t offset, Bytes bytes) override {
    if (bytes.empty()) return {};
    const auto pages = (offset + bytes.size() + page_bytes - 1) / page_bytes - offset / page_bytes;
    written_.fetch_add(pages * page_bytes, std::memory_order_relaxed);
    while (!bytes.empty()) {
      const auto done = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("write", errno, path_);
      offset += static_cast<std::uint64_t>(done);
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t total = 0;
    while (total < into.size()) {
      const auto done = ::pread(fd_, into.data() + total, into.size() - total, static_cast<off_t>(offset + total));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return failed("read", errno, path_);
      if (done == 0) break;
      total += static_cast<std::size_t>(done);
    }
    return total;
  }

  Result<> sync() override {
#ifndef SKERRY_WITHOUT_SYNC  // tests prove their teeth by building without it
    if (::fdatasync(fd_) != 0) return failed("sync", errno, path_);
#endif
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return failed("truncate", errno, path_);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat st {};
    if (::fstat(fd_, &st) != 0) return failed("stat", errno, path_);
    return static_cast<std::uint64_t>(st.st_size);
  }

  int fd() const { return fd_; }

 private:
  int fd_;
  std::string path_;
  std::atomic<std::uint64_t>& written_;
};

// Who holds a lock writes this into it: for people only, the lock itself is the kernel's.
std::string holder_text() {
  std::array<char, 256> command{};
  if (std::FILE* file = std::fopen("/proc/self/cmdline", "r"); file != nullptr) {
    const auto got = std::fread(command.data(), 1, command.size() - 1, file);
    std::fclose(file);
    for (std::size_t i = 0; i + 1 < got; ++i) {
      if (command[i] == '\0') command[i] = ' ';
    }
  }
  std::string text = "process " + std::to_string(::getpid());
  if (command[0] != '\0') text += " (" + std::string(command.data()) + ")";
  return text + "\n";
}

std::string holder_of(int fd) {
  std::array<char, 512> text{};
  const auto got = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string_view line(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  line = line.substr(0, line.find('\n'));
  return line.empty() ? "another process" : std::string(line);
}

class PosixFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) override {
    const std::string name(path);
    const int flags = mode == Mode::read ? O_RDONLY : mode == Mode::write ? O_RDWR : O_RDWR | O_CREAT | O_TRUNC;
    const int fd = ::open(name.c_str(), flags | O_CLOEXEC, 0640);
    if (fd < 0) return failed("open", errno, path);
    return std::make_unique<PosixFile>(fd, name, written_);
  }

  Result<> make_dirs(std::string_view path) override {
    const std::string name(path);
    if (name.empty()) return {};
    if (::mkdir(name.c_str(), 0750) == 0) return sync_dir(parent_path(path));
    if (errno == EEXIST) {
      struct stat st {};
      if (::stat(name.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
      return fail(Code::exists, "is there, but is no folder", name);
    }
    if (errno != ENOENT) return failed("make the folder", errno, path);
    TRY(make_dirs(parent_path(path)));
    if (::mkdir(name.c_str(), 0750) != 0 && errno != EEXIST) return failed("make the folder", errno, path);
    return sync_dir(parent_path(path));
  }

  Result<std::vector<Entry>> list(std::string_view dir) override {
    DIR* handle = ::opendir(std::string(dir).c_str());
    if (handle == nullptr) return failed("list", errno, dir);
    std::vector<Entry> entries;
    while (const dirent* entry = ::readdir(handle)) {
      const std::string_view entry_name = entry->d_name;
      if (entry_name == "." || entry_name == "..") continue;
      bool is_dir = entry->d_type == DT_DIR;
      if (entry->d_type == DT_UNKNOWN) {
        struct stat st {};
        is_dir = ::stat(join_path(dir, entry_name).c_str(), &st) == 0 && S_ISDIR(st.st_mode);
      }
      entries.push_back({std::string(entry_name), is_dir});
    }
    ::closedir(handle);
    std::ranges::sort(entries, {}, &Entry::name);
    return entries;
  }

  Result<bool> exists(std::string_view path) override {
    if (::access(std::string(path).c_str(), F_OK) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return failed("look up", errno, path);
  }

  Result<> remove(std::string_view path) override {
    if (::unlink(std::string(path).c_str()) != 0) return failed("remove", errno, path);
    return {};
  }

  Result<> rename(std::string_view from, std::string_view to) override {
    if (::rename(std::string(from).c_str(), std::string(to).c_str()) != 0) return failed("rename", errno, from);
    return {};
  }

  Result<> sync_dir(std::string_view dir) override {
    const std::string name(dir.empty() ? "." : dir);
    const int fd = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed("open the folder", errno, dir);
    const int rc = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (rc != 0) return failed("sync the folder", error, dir);
    return {};
  }

  Result<Space> space(std::string_view dir) override {
    struct statvfs vfs {};
    if (::statvfs(std::string(dir).c_str(), &vfs) != 0) return failed("ask for free space", errno, dir);
    return Space{vfs.f_blocks * vfs.f_frsize, vfs.f_bavail * vfs.f_frsize};
  }

  Result<std::unique_ptr<File>> lock(std::string_view path) override {
    const std::string name(path);
    const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return failed("open", errno, path);
    auto file = std::make_unique<PosixFile>(fd, name, written_);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return fail(Code::busy, holder_of(fd) + " holds it", name);
      return failed("lock", errno, path);
    }
    const auto text = holder_text();
    if (::ftruncate(fd, 0) == 0) static_cast<void>(!::pwrite(fd, text.data(), text.size(), 0));  // no room: no name
    return file;
  }

  Result<std::uint64_t> place(std::string_view dir) override {
    const std::string name(dir.empty() ? "." : dir);
    struct statx stx {};
    if (::statx(AT_FDCWD, name.c_str(), 0, STATX_INO | STATX_BTIME, &stx) != 0) return failed("look up", errno, dir);
    // Neither can be set: a copy of the folder has others. Where birth times are not kept, the inode alone tells.
    std::uint64_t place = stx.stx_ino * 0x9e3779b97f4a7c15U;
    if ((stx.stx_mask & STATX_BTIME) != 0) {
      place ^= static_cast<std::uint64_t>(stx.stx_btime.tv_sec) * 1'000'000'007U + stx.stx_btime.tv_nsec;
    }
    return place == 0 ? 1 : place;
  }

  std::uint64_t bytes_to_disk() const override { return written_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace

Files& system_files() {
  static PosixFiles files;
  return files;
}

Result<Buffer> read_file(Files& files, std::string_view path, std::uint64_t bytes_max) {
  auto file = TRY(files.open(path, Files::Mode::read));
  const auto size = TRY(file->size());
  if (size > bytes_max)
    return fail(Code::full, "is longer than " + std::to_string(bytes_max) + " bytes", std::string(path));
  Buffer buffer(size);
  buffer.resize(TRY(file->read(0, buffer)));
  return buffer;
}

Result<> replace_file(Files& files, std::string_view path, Bytes bytes) {
  const std::string fresh = std::string(path) + ".new";
  {
    auto file = TRY(files.open(fresh, Files::Mode::create));
    TRY(file->write(0, bytes));
    TRY(file->sync());  // sync first: a rename may outlive its data
  }
  TRY(files.rename(fresh, path));
  return files.sync_dir(parent_path(path));
}

std::string join_path(std::string_view dir, std::string_view name) {
  std::string path(dir);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string_view parent_path(std::string_view path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

}  // namespace skerry
