// A thread for queries, so that reading old blocks delays no other answer.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace skerry::api {

class Worker {
 public:
  explicit Worker(int threads);  // 0: work is done by run()'s caller
  ~Worker();                     // finishes what runs, drops what waits
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False: too much waits; nothing was taken.
  bool run(std::function<void()> work);

 private:
  void loop();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace skerry::api
