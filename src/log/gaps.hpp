// Gaps: what is gone from the log, by class and offset, with the reason, said before it is taken away.
//
// The truth is one small file, replaced whole: a record of kind gap tells readers as well, but may be trimmed itself.
// Ranges of a class never overlap; neighbours with the same reason are one. Any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "log/format.hpp"

namespace skerry::log {

// Records lost to damage of which only the place is known: the classes' offsets there are found out later.
struct Lost {
  Position first;
  Position end;
  ClassMask classes = record::all_classes;
};

// A block file that is being taken away: after a cut it is taken away again.
struct Doomed {
  Position first;  // of its segment
  Class cls = Class::medium;
};

class Gaps {
 public:
  // `ballast` is a file that may be removed to make room for the gaps' own on a full disk.
  Gaps(Files& files, std::string path, std::string ballast)
      : files_(files), path_(std::move(path)), ballast_(std::move(ballast)) {}

  void load();  // an unreadable file counts as empty, and is told

  // What a reader ran into; told once, declared at the next declare(). False: it is known.
  bool note(const Hole& hole, Wall at);
  bool note(const Lost& lost);
  std::vector<Lost> lost() const;  // to be turned into gaps, and declared with them
  bool undeclared() const;

  // Durable when it returns, with what note() gathered: from then on `doomed` may be taken away. Only what was not
  // declared before is added. Code::full, Code::io: nothing was changed on disk.
  Result<> declare(std::span<const Gap> gaps, std::span<const Doomed> doomed, std::span<const Lost> lost = {});
  const std::vector<Doomed>& doomed() const { return doomed_; }  // after load(), before any declare()

  std::vector<Gap> all() const;  // by class and offset
  bool covers(Class cls, Offset from, Offset to) const;
  Position end(ClassMask classes) const;  // one past the newest position of a gap of these classes
  std::uint64_t records(Class cls, GapReason reason) const;
  std::uint64_t records(Class cls) const;

  // ---- telling readers ----
  // The payloads of records that are not yet in the log for certain, and that they are.
  std::vector<std::string> untold() const;
  void told(std::size_t count);

  Result<> keep_ballast();  // makes it where it is missing

 private:
  struct Range {
    std::uint64_t to = 0;
    GapReason reason = GapReason::damage;
    Position first;
    Position end;
    Wall at{};
  };
  using Ranges = std::map<std::uint64_t, Range>;  // by first offset

  static std::vector<Gap> add(Ranges& ranges, const Gap& gap);  // what was new of it
  bool covered(Class cls, Offset from, Offset to) const;
  Buffer encode() const;
  bool decode(Bytes raw);
  bool decode_v1(Reader& reader, std::uint64_t holes);

  Files& files_;
  std::string path_;
  std::string ballast_;
  mutable std::mutex mutex_;
  std::array<Ranges, record::class_count> ranges_;
  std::vector<Gap> noted_;  // not yet declared
  std::vector<Lost> lost_;
  std::vector<Lost> lost_before_;  // declared: not noted again
  std::vector<Doomed> doomed_;
  std::vector<std::string> untold_;
};

// The payload of a record of kind gap: gaps of one cause, at most one a class.
std::string gap_json(std::span<const Gap> gaps);

}  // namespace skerry::log
