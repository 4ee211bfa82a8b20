// The thread that commits when the log says so.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/logger.hpp"
#include "log/log.hpp"

namespace skerry::log {
namespace {

class CommitThread final : public Committer {
 public:
  explicit CommitThread(Log& log) : log_(log) {
    due_ = log_.on_due([this] {
      {
        const std::scoped_lock lock(mutex_);
        changed_ = true;
      }
      wake_.notify_one();
    });
    thread_ = std::thread([this] { run(); });
  }

  ~CommitThread() override {
    due_.reset();
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
    static_cast<void>(log_.commit());
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      // What changes from here on sets changed_, so no wake is lost between looking and waiting.
      changed_ = false;
      lock.unlock();
      const auto due = log_.commit_due();
      const auto now = system_clock().mono();
      bool committed = false;
      if (due && *due <= now) {
        committed = true;
        if (const auto done = log_.commit(); !done) {
          logger::error("log", "a commit did not succeed", {{"why", done.error().text()}});
        }
      }
      lock.lock();
      if (committed) continue;  // more may have come in meanwhile
      const auto woken = [this] { return changed_ || stopping_; };
      if (due) {
        wake_.wait_for(lock, *due - now, woken);
      } else {
        wake_.wait(lock, woken);
      }
    }
  }

  Log& log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool changed_ = false;
  bool stopping_ = false;
  std::shared_ptr<void> due_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Committer> start_committer(Log& log) { return std::make_unique<CommitThread>(log); }

}  // namespace skerry::log
