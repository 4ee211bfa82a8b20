// CrashRun: one seed's life of a log on a disk that loses power, checked against what was promised.
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
  };

  CrashRun(std::uint64_t seed, bool sync_works, Counts& counts);
  // What was broken, or nothing.
  std::optional<std::string> run(int events);

 private:
  struct Stored {
    Class cls;
    Offset offset;
    std::string payload;
    std::uint64_t group = 0;
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
  void acknowledge();
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
  std::map<std::uint64_t, Stored> acked_;    // by position
  std::map<std::uint64_t, Stored> pending_;  // appended, not known to be on disk
  std::uint64_t groups_ = 0;
  std::uint64_t payloads_ = 0;
  Position saved_;
  bool any_saved_ = false;
  bool failed_ = false;
  std::optional<std::string> broken_;
};

}  // namespace skerry::log
