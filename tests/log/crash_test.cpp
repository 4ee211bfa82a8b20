// Power cuts, kills, full disks and failed syncs from one seed: nothing acknowledged may be lost, moved or doubled.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/logger.hpp"
#include "log/limits.hpp"
#include "tests/log/crash_run.hpp"

namespace skerry::log {

CrashRun::CrashRun(std::uint64_t seed, const Faults& faults, Counts& counts)
    : chance_(seed),
      log_chance_(seed + 1),
      disk_(seed, {.sync_works = faults.sync_works}),
      counts_(counts),
      faults_(faults),
      budget_(chance_.one_in(2) ? 380 * KiB + chance_.below(200 * KiB) : 1 * GiB) {}

std::optional<std::string> CrashRun::run(int events) {
  reopen();
  for (int i = 0; i < events && !broken_; ++i) {
    clock_.advance(std::chrono::microseconds{chance_.below(30'000)});
    event();
    if (broken_) *broken_ += " (event " + std::to_string(i) + ")";
  }
  if (!broken_) crash(true);
  const auto met = disk_.met();
  for (std::size_t i = 0; i < met.size(); ++i) counts_.met[i] += met[i] > 0 ? 1 : 0;
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
  else if (choice < 85)
    checkpoint();
  else if (choice < 87)
    pin();
  else if (choice < 92)
    disk_.cut_after(chance_.below(12));
  else if (choice < 94)
    crash(true);
  else if (choice < 96)
    crash(false);
  else if (choice < 97)
    clock_.jump(std::chrono::seconds{static_cast<std::int64_t>(chance_.below(7200)) - 3600});
  else if (choice < 98)
    disk_.fail(static_cast<sim::Disk::Op>(chance_.below(7)), Code::io, chance_.below(4));
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
    if (model_.acked.contains(position)) return broken("position " + std::to_string(position) + " given twice");
    auto& end = ends[static_cast<std::size_t>(records[i].cls)];
    model_.pending[position] = {records[i].cls, end, payloads[i], groups_};
    end.value += 1;
  }
}

void CrashRun::acknowledge() {
  const auto end = log_->committed_end().value;
  const auto epochs = log_->epochs();
  for (auto it = model_.pending.begin(); it != model_.pending.end() && it->first < end; it = model_.pending.erase(it)) {
    model_.acked.insert(*it);
    ++counts_.acknowledged;
    const auto& [position, stored] = *it;
    const auto c = static_cast<std::size_t>(stored.cls);
    auto epoch = epochs.rbegin();
    while (epoch->offsets[c] > stored.offset) ++epoch;
    const auto [named, fresh] = names_.emplace(std::tuple(epoch->id, stored.cls, stored.offset.value), stored.payload);
    if (!fresh && named->second != stored.payload) {
      broken("offset " + std::to_string(stored.offset.value) + " of class " + std::string(record::name(stored.cls)) +
             " stands for two records in epoch " + std::to_string(epochs.rend() - epoch) + " of " +
             std::to_string(epochs.size()) + ": " + named->second.substr(0, 12) + " and " +
             stored.payload.substr(0, 12));
    }
  }
}

bool CrashRun::gone(Class cls, Offset offset) const {
  auto next = gone_.upper_bound({cls, offset.value});
  if (next == gone_.begin()) return false;
  --next;
  return next->first.first == cls && next->second > offset.value;
}

// What the log has declared gone is no loss, unless it is pinned.
void CrashRun::drop_gone() {
  gone_.clear();
  for (const auto& gap : log_->gaps()) {
    gone_[{gap.cls, gap.from.value}] = gap.to.value;
    if (gap.reason == GapReason::damage && !rotten_) broken("damage declared where there is none");
    if (gap.reason == GapReason::budget && budget_ == 1 * GiB) broken("trimmed although there was room");
  }
  for (auto it = model_.acked.begin(); it != model_.acked.end();) {
    if (!gone(it->second.cls, it->second.offset)) {
      ++it;
      continue;
    }
    if (model_.pinned.contains(it->first) && !rotten_) {
      broken("pinned position " + std::to_string(it->first) + " was trimmed");
    }
    ++counts_.trimmed;
    model_.pinned.erase(it->first);
    it = model_.acked.erase(it);
  }
}

// Some of what is there must stay, others need not any more.
void CrashRun::pin() {
  if (failed_) return;
  model_.pinned_before = log_->committed_end();
  for (const auto& [position, stored] : model_.acked) {
    if (chance_.one_in(30)) model_.pinned[position] = true;
    if (chance_.one_in(5)) model_.pinned.erase(position);
  }
  std::vector<Position> positions;
  for (const auto& [position, yes] : model_.pinned) positions.push_back({position});
  log_->pin("test", model_.pinned_before, positions);
}

// Between two lives: a bit flips in a block, a block file's name is lost, or an old image is put back.
void CrashRun::rot() {
  std::vector<std::pair<std::string, std::size_t>> blocks;
  for (const auto& [name, bytes] : disk_.snapshot()) {
    if (name.ends_with(".blk") && !bytes.empty()) blocks.emplace_back(name, bytes.size());
  }
  const auto choice = chance_.below(60);
  if (choice < 2 && image_) {
    disk_.restore(*image_->first);
    model_ = image_->second;
    return;
  }
  if (choice > 5 || blocks.empty()) return;
  const auto& [name, size] = blocks[chance_.below(blocks.size())];
  rotten_ = true;
  if (choice < 5)
    disk_.flip_bit(name, chance_.below(size * 8));
  else
    disk_.lose(name);
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
  if (disk_.is_cut()) {
    died();
    return;
  }
  acknowledge();  // it may have committed
  drop_gone();
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
  if (!chunk && chunk.error().code == Code::io) return;  // a read may fail; the next one may not
  if (!chunk) return broken("read: " + chunk.error().text());
  if (rotten_) return;  // what is left is checked after the next start
  auto want = from.value;
  for (const auto& r : chunk->records()) {
    for (; want < r.position.value; ++want) {
      const auto acked = model_.acked.find(want);
      const auto pending = model_.pending.find(want);
      const auto* skipped = acked != model_.acked.end()       ? &acked->second
                            : pending != model_.pending.end() ? &pending->second
                                                              : nullptr;  // gone, or the log's own
      if (skipped != nullptr && (options.classes & record::mask(skipped->cls)) != 0)
        broken("read left position " + std::to_string(want) + " out");
    }
    if (options.committed_only && r.position >= log_->committed_end()) broken("an uncommitted record was read");
    if (const auto acked = model_.acked.find(want); acked != model_.acked.end())
      check_same(r, acked->second);
    else if (const auto pending = model_.pending.find(want); pending != model_.pending.end())
      check_same(r, pending->second);
    else if (r.kind != record::Kind::gap && !gone(r.cls, r.offset))  // declared, and could not be taken away yet
      broken("position " + std::to_string(want) + " was never appended");
    ++want;
  }
}

void CrashRun::checkpoint() {
  if (failed_) return;
  const Position at{chance_.below(log_->committed_end().value + 1)};
  const auto text = std::to_string(at.value);
  model_.any_saved = false;  // from here on the old one or the new one
  if (!chance_.one_in(3)) image_ = {disk_.image(), model_};
  const auto done = save(disk_, "data/checkpoint", 7, at, as_bytes(text), *log_);
  if (done) {
    model_.saved = at;
    model_.any_saved = true;
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
    if (faults_.rot) rot();
    if (chance_.one_in(20)) disk_.fail(sim::Disk::Op::read, Code::io, chance_.below(8), 1 + chance_.below(2));
    if (chance_.one_in(6)) disk_.cut_after(chance_.below(20));  // and again, while it recovers
    Options options;
    options.segment_bytes = 16 * KiB;
    options.tail_bytes_max = chance_.one_in(2) ? 4 * KiB : 1 * MiB;
    options.profile = chance_.one_in(2) ? Profile::balanced : Profile::fast;
    options.chance = &log_chance_;
    options.budget_bytes = budget_;
    options.low_keep = std::chrono::seconds{chance_.one_in(2) ? 0 : 1800};
    options.cache_duration = std::chrono::seconds{2};
    const auto read_errors = [&] { return disk_.met()[static_cast<std::size_t>(sim::Disk::Kind::read_error)]; };
    const auto errors_before = read_errors();
    auto log = Log::open(disk_, clock_, "data", options, metrics_);
    // A page that fails so often at a start counts as damaged, and as nothing else.
    if (read_errors() - errors_before >= read_tries) rotten_ = true;
    if (log) {
      log_ = std::move(*log);
      std::vector<Position> positions;
      for (const auto& [position, yes] : model_.pinned) positions.push_back({position});
      log_->pin("test", model_.pinned_before, positions);
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

// Reading finds what is damaged, tidying declares it.
void CrashRun::find_rot() {
  for (Position from; !disk_.is_cut();) {
    const auto chunk = log_->read(from);
    if (!chunk || chunk->empty()) break;
    from = chunk->next();
  }
  for (int i = 0; i < 3 && !disk_.is_cut(); ++i) static_cast<void>(log_->tidy());
  if (!disk_.is_cut()) drop_gone();
}

// Everything acknowledged is there or declared; of the rest whole appends, in order; offsets are dense but for gaps.
void CrashRun::check_all() {
  std::array<std::uint64_t, 4> offsets{};
  std::map<std::uint64_t, std::uint64_t> survived;  // group -> records
  std::set<std::uint64_t> seen;                     // pending positions that are there
  Position from;
  drop_gone();
  if (rotten_) find_rot();
  if (died()) return;
  auto expected = model_.acked.begin();
  while (!broken_) {
    const auto chunk = log_->read(from);
    if (!chunk && disk_.is_cut()) {
      died();
      return;
    }
    if (!chunk && chunk.error().code == Code::io) continue;
    if (!chunk) return broken("read after a crash: " + chunk.error().text());
    if (chunk->empty()) break;
    for (const auto& r : chunk->records()) {
      auto& next = offsets[static_cast<std::size_t>(r.cls)];
      while (next < r.offset.value && gone(r.cls, {next})) ++next;
      if (r.offset.value < next) continue;  // declared gone, and the disk had no room to take it away
      if (r.offset.value != next++) {
        return broken("offsets are not dense at position " + std::to_string(r.position.value) + " of class " +
                      std::string(record::name(r.cls)) + files_there());
      }
      if (r.kind == record::Kind::gap) continue;
      if (gone(r.cls, r.offset)) continue;
      if (expected != model_.acked.end() && expected->first < r.position.value) {
        return broken("acknowledged position " + std::to_string(expected->first) + " is lost" + files_there());
      }
      if (expected != model_.acked.end() && expected->first == r.position.value) {
        check_same(r, expected->second);
        ++expected;
        continue;
      }
      const auto found = model_.pending.find(r.position.value);
      if (found == model_.pending.end())
        return broken("position " + std::to_string(r.position.value) + " was never appended");
      check_same(r, found->second);
      ++survived[found->second.group];
      seen.insert(r.position.value);
    }
    from = chunk->next();
  }
  if (expected != model_.acked.end())
    return broken("acknowledged position " + std::to_string(expected->first) + " is lost" + files_there());
  std::map<std::uint64_t, std::uint64_t> whole;
  for (const auto& [position, stored] : model_.pending) ++whole[stored.group];
  for (const auto& [group, records] : survived) {
    if (whole[group] != records) broken("an append survived in part");
    counts_.survived += records;
  }
  if (log_->stats().records_damaged != 0 && !rotten_) broken("damage reported where there is none");
  std::erase_if(model_.pending, [&](const auto& each) { return !seen.contains(each.first); });
  acknowledge();
  model_.pending.clear();
  const auto checkpoint = load(disk_, "data/checkpoint", 7, *log_);
  if (model_.any_saved && (!checkpoint || !*checkpoint || (*checkpoint)->position != model_.saved) && !disk_.is_cut() &&
      disk_.met()[static_cast<std::size_t>(sim::Disk::Kind::read_error)] == 0) {
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
  logger::configure(std::getenv("SKERRY_SEED") != nullptr ? logger::Level::info : logger::Level::off,
                    logger::Format::text);
  CrashRun::Counts counts;
  const auto one = env_number("SKERRY_SEED", 0);
  const auto first = one != 0 ? one : 1;
  // 3,000 seeds, on a slow or busy machine as many as 60 s allow but no fewer than 400; SKERRY_LONG: 30,000.
  const bool timed = one == 0 && std::getenv("SKERRY_SEEDS") == nullptr && std::getenv("SKERRY_LONG") == nullptr;
  auto seeds = one != 0 ? 1 : env_number("SKERRY_SEEDS", std::getenv("SKERRY_LONG") != nullptr ? 30'000 : 3'000);
  const auto until = system_clock().mono() + std::chrono::seconds{60};
  for (auto seed = first; seed < first + seeds; ++seed) {
    if (timed && seed - first >= 400 && system_clock().mono() > until) seeds = seed - first;
    const auto broken = CrashRun(seed, {}, counts).run(200);
    ASSERT_FALSE(broken) << "seed " << seed << ": " << *broken << repeat(seed);
  }
  std::printf(
      "log.crash: %llu seeds, %llu cuts, %llu kills, %llu acknowledged, %llu survived unacknowledged, %llu failed "
      "disks\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(counts.cuts),
      static_cast<unsigned long long>(counts.kills), static_cast<unsigned long long>(counts.acknowledged),
      static_cast<unsigned long long>(counts.survived), static_cast<unsigned long long>(counts.failed));
  EXPECT_GE(counts.cuts, seeds);
  std::printf("  trimmed %llu; seeds that met a kind of fault:", static_cast<unsigned long long>(counts.trimmed));
  for (std::size_t i = 0; i < counts.met.size(); ++i) {
    const auto kind = static_cast<sim::Disk::Kind>(i);
    std::printf(" %s %llu,", sim::Disk::name(kind), static_cast<unsigned long long>(counts.met[i]));
    if (seeds >= 200) {
      EXPECT_GE(counts.met[i] * 20, seeds) << "too few seeds met: " << sim::Disk::name(kind);
    }
  }
  std::printf("\n");
  if (seeds >= 200) {
    EXPECT_GT(counts.trimmed, seeds);
  }
}

// The suite's teeth: on a disk whose sync does nothing it must fail soon.
TEST(LogCrash, ADiskThatDoesNotSyncIsNoticedWithinTenSeeds) {
  logger::configure(logger::Level::off, logger::Format::text);
  CrashRun::Counts counts;
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    noticed += CrashRun(seed, {.sync_works = false, .rot = false}, counts).run(200) ? 1 : 0;
  EXPECT_GE(noticed, 1);
}

}  // namespace
}  // namespace skerry::log
