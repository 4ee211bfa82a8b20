// Answers that wait for a commit: given when the log holds what they acknowledge, or says that it cannot.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>

#include "base/loop.hpp"
#include "http/http.hpp"
#include "log/log.hpp"

namespace skerry::api {

// Loop thread. The log's wake comes from the committing thread and is posted.
class Waiting {
 public:
  Waiting(Loop& loop, log::Log& log);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // Before the append: from here on commits are listened to.
  bool has_room() const;
  void expect();
  // After it: `answer` makes the response when log.committed_end() >= end. Or gives expect() back, with forget().
  void add(log::Position end, http::Responder responder, std::function<http::Response()> answer);
  void forget();
  std::size_t size() const { return items_.size(); }

 private:
  struct Item {
    http::Responder responder;
    std::function<http::Response()> answer;
  };
  void wake();  // any thread
  void answer_committed();
  void check_failed();

  Loop& loop_;
  log::Log& log_;
  std::multimap<log::Position, Item> items_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::atomic<std::size_t> expected_{0};
  std::atomic<bool> posted_{false};
  std::unique_ptr<Timer> check_;
  std::shared_ptr<void> subscription_;  // last: it goes first, and no wake comes after it
};

}  // namespace skerry::api
