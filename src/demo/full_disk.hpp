// FullDisk: a disk that can be full for whoever looks through it: no byte more, not even over old ones (as on a file
// system that copies on write), until it is released. Removing and syncing go on.
#pragma once

#include <atomic>
#include <memory>

#include "base/files.hpp"

namespace skerry::demo {

class FullDisk final : public Files {
 public:
  explicit FullDisk(Files& below) : below_(below), full_(std::make_shared<std::atomic<bool>>(false)) {}

  void fill(bool full) { full_->store(full); }
  bool full() const { return full_->load(); }

  Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) override;
  Result<> make_dirs(std::string_view path) override;
  Result<std::vector<Entry>> list(std::string_view dir) override { return below_.list(dir); }
  Result<bool> exists(std::string_view path) override { return below_.exists(path); }
  Result<> remove(std::string_view path) override { return below_.remove(path); }
  Result<> rename(std::string_view from, std::string_view to) override { return below_.rename(from, to); }
  Result<> sync_dir(std::string_view dir) override { return below_.sync_dir(dir); }
  Result<Space> space(std::string_view dir) override;
  Result<std::unique_ptr<File>> lock(std::string_view path) override { return below_.lock(path); }
  Result<std::uint64_t> place(std::string_view dir) override { return below_.place(dir); }
  std::uint64_t bytes_to_disk() const override { return below_.bytes_to_disk(); }

 private:
  Files& below_;
  std::shared_ptr<std::atomic<bool>> full_;
};

}  // namespace skerry::demo
