// Answers that wait for a commit: given when the log holds what they acknowledge, or says that it cannot.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/loop.hpp"
#include "http/http.hpp"
#include "log/log.hpp"

namespace skerry::api {

std::string_view log_failed_reason();

// Loop thread. The log's wake comes from the committing thread and is posted.
class Waiting {
 public:
  Waiting(Loop& loop, log::Log& log);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // Before the append: from here on commits are listened to.
  bool has_room() const;
  void expect();
  // After it: `then` is called when log.committed_end() >= end, or with false when the log has failed before. Or gives
  // expect() back, with forget().
  using Then = std::move_only_function<void(bool committed)>;
  void add(log::Position end, Then then);
  void add(log::Position end, http::Responder responder, std::function<http::Response()> answer);
  void forget();
  // Waits, on the loop's thread, until nothing waits here, but no longer than `max`.
  void settle(std::chrono::milliseconds max);
  std::size_t size() const { return items_.size(); }

 private:
  void wake();  // any thread
  void answer_committed();
  void check_failed();

  Loop& loop_;
  log::Log& log_;
  std::multimap<log::Position, Then> items_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<std::size_t> expected_{0};
  std::atomic<bool> posted_{false};
  std::atomic<bool> settling_{false};
  std::mutex mutex_;
  std::condition_variable committed_;
  std::unique_ptr<Timer> check_;
  std::shared_ptr<void> subscription_;  // last: it goes first, and no wake comes after it
};

}  // namespace skerry::api
