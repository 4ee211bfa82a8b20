// Power cuts, kills, full disks and failed syncs from one seed: nothing acknowledged may be lost, moved or doubled.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/logger.hpp"
#include "tests/log/crash_run.hpp"

namespace skerry::log {

CrashRun::CrashRun(std::uint64_t seed, bool sync_works, Counts& counts)
    : chance_(seed), log_chance_(seed + 1), disk_(seed, {.sync_works = sync_works}), counts_(counts) {}

std::optional<std::string> CrashRun::run(int events) {
  reopen();
  for (int i = 0; i < events && !broken_; ++i) {
    clock_.advance(std::chrono::microseconds{chance_.below(30'000)});
    event();
    if (broken_) *broken_ += " (event " + std::to_string(i) + ")";
  }
  if (!broken_) crash(true);
  return broken_;
}

void CrashRun::event() {
  const auto choice = chance_.below(100);
  if (choice < 45)
    append();
  else if (choice < 65)
    commit();
  else if (choice < 73)
    tidy();
  else if (choice < 83)
    read_some();
  else if (choice < 87)
    checkpoint();
  else if (choice < 92)
    disk_.cut_after(chance_.below(12));
  else if (choice < 94)
    crash(true);
  else if (choice < 96)
    crash(false);
  else if (choice < 97)
    clock_.jump(std::chrono::seconds{static_cast<std::int64_t>(chance_.below(7200)) - 3600});
  else if (choice < 98)
    disk_.fail(static_cast<sim::Disk::Op>(chance_.below(6)), Code::io, chance_.below(4));
  else
    disk_.fail(static_cast<sim::Disk::Op>(chance_.below(6)), Code::full, chance_.below(4));
}

void CrashRun::append() {
  std::vector<std::string> payloads;
  std::vector<Record> records;
  const auto count = 1 + chance_.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto size = chance_.one_in(40) ? chance_.below(20'000) : chance_.below(400);
    ++payloads_;
    payloads.push_back(std::to_string(payloads_) + ":" + std::string(size, static_cast<char>('a' + payloads_ % 26)));
  }
  for (const auto& p : payloads) {
    records.push_back(
        {.cls = static_cast<Class>(chance_.below(4)), .topic = "sensors/d1/data", .payload = as_bytes(p)});
  }
  const auto before = log_->stats().ends;
  const auto at = log_->append(records);
  if (!at) {
    if (!failed_ || at.error().code != Code::io) broken("append: " + at.error().text());
    return;
  }
  if (failed_) return broken("append after a failed commit");
  ++groups_;
  auto ends = before;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto position = at->value + i;
    if (acked_.contains(position)) return broken("position " + std::to_string(position) + " given twice");
    auto& end = ends[static_cast<std::size_t>(records[i].cls)];
    pending_[position] = {records[i].cls, end, payloads[i], groups_};
    end.value += 1;
  }
}

void CrashRun::acknowledge() {
  const auto end = log_->committed_end().value;
  for (auto it = pending_.begin(); it != pending_.end() && it->first < end; it = pending_.erase(it)) {
    acked_.insert(*it);
    ++counts_.acknowledged;
  }
}

bool CrashRun::died() {
  if (!disk_.is_cut()) return false;
  ++counts_.cuts;
  reopen();
  return true;
}

void CrashRun::commit() {
  const auto done = log_->commit();
  if (done) return acknowledge();
  if (died() || done.error().code == Code::full) return;
  failed_ = true;
  ++counts_.failed;
  if (!log_->stats().failed || log_->end() != log_->committed_end()) broken("a failed commit leaves records visible");
  const auto past = log_->read(log_->committed_end());
  if (!past || !past->empty()) broken("a failed commit's records can still be read");
}

void CrashRun::tidy() {
  const auto more = log_->tidy();
  if (more)
    counts_.tidied += *more ? 1 : 0;
  else if (!disk_.is_cut() && more.error().code != Code::io && more.error().code != Code::full) {
    broken("tidy: " + more.error().text());
  }
  if (disk_.is_cut())
    died();
  else
    acknowledge();  // it may have committed
}

void CrashRun::check_same(const RecordView& got, const Stored& want) {
  if (got.cls != want.cls || got.offset != want.offset || as_text(got.payload) != want.payload) {
    broken("position " + std::to_string(got.position.value) + " is another record: " +
           std::string(as_text(got.payload).substr(0, 12)) + " instead of " + want.payload.substr(0, 12));
  }
}

// One chunk from anywhere, with any options, holds exactly what the model says.
void CrashRun::read_some() {
  if (disk_.is_cut()) {
    died();
    return;
  }
  ReadOptions options;
  options.classes = static_cast<ClassMask>(1 + chance_.below(15));
  options.committed_only = chance_.one_in(3);
  options.bytes_max = chance_.below(20'000);
  const Position from{chance_.below(log_->end().value + 1)};
  const auto chunk = log_->read(from, options);
  if (!chunk) return broken("read: " + chunk.error().text());
  auto want = from.value;
  for (const auto& r : chunk->records()) {
    for (; want < r.position.value; ++want) {
      const auto& skipped = acked_.contains(want) ? acked_.at(want) : pending_.at(want);
      if ((options.classes & record::mask(skipped.cls)) != 0)
        broken("read left position " + std::to_string(want) + " out");
    }
    if (options.committed_only && r.position >= log_->committed_end()) broken("an uncommitted record was read");
    check_same(r, acked_.contains(want) ? acked_.at(want) : pending_[want]);
    ++want;
  }
}

void CrashRun::checkpoint() {
  if (failed_) return;
  const Position at{chance_.below(log_->committed_end().value + 1)};
  const auto text = std::to_string(at.value);
  any_saved_ = false;  // from here on the old one or the new one
  const auto done = save(disk_, "data/checkpoint", 7, at, as_bytes(text), *log_);
  if (done) {
    saved_ = at;
    any_saved_ = true;
  } else {
    died();
  }
  const auto ahead = save(disk_, "data/checkpoint2", 7, log_->committed_end() + 1, {}, *log_);
  if (ahead || ahead.error().code != Code::invalid) broken("a checkpoint of an uncommitted position was taken");
}

void CrashRun::crash(bool power) {
  if (power) {
    disk_.cut_now();
    died();
    return;
  }
  ++counts_.kills;
  if (disk_.is_cut()) {
    died();
    return;
  }
  reopen();
}

void CrashRun::reopen() {
  while (true) {
    log_.reset();
    if (disk_.is_cut())
      disk_.power_on();
    else
      disk_.kill();
    if (chance_.one_in(6)) disk_.cut_after(chance_.below(20));  // and again, while it recovers
    Options options;
    options.segment_bytes = 16 * KiB;
    options.tail_bytes_max = chance_.one_in(2) ? 4 * KiB : 1 * MiB;
    options.profile = chance_.one_in(2) ? Profile::balanced : Profile::fast;
    options.chance = &log_chance_;
    auto log = Log::open(disk_, clock_, "data", options, metrics_);
    if (log) {
      log_ = std::move(*log);
      break;
    }
    if (!disk_.is_cut() && log.error().code != Code::io && log.error().code != Code::full) {
      return broken("open: " + log.error().text());
    }
    if (disk_.is_cut()) ++counts_.cuts;
  }
  failed_ = false;
  check_all();
}

std::string CrashRun::files_there() const {
  std::string text;
  for (const auto& [name, bytes] : disk_.snapshot()) text += "\n    " + name + " " + std::to_string(bytes.size());
  return text;
}

// Everything acknowledged is there; of the rest whole appends, in order; offsets are dense.
void CrashRun::check_all() {
  std::array<std::uint64_t, 4> offsets{};
  std::map<std::uint64_t, std::uint64_t> survived;  // group -> records
  Position from;
  auto expected = acked_.begin();
  while (!broken_) {
    const auto chunk = log_->read(from);
    if (!chunk && disk_.is_cut()) {
      died();
      return;
    }
    if (!chunk) return broken("read after a crash: " + chunk.error().text());
    if (chunk->empty()) break;
    for (const auto& r : chunk->records()) {
      if (r.offset.value != offsets[static_cast<std::size_t>(r.cls)]++) {
        return broken("offsets are not dense at position " + std::to_string(r.position.value) + " of class " +
                      std::string(record::name(r.cls)) + files_there());
      }
      if (expected != acked_.end() && expected->first < r.position.value) {
        return broken("acknowledged position " + std::to_string(expected->first) + " is lost" + files_there());
      }
      if (expected != acked_.end() && expected->first == r.position.value) {
        check_same(r, expected->second);
        ++expected;
        continue;
      }
      const auto found = pending_.find(r.position.value);
      if (found == pending_.end())
        return broken("position " + std::to_string(r.position.value) + " was never appended");
      check_same(r, found->second);
      ++survived[found->second.group];
    }
    from = chunk->next();
  }
  if (expected != acked_.end())
    return broken("acknowledged position " + std::to_string(expected->first) + " is lost" + files_there());
  std::map<std::uint64_t, std::uint64_t> whole;
  for (const auto& [position, stored] : pending_) ++whole[stored.group];
  for (const auto& [group, records] : survived) {
    if (whole[group] != records) broken("an append survived in part");
    counts_.survived += records;
  }
  if (log_->stats().records_damaged != 0) broken("damage reported where there is none");
  acknowledge();
  pending_.clear();
  const auto checkpoint = load(disk_, "data/checkpoint", 7, *log_);
  if (any_saved_ && (!checkpoint || !*checkpoint || (*checkpoint)->position != saved_) && !disk_.is_cut()) {
    broken("a saved checkpoint is lost");
  }
}

namespace {

std::uint64_t env_number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

std::string repeat(std::uint64_t seed) {
  return "\n  repeat it: SKERRY_SEED=" + std::to_string(seed) +
         " test_log --gtest_filter=LogCrash.NothingAcknowledgedIsLost";
}

TEST(LogCrash, NothingAcknowledgedIsLost) {
  logger::configure(logger::Level::off, logger::Format::text);
  CrashRun::Counts counts;
  const auto one = env_number("SKERRY_SEED", 0);
  const auto first = one != 0 ? one : 1;
  const auto seeds = one != 0 ? 1 : env_number("SKERRY_SEEDS", 1000);
  for (auto seed = first; seed < first + seeds; ++seed) {
    const auto broken = CrashRun(seed, true, counts).run(200);
    ASSERT_FALSE(broken) << "seed " << seed << ": " << *broken << repeat(seed);
  }
  std::printf(
      "log.crash: %llu seeds, %llu cuts, %llu kills, %llu acknowledged, %llu survived unacknowledged, %llu failed "
      "disks\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(counts.cuts),
      static_cast<unsigned long long>(counts.kills), static_cast<unsigned long long>(counts.acknowledged),
      static_cast<unsigned long long>(counts.survived), static_cast<unsigned long long>(counts.failed));
  EXPECT_GE(counts.cuts, seeds);
}

// The suite's teeth: on a disk whose sync does nothing it must fail soon.
TEST(LogCrash, ADiskThatDoesNotSyncIsNoticedWithinTenSeeds) {
  logger::configure(logger::Level::off, logger::Format::text);
  CrashRun::Counts counts;
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) noticed += CrashRun(seed, false, counts).run(200) ? 1 : 0;
  EXPECT_GE(noticed, 1);
}

}  // namespace
}  // namespace skerry::log
