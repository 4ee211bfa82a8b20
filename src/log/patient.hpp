// PatientFiles: files that do not give up on a read at once, and in the end read what cannot be read as zeroes.
//
// A read that fails may be a cable, or a dead sector. It is tried again by whoever wanted it, and each failure is
// counted; when the same 4 KiB have failed `read_tries` times over `patience`, they read as zeroes from then on. No
// checksum fits those, so all above sees damage, which it knows how to leave out and to declare. Any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"

namespace skerry::log {

class PatientFiles final : public Files {
 public:
  PatientFiles(Files& inner, Clock& clock, metrics::Counter& errors)
      : inner_(inner), clock_(clock), given_(std::make_shared<Given>(clock, errors)) {}

  // While the log opens nobody else will ask again: the tries follow each other at once.
  void hurry(bool on);
  bool gave_up(std::string_view path) const;  // on some of it
  std::string last_error() const;             // told to people; empty: none

  Result<std::unique_ptr<File>> open(std::string_view path, Mode mode) override;
  Result<> make_dirs(std::string_view path) override { return inner_.make_dirs(path); }
  Result<std::vector<Entry>> list(std::string_view dir) override { return inner_.list(dir); }
  Result<bool> exists(std::string_view path) override { return inner_.exists(path); }
  Result<> remove(std::string_view path) override;
  Result<> rename(std::string_view from, std::string_view to) override;
  Result<> sync_dir(std::string_view dir) override { return inner_.sync_dir(dir); }
  Result<Space> space(std::string_view dir) override { return inner_.space(dir); }
  Result<std::unique_ptr<File>> lock(std::string_view path) override { return inner_.lock(path); }
  Result<std::uint64_t> place(std::string_view dir) override { return inner_.place(dir); }
  std::uint64_t bytes_to_disk() const override { return inner_.bytes_to_disk(); }

 private:
  // What is known of pages that cannot be read; files that are still open share it.
  class Given {
   public:
    Given(Clock& clock, metrics::Counter& errors) : clock_(clock), errors_(errors) {}
    bool failed(const std::string& path, std::uint64_t page, const Error& error);  // true: it reads as zeroes
    bool is_given_up(const std::string& path, std::uint64_t page) const;
    void forget(std::string_view path);
    void hurry(bool on);
    bool hurries() const;
    bool any(std::string_view path) const;
    std::string last() const;

   private:
    struct Tries {
      int count = 0;
      Mono first{};
      bool given_up = false;
    };
    Clock& clock_;
    metrics::Counter& errors_;
    mutable std::mutex mutex_;
    bool hurry_ = false;
    std::string last_;
    std::map<std::pair<std::string, std::uint64_t>, Tries> pages_;
  };
  class PatientFile;

  Files& inner_;
  Clock& clock_;
  std::shared_ptr<Given> given_;
};

}  // namespace skerry::log
