// Remembering requests, from the door or from the log.
#include "coap/exchanges.hpp"

#include <algorithm>

#include "base/logger.hpp"
#include "log/checkpoint.hpp"

namespace skerry::coap {
namespace {

constexpr std::uint32_t checkpoint_version = 1;
constexpr std::string_view prefix = "coap:";
constexpr std::uint64_t checkpoint_records = 1000;

}  // namespace

std::string origin_of(std::string_view exchange) { return std::string(prefix) + std::string(exchange); }

Result<std::unique_ptr<Exchanges>> Exchanges::open(const log::Log& log, Files& files, Clock& clock,
                                                   std::string checkpoint_path, log::Saver* saver) {
  std::unique_ptr<Exchanges> made(new Exchanges(log, files, clock, std::move(checkpoint_path), saver));
  TRY(made->load());
  return made;
}

Exchanges::Exchanges(const log::Log& log, Files& files, Clock& clock, std::string checkpoint_path, log::Saver* saver)
    : log_(log), files_(files), clock_(clock), checkpoint_path_(std::move(checkpoint_path)), saver_(saver) {}

// All that was taken before must be known before the first request is answered, so the log is read here.
Result<> Exchanges::load() {
  replay_end_ = log_.committed_end();
  position_ = log_.begin().value;
  if (!checkpoint_path_.empty()) {
    if (const auto found = TRY(log::load(files_, checkpoint_path_, checkpoint_version, log_))) {
      Reader in(found->state);
      for (auto left = in.varint(); left > 0 && in.ok(); --left) {
        const std::string exchange(as_text(in.counted()));
        const record::Position at{in.varint()};
        note(exchange, at, Wall{std::chrono::microseconds{in.le<std::int64_t>()}});
      }
      if (in.ok()) {
        position_ = found->position.value;
      } else {
        logger::warn("coap", "the checkpoint is damaged: starting from the log", {});
      }
    }
  }
  saved_ = position();
  while (position() < replay_end_ && TRY(step())) {
  }
  return {};
}

std::optional<record::Position> Exchanges::find(std::string_view exchange) const {
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(std::string(exchange));
  if (found == known_.end()) return {};
  return found->second.position;
}

void Exchanges::note(std::string_view exchange, record::Position position, Wall at) {
  const std::scoped_lock lock(mutex_);
  if (known_.try_emplace(std::string(exchange), Known{position, at}).second) oldest_first_.emplace_back(exchange);
  while (oldest_first_.size() > exchanges_max) {
    known_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
}

Result<bool> Exchanges::step() {
  if (position() >= replay_end_) {
    const auto end = log_.committed_end();
    const bool moved = end > position();
    position_ = end.value;
    if (moved) forget_old(clock_.wall());
    return false;
  }
  const auto chunk = TRY(log_.read(position(), {.rows = log::Rows::left_out, .committed_only = true}));
  const auto now = clock_.wall();
  for (const auto& r : chunk.records()) {
    if (!r.origin.starts_with(prefix) || r.appended_at + exchange_lifetime < now) continue;
    note(r.origin.substr(prefix.size()), r.position, r.appended_at);
  }
  if (chunk.next() > position()) position_ = chunk.next().value;
  return !chunk.empty();
}

void Exchanges::forget_old(Wall now) {
  const std::scoped_lock lock(mutex_);
  while (!oldest_first_.empty()) {
    const auto found = known_.find(oldest_first_.front());
    if (found != known_.end() && found->second.at + exchange_lifetime >= now) break;
    if (found != known_.end()) known_.erase(found);
    oldest_first_.pop_front();
  }
}

Result<> Exchanges::checkpoint() {
  if (checkpoint_path_.empty() || position() - saved_ < checkpoint_records) return {};
  Buffer state;
  const auto at = position();
  {
    const std::scoped_lock lock(mutex_);
    // What is not committed may be gone after a crash, and its name must be with it.
    const auto is_kept = [&](const std::string& exchange) { return known_.at(exchange).position < at; };
    append_varint(state, static_cast<std::uint64_t>(std::ranges::count_if(oldest_first_, is_kept)));
    for (const auto& exchange : oldest_first_) {
      if (!is_kept(exchange)) continue;
      const auto& known = known_.at(exchange);
      append_counted(state, as_bytes(exchange));
      append_varint(state, known.position.value);
      append_le(state, known.at.time_since_epoch().count());
    }
  }
  TRY(log::save(files_, saver_, checkpoint_path_, checkpoint_version, at, std::move(state), log_));
  saved_ = at;
  return {};
}

}  // namespace skerry::coap
