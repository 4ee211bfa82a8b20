// CrashRun: one seed's life of a log on a disk that loses power, space, sectors and files, checked against what was
// promised: what was acknowledged is there, or lies in a declared gap; what is pinned is there; a name outside (epoch,
// class, offset) never stands for two records.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "log/checkpoint.hpp"
#include "log/log.hpp"
#include "sim/disk.hpp"
#include "sim/world.hpp"

namespace skerry::log {

class TestClock final : public Clock {
 public:
  Wall wall() override { return wall_; }
  Mono mono() override { return mono_; }
  void advance(std::chrono::microseconds by) {
    wall_ += by;
    mono_ += by;
  }
  void jump(std::chrono::microseconds by) { wall_ += by; }

 private:
  Wall wall_{std::chrono::microseconds{1'767'225'600'000'000}};
  Mono mono_{std::chrono::seconds{1}};
};

class CrashRun {
 public:
  struct Counts {
    std::uint64_t cuts = 0;
    std::uint64_t kills = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t survived = 0;  // never acknowledged, and there after the cut
    std::uint64_t failed = 0;
    std::uint64_t tidied = 0;
    std::uint64_t trimmed = 0;
    std::uint64_t damaged = 0;
    sim::Disk::Met met{};  // seeds that met each kind of fault
  };
  // What a run may meet. `rot`: bits, files and images go bad, so that acknowledged records may go if they are
  // declared.
  struct Faults {
    bool sync_works = true;
    bool rot = true;
  };

  CrashRun(std::uint64_t seed, const Faults& faults, Counts& counts);
  // What was broken, or nothing.
  std::optional<std::string> run(int events);

 private:
  struct Stored {
    Class cls;
    Offset offset;
    std::string payload;
    std::uint64_t group = 0;
  };
  // All that a restored image takes back.
  struct Model {
    std::map<std::uint64_t, Stored> acked;    // by position
    std::map<std::uint64_t, Stored> pending;  // appended, not known to be on disk
    std::map<std::uint64_t, bool> pinned;     // those of acked that must stay
    Position pinned_before;
    Position saved;
    bool any_saved = false;
  };

  void event();
  void append();
  void commit();
  void tidy();
  void read_some();
  void checkpoint();
  void crash(bool power);
  void reopen();
  void check_all();
  void drop_gone();
  void find_rot();
  void rot();
  void pin();
  void acknowledge();
  bool gone(Class cls, Offset offset) const;
  void check_same(const RecordView& got, const Stored& want);
  std::string files_there() const;
  bool died();  // the disk has lost power: starts again
  void broken(const std::string& what) {
    if (!broken_) broken_ = what;
  }

  TestClock clock_;
  sim::SeededChance chance_;
  sim::SeededChance log_chance_;
  sim::Disk disk_;
  Counts& counts_;
  metrics::Registry metrics_;
  std::unique_ptr<Log> log_;
  Faults faults_;
  Model model_;
  std::optional<std::pair<std::shared_ptr<const sim::Disk::Image>, Model>> image_;
  std::map<std::tuple<std::uint64_t, Class, std::uint64_t>, std::string> names_;  // ever given out
  std::map<std::pair<Class, std::uint64_t>, std::uint64_t> gone_;                 // declared: [from, to)
  std::uint64_t groups_ = 0;
  std::uint64_t payloads_ = 0;
  std::uint64_t budget_ = 0;
  bool rotten_ = false;
  bool failed_ = false;
  std::optional<std::string> broken_;
};

}  // namespace skerry::log
