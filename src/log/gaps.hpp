// Gaps: holes found in the log, each declared once as a record of kind gap.
//
// A small file remembers what was declared. A cut between the record's commit and the file's replacement declares a
// hole a second time: readers tell by its offsets.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "log/format.hpp"

namespace skerry::log {

class Gaps {
 public:
  Gaps(Files& files, std::string path) : files_(files), path_(std::move(path)) {}

  void load();                  // an unreadable file counts as empty
  bool note(const Hole& hole);  // false when it was known
  std::vector<Hole> undeclared() const;
  Result<> declared(std::span<const Hole> holes);

  // The payload of a hole's record.
  static std::string json(const Hole& hole);

 private:
  Files& files_;
  std::string path_;
  mutable std::mutex mutex_;
  std::vector<Hole> declared_;
  std::vector<Hole> undeclared_;
};

}  // namespace skerry::log
