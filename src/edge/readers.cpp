// One thread for the readers: awake while there is something to read, asleep otherwise.
#include "edge/readers.hpp"

#include "base/logger.hpp"

namespace skerry::edge {
namespace {

constexpr int steps_per_round = 8;  // of one follower before the next has its turn
constexpr auto tick_every = std::chrono::milliseconds{100};
constexpr auto checkpoint_every = std::chrono::seconds{10};
constexpr auto retry_after = std::chrono::seconds{1};
// Between the beginnings of two rounds: a lone record is read at once; of many that come one by one each lets the
// others wait a little, so that they are read in company. A record alone costs ten times what it costs among a hundred.
constexpr std::chrono::nanoseconds round_every = std::chrono::microseconds{500};
constexpr std::chrono::nanoseconds round_longer_by_record = std::chrono::microseconds{25};
constexpr std::chrono::nanoseconds round_every_max = std::chrono::milliseconds{4};

}  // namespace

Readers::Readers(log::Log& log, Clock& clock, metrics::Registry& metrics)
    : log_(log), clock_(clock), metrics_(metrics), wall_(clock) {
  on_append_ = log_.on_append([this] { wake(); });
  on_commit_ = log_.on_commit([this] { wake(); });
}

Readers::~Readers() { stop(); }

void Readers::add(log::Follower& follower) {
  const metrics::Labels labels{{"reader", std::string(follower.name())}};
  members_.push_back(
      {&follower,
       &metrics_.gauge("skerry_reader_behind_records", "Records that a reader of the log has not read yet.", labels),
       &metrics_.counter("skerry_reader_failures_total", "Steps of a reader that failed and are tried again.",
                         labels)});
}

void Readers::add_tick(std::function<Result<>(Wall)> tick) { ticks_.push_back(std::move(tick)); }

void Readers::call(std::function<void()> work) {
  {
    const std::scoped_lock lock(work_mutex_);
    work_.push_back(std::move(work));
  }
  wake();
}

void Readers::wake() {
  if (news_.exchange(true, std::memory_order_seq_cst)) return;
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  const std::scoped_lock lock(mutex_);
  changed_.notify_one();
}

void Readers::failed(Member& member, const Error& error) {
  member.failures->add();
  member.not_before = clock_.mono() + retry_after;
  logger::error(
      "edge", "a reader of the log failed and is tried again",
      {{"reader", member.follower->name()}, {"why", error.text()}, {"at", member.follower->position().value}});
}

bool Readers::round() {
  news_.store(false, std::memory_order_seq_cst);
  std::vector<std::function<void()>> work;
  {
    const std::scoped_lock lock(work_mutex_);
    work.swap(work_);
  }
  for (const auto& each : work) each();
  bool more = false;
  for (auto& member : members_) {
    if (clock_.mono() < member.not_before) continue;
    for (int i = 0; i < steps_per_round; ++i) {
      const auto stepped = member.follower->step();
      if (!stepped && stepped.error().code == Code::busy) break;  // a commit wakes us
      if (!stepped) {
        failed(member, stepped.error());
        break;
      }
      if (!*stepped) break;
      if (i + 1 == steps_per_round) more = true;
    }
    const auto at = member.follower->position();
    const auto end = log_.end();
    member.behind->set(end > at ? static_cast<double>(end - at) : 0);
  }
  return more;
}

void Readers::tick() {
  const auto now = wall_.now();
  for (const auto& each : ticks_) {
    if (const auto done = each(now); !done && done.error().code != Code::busy) {
      logger::error("edge", "timed work failed and is tried again", {{"why", done.error().text()}});
    }
  }
}

void Readers::checkpoint() {
  for (auto& member : members_) {
    if (const auto saved = member.follower->checkpoint(); !saved) {
      logger::error("edge", "a checkpoint could not be saved",
                    {{"reader", member.follower->name()}, {"why", saved.error().text()}});
    }
  }
}

void Readers::start() {
  thread_ = std::thread([this] { run(); });
}

void Readers::stop() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void Readers::run() {
  // A process that dies again and again must not read more and more at each start: the first checkpoint is due as soon
  // as all was read.
  bool caught_up = false;
  auto next_tick = clock_.mono() + tick_every;
  auto next_checkpoint = clock_.mono() + checkpoint_every;
  auto seen = log_.end();
  while (true) {
    const auto begun = clock_.mono();
    const auto end = log_.end();
    const auto came = static_cast<std::int64_t>(end - seen);
    seen = end;
    const bool more = round();
    const auto now = clock_.mono();
    if (now >= next_tick) {
      tick();
      next_tick = now + tick_every;
    }
    if (now >= next_checkpoint || (!more && !caught_up)) {
      caught_up = caught_up || !more;
      checkpoint();
      next_checkpoint = clock_.mono() + checkpoint_every;
    }
    std::unique_lock lock(mutex_);
    if (stopping_) break;
    if (more) continue;
    // Not asleep_: nobody pays for waking it.
    const auto company = std::min(round_every_max, round_every + (came * round_longer_by_record));
    changed_.wait_for(lock, begun + company - clock_.mono(), [this] { return stopping_; });
    asleep_.store(true, std::memory_order_seq_cst);
    changed_.wait_for(lock, std::max(std::chrono::nanoseconds{0}, next_tick - now),
                      [this] { return news_.load(std::memory_order_seq_cst) || stopping_; });
    asleep_.store(false, std::memory_order_seq_cst);
  }
  round();
  checkpoint();
}

}  // namespace skerry::edge
