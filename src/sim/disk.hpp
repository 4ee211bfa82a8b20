// Disk: files that lose power. One seed decides what an unlucky disk keeps of what nobody synced.
//
// At a power cut every 512-byte sector written since its file's last good sync is kept, dropped or torn on its own, in
// any order; a file that grew may have any size in between; every name made, renamed or removed since its folder's last
// sync is kept or undone on its own (a rename as a whole). After a failed sync the kernel forgets: those sectors read
// as written and may never reach the disk. Any thread; the same seed and the same calls give the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/chance.hpp"
#include "base/files.hpp"

namespace skerry::sim {

class Disk final : public Files {
 public:
  struct Options {
    std::uint64_t capacity_bytes = 1 * GiB;
    bool sync_works = true;  // false: the mutant that crash tests must notice. Built SKERRY_WITHOUT_SYNC: never.
  };
  enum class Op : std::uint8_t { write, sync, sync_dir, rename, remove, make, read };
  static constexpr std::size_t op_count = 7;
  // What a disk can do to a program; met() counts what it did. Damage is flip_bit() and lose().
  enum class Kind : std::uint8_t {
    power_cut,
    torn_sector,
    dropped_sector,
    lost_name,
    kill,
    read_error,
    write_error,
    sync_error,
    name_error,
    full,
    bit_rot,
    lost_file,
    old_image
  };
  static constexpr std::size_t kinds = 13;
  using Met = std::array<std::uint64_t, kinds>;
  static const char* name(Kind kind);

  explicit Disk(std::uint64_t seed);
  Disk(std::uint64_t seed, const Options& options);
  ~Disk() override;

  // ---- Files ----
  Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) override;
  Result<> make_dirs(std::string_view path) override;
  Result<std::vector<Entry>> list(std::string_view dir) override;
  Result<bool> exists(std::string_view path) override;
  Result<> remove(std::string_view path) override;
  Result<> rename(std::string_view from, std::string_view to) override;
  Result<> sync_dir(std::string_view dir) override;
  Result<Space> space(std::string_view dir) override;
  Result<std::unique_ptr<File>> lock(std::string_view path) override;
  Result<std::uint64_t> place(std::string_view dir) override;
  std::uint64_t bytes_to_disk() const override { return bytes_written(); }

  // ---- faults ----
  // The power fails in the middle of the operation that follows `ops` more (0: the next). From then on all fail.
  void cut_after(std::uint64_t ops);
  void cut_now();
  bool is_cut() const;
  void power_on();  // after a cut: what survived is there, everything opened before is dead
  void kill();      // the process dies, the disk does not: what was written stays, everything opened is dead
  // After `skip` more operations of this kind, the next `count` fail with `code` (Code::full, Code::io).
  void fail(Op op, Code code, std::uint64_t skip = 0, std::uint64_t count = 1);
  void flip_bit(std::string_view path, std::uint64_t bit);  // on the medium; the file must be there
  void lose(std::string_view path);                         // its folder's entry is gone, as after a bad fsck
  void set_capacity(std::uint64_t bytes);
  // All that is durable now; restore() puts it back into a new folder, as from a backup: place() changes.
  struct Image;
  std::shared_ptr<const Image> image() const;
  void restore(const Image& image);
  Met met() const;

  std::uint64_t operations() const;  // that change something, so far
  std::uint64_t bytes_written() const;
  std::uint64_t syncs() const;
  // Every file with its bytes, for comparing runs.
  std::map<std::string, Buffer> snapshot() const;

 private:
  struct Inode;
  class OpenFile;
  using Names = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;  // no inode: a folder
  // What a folder's names changed; none: the name went.
  struct Change {
    std::vector<std::pair<std::string, std::optional<std::shared_ptr<Inode>>>> names;
  };
  struct Fault {
    Op op;
    Code code;
    std::uint64_t skip;
    std::uint64_t count;
  };

  void meet(Kind kind) { ++met_[static_cast<std::size_t>(kind)]; }
  Result<> before(Op op, std::string_view path);  // counts; fails when a fault or a cut is due
  void cut();
  void settle(Inode& inode);
  void change(Change change);
  Names::const_iterator find(std::string_view path) const;
  std::uint64_t used() const;

  mutable std::mutex mutex_;
  Options options_;
  std::unique_ptr<Chance> chance_;
  Names names_;
  Names durable_names_;
  std::map<std::string, std::vector<Change>, std::less<>> unsynced_names_;  // by folder
  std::set<std::string, std::less<>> locks_;
  std::vector<Fault> faults_;
  std::optional<std::uint64_t> cut_after_;
  bool cut_ = false;
  std::uint64_t boot_ = 0;  // handles of an earlier one are dead
  std::uint64_t operations_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t place_ = 1;
  Met met_{};
};

}  // namespace skerry::sim
