// A thread for queries, so that reading old blocks delays no other answer.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "api/limits.hpp"

namespace skerry::api {

class Worker {
 public:
  // 0 threads: work is done by run()'s caller.
  explicit Worker(int threads, std::size_t most_waiting = queries_waiting_max);
  ~Worker();  // finishes what runs, drops what waits
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False: too much waits; nothing was taken.
  bool run(std::function<void()> work);

 private:
  void loop();
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace skerry::api
