// Wakes: who wants to know. Once a handle is gone its wake is never called again, nor still running.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "log/log.hpp"

namespace skerry::log {

class Wakes : public std::enable_shared_from_this<Wakes> {
 public:
  std::shared_ptr<void> add(Log::Wake wake) {
    auto kept = std::make_shared<Log::Wake>(std::move(wake));
    {
      const std::scoped_lock lock(mutex_);
      wakes_.push_back(kept.get());
      count_.store(wakes_.size(), std::memory_order_release);
    }
    // The handle keeps the list, so that it may outlive the log.
    return std::shared_ptr<void>(kept.get(), [list = shared_from_this(), kept](void*) {
      const std::scoped_lock lock(list->mutex_);
      std::erase(list->wakes_, kept.get());
      list->count_.store(list->wakes_.size(), std::memory_order_release);
    });
  }

  void call() const {
    if (count_.load(std::memory_order_acquire) == 0) return;
    const std::shared_lock lock(mutex_);
    for (auto* wake : wakes_) (*wake)();
  }

 private:
  mutable std::shared_mutex mutex_;
  std::vector<Log::Wake*> wakes_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace skerry::log
