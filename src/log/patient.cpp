// Reads that fail, page by page.
#include "log/patient.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "log/limits.hpp"

namespace skerry::log {
namespace {

constexpr auto patience = std::chrono::seconds{10};
constexpr std::size_t pages_remembered = 10'000;

}  // namespace

bool PatientFiles::Given::failed(const std::string& path, std::uint64_t page, const Error& error) {
  errors_.add();
  const std::scoped_lock lock(mutex_);
  if (pages_.size() >= pages_remembered) pages_.erase(pages_.begin());
  auto& tries = pages_[{path, page}];
  const auto now = clock_.mono();
  if (tries.count++ == 0) tries.first = now;
  last_ = error.text();
  tries.given_up = tries.count >= read_tries && (hurry_ || now - tries.first >= patience);
  const logger::Fields fields{{"path", path}, {"page", page}, {"why", error.what}, {"tries", tries.count}};
  if (tries.given_up)
    logger::error("log", "4 KiB that cannot be read count as damaged from here on", fields);
  else if (tries.count == 1)
    logger::error("log", "a read failed and is tried again", fields);
  return tries.given_up;
}

bool PatientFiles::Given::is_given_up(const std::string& path, std::uint64_t page) const {
  const std::scoped_lock lock(mutex_);
  const auto found = pages_.find({path, page});
  return found != pages_.end() && found->second.given_up;
}

void PatientFiles::Given::forget(std::string_view path) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(pages_, [&](const auto& page) { return page.first.first == path; });
}

void PatientFiles::Given::hurry(bool on) {
  const std::scoped_lock lock(mutex_);
  hurry_ = on;
}

bool PatientFiles::Given::hurries() const {
  const std::scoped_lock lock(mutex_);
  return hurry_;
}

bool PatientFiles::Given::any(std::string_view path) const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(pages_, [&](const auto& p) { return p.first.first == path && p.second.given_up; });
}

std::string PatientFiles::Given::last() const {
  const std::scoped_lock lock(mutex_);
  return last_;
}

class PatientFiles::PatientFile final : public File {
 public:
  PatientFile(std::unique_ptr<File> inner, std::string path, std::shared_ptr<Given> given)
      : inner_(std::move(inner)), path_(std::move(path)), given_(std::move(given)) {}

  Result<> write(std::uint64_t offset, Bytes bytes) override { return inner_->write(offset, bytes); }
  Result<> sync() override { return inner_->sync(); }
  Result<> truncate(std::uint64_t size) override { return inner_->truncate(size); }
  Result<std::uint64_t> size() override { return inner_->size(); }

  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    auto got = inner_->read(offset, into);
    if (got || got.error().code != Code::io) return got;
    // Page by page, so that one dead sector does not take its neighbours with it.
    const auto size = TRY(inner_->size());
    const auto end = std::min<std::uint64_t>(offset + into.size(), size);
    for (auto at = offset; at < end;) {
      const auto page = at / page_bytes;
      const auto part = into.subspan(at - offset, std::min(end, (page + 1) * page_bytes) - at);
      TRY(read_page(at, page, part));
      at += part.size();
    }
    return static_cast<std::size_t>(end > offset ? end - offset : 0);
  }

 private:
  Result<> read_page(std::uint64_t at, std::uint64_t page, std::span<std::byte> into) {
    while (!given_->is_given_up(path_, page)) {
      const auto got = inner_->read(at, into);
      if (got) {
        std::ranges::fill(into.subspan(*got), std::byte{0});
        return {};
      }
      if (got.error().code != Code::io) return std::unexpected(got.error());
      if (!given_->failed(path_, page, got.error()) && !given_->hurries()) return std::unexpected(got.error());
    }
    std::ranges::fill(into, std::byte{0});
    return {};
  }

  std::unique_ptr<File> inner_;
  std::string path_;
  std::shared_ptr<Given> given_;
};

void PatientFiles::hurry(bool on) { given_->hurry(on); }
bool PatientFiles::gave_up(std::string_view path) const { return given_->any(path); }
std::string PatientFiles::last_error() const { return given_->last(); }

Result<std::unique_ptr<File>> PatientFiles::open(std::string_view path, Mode mode) {
  auto file = TRY(inner_.open(path, mode));
  return std::make_unique<PatientFile>(std::move(file), std::string(path), given_);
}

// Another file gets the name, and with it other sectors.
Result<> PatientFiles::remove(std::string_view path) {
  given_->forget(path);
  return inner_.remove(path);
}
Result<> PatientFiles::rename(std::string_view from, std::string_view to) {
  given_->forget(from);
  given_->forget(to);
  return inner_.rename(from, to);
}

}  // namespace skerry::log
