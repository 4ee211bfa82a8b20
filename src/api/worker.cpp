// One bounded queue, a few threads.
#include "api/worker.hpp"

namespace skerry::api {

Worker::Worker(int threads, std::size_t most_waiting) : most_waiting_(most_waiting) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

Worker::~Worker() {
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool Worker::run(std::function<void()> work) {
  if (threads_.empty()) {
    work();
    return true;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (work_.size() >= most_waiting_) return false;
    work_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !work_.empty(); });
    if (stopped_) return;
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace skerry::api
