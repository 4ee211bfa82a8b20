// The simulated disk.
#include "sim/disk.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "sim/world.hpp"

namespace skerry::sim {
namespace {

constexpr std::uint64_t sector_bytes = 512;

std::string clean(std::string_view path) {
  std::string name(path);
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  return name.empty() ? "." : name;
}

std::unexpected<Error> no_power(std::string_view path) {
  return skerry::fail(Code::io, "the power has failed", std::string(path));
}

}  // namespace

const char* Disk::name(Kind kind) {
  static constexpr std::array<const char*, kinds> names{
      "power cut",  "torn sector", "dropped sector", "lost name", "kill",      "read error", "write error",
      "sync error", "name error",  "full",           "bit rot",   "lost file", "old image"};
  return names[static_cast<std::size_t>(kind)];
}

// The bytes as a reader sees them, and for every sector that is not on the medium what the medium holds instead.
struct Disk::Inode {
  Buffer bytes;
  std::uint64_t durable_size = 0;
  std::set<std::uint64_t> dirty;           // the next sync writes them
  std::set<std::uint64_t> forgotten;       // a failed sync lost them, though they still read as written
  std::map<std::uint64_t, Buffer> medium;  // of sectors that were on the medium before; none: zeroes

  // Keeps what the medium holds before the sector is changed.
  void touch(std::uint64_t sector) {
    forgotten.erase(sector);
    if (!dirty.insert(sector).second || medium.contains(sector)) return;
    const auto begin = sector * sector_bytes;
    if (begin >= durable_size) return;
    Buffer old(
        bytes.begin() + static_cast<std::ptrdiff_t>(begin),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(begin + sector_bytes, bytes.size())));
    medium.emplace(sector, std::move(old));
  }

  void synced(std::uint64_t sector) { medium.erase(sector); }

  // The medium's bytes from `keep` on within a sector.
  void revert(std::uint64_t sector, std::uint64_t keep) {
    const auto begin = sector * sector_bytes;
    const auto old = medium.find(sector);
    for (auto i = keep; i < sector_bytes && begin + i < bytes.size(); ++i) {
      const bool held = old != medium.end() && i < old->second.size();
      bytes[begin + i] = held ? old->second[i] : std::byte{0};
    }
  }
};

class Disk::OpenFile final : public File {
 public:
  OpenFile(Disk& disk, std::shared_ptr<Inode> inode, std::string path, bool is_lock, bool writes)
      : disk_(disk),
        inode_(std::move(inode)),
        path_(std::move(path)),
        boot_(disk.boot_),
        is_lock_(is_lock),
        writes_(writes) {}
  ~OpenFile() override {
    if (!is_lock_) return;
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ == disk_.boot_) disk_.locks_.erase(path_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  Result<> write(std::uint64_t offset, Bytes bytes) override {
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ != disk_.boot_ || disk_.cut_) return no_power(path_);
    if (!writes_) return skerry::fail(Code::denied, "is open for reading only", path_);
    const auto end = offset + bytes.size();
    const bool fits =
        end <= inode_->bytes.size() || disk_.used() + end - inode_->bytes.size() <= disk_.options_.capacity_bytes;
    // A write that the power cuts has got some of the way: cut() then decides how far.
    const bool cutting = disk_.cut_after_ && *disk_.cut_after_ == 0;
    if (cutting && fits) put(offset, bytes);
    TRY(disk_.before(Op::write, path_));
    if (!fits) {
      disk_.meet(Kind::full);
      return skerry::fail(Code::full, "no space left on the simulated disk", path_);
    }
    put(offset, bytes);
    return {};
  }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ != disk_.boot_ || disk_.cut_) return no_power(path_);
    TRY(disk_.before(Op::read, path_));
    if (offset >= inode_->bytes.size()) return std::size_t{0};
    const auto count = std::min<std::uint64_t>(into.size(), inode_->bytes.size() - offset);
    std::memcpy(into.data(), inode_->bytes.data() + offset, count);
    return static_cast<std::size_t>(count);
  }

  Result<> sync() override {
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ != disk_.boot_ || disk_.cut_) return no_power(path_);
    auto& inode = *inode_;
    if (auto allowed = disk_.before(Op::sync, path_); !allowed) {
      if (disk_.cut_) return allowed;
      for (const auto sector : inode.dirty) {  // some got there, none is tried again
        if (disk_.chance_->one_in(2))
          inode.synced(sector);
        else
          inode.forgotten.insert(sector);
      }
      inode.dirty.clear();
      return allowed;
    }
    ++disk_.syncs_;
#ifndef SKERRY_WITHOUT_SYNC
    if (!disk_.options_.sync_works) return {};
    for (const auto sector : inode.dirty) inode.synced(sector);
    inode.dirty.clear();
    inode.durable_size = inode.bytes.size();
#endif
    return {};
  }

  Result<> truncate(std::uint64_t size) override {
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ != disk_.boot_ || disk_.cut_) return no_power(path_);
    TRY(disk_.before(Op::write, path_));
    if (size < inode_->bytes.size()) {
      for (auto s = size / sector_bytes; s * sector_bytes < inode_->bytes.size(); ++s) inode_->touch(s);
    }
    inode_->bytes.resize(size);
    return {};
  }

  Result<std::uint64_t> size() override {
    const std::scoped_lock lock(disk_.mutex_);
    if (boot_ != disk_.boot_ || disk_.cut_) return no_power(path_);
    return inode_->bytes.size();
  }

 private:
  void put(std::uint64_t offset, Bytes bytes) {
    if (bytes.empty()) return;
    const auto end = offset + bytes.size();
    for (auto s = offset / sector_bytes; s * sector_bytes < end; ++s) inode_->touch(s);
    if (end > inode_->bytes.size()) inode_->bytes.resize(end);
    std::memcpy(inode_->bytes.data() + offset, bytes.data(), bytes.size());
    disk_.bytes_written_ += bytes.size();
  }

  friend class Disk;
  Disk& disk_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  std::uint64_t boot_;
  bool is_lock_;
  bool writes_;
};

Disk::Disk(std::uint64_t seed) : Disk(seed, Options{}) {}
Disk::Disk(std::uint64_t seed, const Options& options)
    : options_(options), chance_(std::make_unique<SeededChance>(seed ^ 0x6469736bU)) {
  names_["."] = durable_names_["."] = names_["/"] = durable_names_["/"] = nullptr;
}
Disk::~Disk() = default;

Disk::Names::const_iterator Disk::find(std::string_view path) const { return names_.find(clean(path)); }

std::uint64_t Disk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, inode] : names_) bytes += inode ? inode->bytes.size() : 0;
  return bytes;
}

// One operation more. The one in which the power fails does not happen, as far as anyone can tell.
Result<> Disk::before(Op op, std::string_view path) {
  if (op != Op::read) ++operations_;
  if (op != Op::read && cut_after_ && (*cut_after_)-- == 0) {
    cut();
    return no_power(path);
  }
  for (auto& fault : faults_) {
    if (fault.op != op || fault.count == 0) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    --fault.count;
    if (fault.code == Code::full) {
      meet(Kind::full);
    } else {
      static constexpr std::array<Kind, op_count> kinds_of{Kind::write_error, Kind::sync_error, Kind::sync_error,
                                                           Kind::name_error,  Kind::name_error, Kind::name_error,
                                                           Kind::read_error};
      meet(kinds_of[static_cast<std::size_t>(op)]);
    }
    return skerry::fail(fault.code, fault.code == Code::full ? "no space left (injected)" : "I/O error (injected)",
                        std::string(path));
  }
  return {};
}

void Disk::change(Change change) {
  auto& pending = unsynced_names_[std::string(parent_path(change.names.front().first))];
  for (const auto& [name, inode] : change.names) {
    if (inode)
      names_[name] = *inode;
    else
      names_.erase(name);
  }
  pending.push_back(std::move(change));
}

// What the medium holds of a file when the power goes.
void Disk::settle(Inode& inode) {
  if (inode.bytes.size() != inode.durable_size) {
    const auto fate = chance_->below(3);
    const auto grown = inode.bytes.size() > inode.durable_size ? inode.bytes.size() - inode.durable_size : 0;
    if (fate == 0)
      inode.bytes.resize(inode.durable_size);
    else if (fate == 1 && grown > 0)
      inode.bytes.resize(inode.durable_size + chance_->below(grown));
  }
  for (const auto sector : inode.forgotten) inode.revert(sector, 0);
  for (const auto sector : inode.dirty) {
    const auto fate = chance_->below(8);
    if (fate < 3) {
      meet(Kind::dropped_sector);
      inode.revert(sector, 0);
    } else if (fate == 3) {
      meet(Kind::torn_sector);
      inode.revert(sector, chance_->below(sector_bytes));
    }
  }
  inode.durable_size = inode.bytes.size();
  inode.dirty.clear();
  inode.forgotten.clear();
  inode.medium.clear();
}

void Disk::cut() {
  cut_ = true;
  cut_after_.reset();
  meet(Kind::power_cut);
  std::set<std::shared_ptr<Inode>> inodes;  // by address, so settled in order of name below
  for (auto& [dir, changes] : unsynced_names_) {
    for (const auto& change : changes) {
      if (chance_->one_in(2)) {
        meet(Kind::lost_name);
        continue;
      }
      for (const auto& [name, inode] : change.names) {
        if (inode)
          durable_names_[name] = *inode;
        else
          durable_names_.erase(name);
      }
    }
  }
  unsynced_names_.clear();
  names_ = durable_names_;
  for (auto& [name, inode] : names_) {
    if (inode && inodes.insert(inode).second) settle(*inode);
  }
}

void Disk::cut_after(std::uint64_t ops) {
  const std::scoped_lock lock(mutex_);
  cut_after_ = ops;
}
void Disk::cut_now() {
  const std::scoped_lock lock(mutex_);
  if (!cut_) cut();
}
bool Disk::is_cut() const {
  const std::scoped_lock lock(mutex_);
  return cut_;
}
void Disk::power_on() {
  const std::scoped_lock lock(mutex_);
  cut_ = false;
  cut_after_.reset();
  faults_.clear();
  locks_.clear();
  ++boot_;
}
void Disk::kill() {
  const std::scoped_lock lock(mutex_);
  meet(Kind::kill);
  locks_.clear();
  ++boot_;
}
void Disk::fail(Op op, Code code, std::uint64_t skip, std::uint64_t count) {
  const std::scoped_lock lock(mutex_);
  faults_.push_back({op, code, skip, count});
}
void Disk::set_capacity(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  options_.capacity_bytes = bytes;
}
void Disk::flip_bit(std::string_view path, std::uint64_t bit) {
  const std::scoped_lock lock(mutex_);
  const auto at = find(path);
  INVARIANT(at != names_.end());
  INVARIANT(at->second != nullptr);
  INVARIANT(bit / 8 < at->second->bytes.size());
  at->second->bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  meet(Kind::bit_rot);
}
void Disk::lose(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  names_.erase(clean(path));
  durable_names_.erase(clean(path));
  meet(Kind::lost_file);
}

struct Disk::Image {
  std::map<std::string, std::optional<Buffer>, std::less<>> files;  // none: a folder
};

// As a copy that a backup took of a running system's synced files: the medium, not what waits to be written.
std::shared_ptr<const Disk::Image> Disk::image() const {
  const std::scoped_lock lock(mutex_);
  auto image = std::make_shared<Image>();
  for (const auto& [name, inode] : durable_names_) {
    if (!inode) {
      image->files[name] = std::nullopt;
      continue;
    }
    Inode copy = *inode;
    for (const auto sector : copy.dirty) copy.revert(sector, 0);
    for (const auto sector : copy.forgotten) copy.revert(sector, 0);
    copy.bytes.resize(std::min<std::uint64_t>(copy.bytes.size(), copy.durable_size));
    image->files[name] = std::move(copy.bytes);
  }
  return image;
}

void Disk::restore(const Image& image) {
  const std::scoped_lock lock(mutex_);
  names_.clear();
  for (const auto& [name, bytes] : image.files) {
    auto& inode = names_[name];
    if (!bytes) continue;
    inode = std::make_shared<Inode>();
    inode->bytes = *bytes;
    inode->durable_size = bytes->size();
  }
  durable_names_ = names_;
  unsynced_names_.clear();
  locks_.clear();
  ++boot_;
  ++place_;
  meet(Kind::old_image);
}

Disk::Met Disk::met() const {
  const std::scoped_lock lock(mutex_);
  return met_;
}

Result<std::uint64_t> Disk::place(std::string_view dir) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(dir);
  return place_;
}
std::uint64_t Disk::operations() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}
std::uint64_t Disk::bytes_written() const {
  const std::scoped_lock lock(mutex_);
  return bytes_written_;
}
std::uint64_t Disk::syncs() const {
  const std::scoped_lock lock(mutex_);
  return syncs_;
}
std::map<std::string, Buffer> Disk::snapshot() const {
  const std::scoped_lock lock(mutex_);
  std::map<std::string, Buffer> all;
  for (const auto& [name, inode] : names_) {
    if (inode) all[name] = inode->bytes;
  }
  return all;
}

Result<std::unique_ptr<File>> Disk::open(std::string_view path, Mode mode) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(path);
  const auto name = clean(path);
  auto at = names_.find(name);
  if (at != names_.end() && !at->second) return skerry::fail(Code::io, "is a folder", name);
  if (at == names_.end()) {
    if (mode != Mode::create) return skerry::fail(Code::not_found, "no such file", name);
    if (!names_.contains(parent_path(name))) return skerry::fail(Code::not_found, "no such folder", name);
    TRY(before(Op::make, name));
    auto inode = std::make_shared<Inode>();
    change({{{name, inode}}});
    return std::make_unique<OpenFile>(*this, inode, name, false, true);
  }
  if (mode == Mode::create) {
    TRY(before(Op::make, name));
    auto& inode = *at->second;
    for (std::uint64_t s = 0; s * sector_bytes < inode.bytes.size(); ++s) inode.touch(s);
    inode.bytes.clear();
  }
  return std::make_unique<OpenFile>(*this, at->second, name, false, mode != Mode::read);
}

Result<> Disk::make_dirs(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(path);
  std::vector<std::string> missing;
  for (auto name = clean(path);; name = std::string(parent_path(name))) {
    const auto at = names_.find(name);
    if (at != names_.end() && at->second) return skerry::fail(Code::exists, "is there, but is no folder", name);
    if (at != names_.end()) break;
    missing.push_back(name);
  }
  std::ranges::reverse(missing);
  for (const auto& name : missing) {
    TRY(before(Op::make, name));
    names_[name] = durable_names_[name] = nullptr;
  }
  return {};
}

Result<std::vector<Files::Entry>> Disk::list(std::string_view dir) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(dir);
  const auto at = find(dir);
  if (at == names_.end() || at->second) return skerry::fail(Code::not_found, "no such folder", std::string(dir));
  std::vector<Entry> entries;
  for (const auto& [name, inode] : names_) {
    if (name == "." || name == "/" || parent_path(name) != clean(dir)) continue;
    entries.push_back({name.substr(name.find_last_of('/') + 1), inode == nullptr});
  }
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

Result<bool> Disk::exists(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(path);
  return find(path) != names_.end();
}

Result<> Disk::remove(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(path);
  const auto at = find(path);
  if (at == names_.end() || !at->second) return skerry::fail(Code::not_found, "no such file", std::string(path));
  TRY(before(Op::remove, path));
  change({{{clean(path), std::nullopt}}});
  return {};
}

Result<> Disk::rename(std::string_view from, std::string_view to) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(from);
  const auto at = find(from);
  if (at == names_.end() || !at->second) return skerry::fail(Code::not_found, "no such file", std::string(from));
  if (!names_.contains(parent_path(clean(to)))) return skerry::fail(Code::not_found, "no such folder", std::string(to));
  TRY(before(Op::rename, from));
  const auto inode = at->second;
  change({{{clean(to), inode}, {clean(from), std::nullopt}}});
  return {};
}

Result<> Disk::sync_dir(std::string_view dir) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(dir);
  TRY(before(Op::sync_dir, dir));
  const auto pending = unsynced_names_.find(clean(dir));
  if (pending == unsynced_names_.end()) return {};
  for (const auto& change : pending->second) {
    for (const auto& [name, inode] : change.names) {
      if (inode)
        durable_names_[name] = *inode;
      else
        durable_names_.erase(name);
    }
  }
  unsynced_names_.erase(pending);
  return {};
}

Result<Files::Space> Disk::space(std::string_view dir) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(dir);
  const auto taken = used();
  return Space{options_.capacity_bytes, options_.capacity_bytes - std::min(taken, options_.capacity_bytes)};
}

Result<std::unique_ptr<File>> Disk::lock(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  if (cut_) return no_power(path);
  const auto name = clean(path);
  if (locks_.contains(name)) return skerry::fail(Code::busy, "another process holds it", name);
  auto at = names_.find(name);
  if (at == names_.end()) {
    TRY(before(Op::make, name));
    change({{{name, std::make_shared<Inode>()}}});
    at = names_.find(name);
  }
  locks_.insert(name);
  return std::make_unique<OpenFile>(*this, at->second, name, true, true);
}

}  // namespace skerry::sim
