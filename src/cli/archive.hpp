// Archive: the file that `skerry backup` writes: a tar of a data folder in one zstd stream, with a list of what must be
// in it as its last member. Bytes: docs/format/backup.md.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::cli {

struct Manifest {
  struct File {
    std::string name;  // relative, `/` between
    std::uint64_t bytes = 0;
    std::uint32_t crc = 0;  // CRC-32C
  };
  std::string version;         // of the program
  std::string gateway_id;      // empty: not known
  std::string made_at;         // RFC 3339
  std::int64_t position = -1;  // every record before it is in the backup; -1: not known
  std::vector<File> files;
  std::uint64_t bytes() const;
};

class ArchiveWriter {
 public:
  // `to` outlives it.
  static Result<std::unique_ptr<ArchiveWriter>> create(std::FILE* to);
  virtual ~ArchiveWriter() = default;
  virtual Result<> add(const std::string& name, const std::string& path) = 0;
  // Writes the manifest, which gets the files that were added, and ends the stream.
  virtual Result<> finish(Manifest manifest) = 0;
};

// Called for each file: first with its name (empty bytes), then with its bytes in order.
using ArchiveSink = std::function<Result<>(const std::string& name, std::uint32_t mode, Bytes bytes)>;
// Reads all of it; gives the manifest when every file it lists was there as it says. Code::damaged: cut short, changed,
// or no backup. Code::unsupported: a newer program wrote it.
Result<Manifest> read_archive(std::FILE* from, const ArchiveSink& sink);

}  // namespace skerry::cli
