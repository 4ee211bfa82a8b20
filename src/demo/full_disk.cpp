// Saying no to every byte while the disk is full.
#include "demo/full_disk.hpp"

namespace skerry::demo {
namespace {

using Switch = std::shared_ptr<std::atomic<bool>>;

std::unexpected<Error> no_room(std::string_view path) {
  return fail(Code::full, "No space left on device (the demo has filled it)", std::string(path));
}

class Held final : public File {
 public:
  Held(std::unique_ptr<File> below, std::string path, Switch full)
      : below_(std::move(below)), path_(std::move(path)), full_(std::move(full)) {}
  Result<> write(std::uint64_t offset, Bytes bytes) override {
    if (full_->load()) return no_room(path_);
    return below_->write(offset, bytes);
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    return below_->read(offset, into);
  }
  Result<> sync() override { return below_->sync(); }
  Result<> truncate(std::uint64_t size) override { return below_->truncate(size); }
  Result<std::uint64_t> size() override { return below_->size(); }

 private:
  std::unique_ptr<File> below_;
  std::string path_;
  Switch full_;
};

}  // namespace

Result<std::unique_ptr<File>> FullDisk::open(std::string_view path, Mode mode) {
  if (mode == Mode::create && full()) return no_room(path);
  auto file = TRY(below_.open(path, mode));
  return std::make_unique<Held>(std::move(file), std::string(path), full_);
}

Result<> FullDisk::make_dirs(std::string_view path) {
  if (full() && !TRY(below_.exists(path))) return no_room(path);
  return below_.make_dirs(path);
}

Result<Files::Space> FullDisk::space(std::string_view dir) {
  auto space = TRY(below_.space(dir));
  if (full()) space.free_bytes = 0;
  return space;
}

}  // namespace skerry::demo
