// Holds answers back until their commit.
#include "api/waiting.hpp"

#include <utility>

#include "api/limits.hpp"

namespace skerry::api {

std::string_view log_failed_reason() {
  return "the log has failed: this was not put on disk, and nothing is acknowledged any more";
}

Waiting::Waiting(Loop& loop, log::Log& log) : loop_(loop), log_(log) {
  subscription_ = log_.on_commit([this] { wake(); });
}

bool Waiting::has_room() const { return items_.size() < waiting_max; }
void Waiting::expect() { expected_.fetch_add(1, std::memory_order_seq_cst); }
void Waiting::forget() { expected_.fetch_sub(1, std::memory_order_seq_cst); }

void Waiting::wake() {
  if (expected_.load(std::memory_order_seq_cst) == 0) return;
  if (settling_.load(std::memory_order_seq_cst)) {
    const std::scoped_lock lock(mutex_);
    committed_.notify_one();
  }
  if (posted_.exchange(true)) return;
  loop_.post([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    posted_ = false;
    answer_committed();
  });
}

void Waiting::add(log::Position end, http::Responder responder, std::function<http::Response()> answer) {
  add(end, [responder = std::move(responder), answer = std::move(answer)](bool committed) mutable {
    responder.respond(committed ? answer() : http::problem(503, log_failed_reason()));
  });
}

void Waiting::add(log::Position end, Then then) {
  items_.emplace(end, std::move(then));
  answer_committed();  // the commit may have come between the append and here
  if (!items_.empty() && !check_) check_ = loop_.after(failed_check_period, [this] { check_failed(); });
}

void Waiting::answer_committed() {
  const auto end = log_.committed_end();
  while (!items_.empty() && items_.begin()->first <= end) {
    auto then = std::move(items_.extract(items_.begin()).mapped());
    forget();
    then(true);
  }
}

void Waiting::settle(std::chrono::milliseconds max) {
  if (items_.empty()) return;
  const auto end = items_.rbegin()->first;
  {
    std::unique_lock lock(mutex_);
    settling_.store(true, std::memory_order_seq_cst);
    committed_.wait_for(lock, max, [&] { return log_.committed_end() >= end; });
    settling_.store(false, std::memory_order_seq_cst);
  }
  answer_committed();
}

void Waiting::check_failed() {
  answer_committed();
  if (log_.stats().failed) {
    while (!items_.empty()) {
      auto then = std::move(items_.extract(items_.begin()).mapped());
      forget();
      then(false);
    }
  }
  check_.reset();
  if (!items_.empty()) check_ = loop_.after(failed_check_period, [this] { check_failed(); });
}

}  // namespace skerry::api
