// CutLink: a network that can be cut for whoever connects through it: what was open breaks, what is new does not come
// to be, until it is mended. A Loop over another; everything but connecting is that one's.
#pragma once

#include <atomic>
#include <memory>
#include <set>

#include "base/loop.hpp"

namespace skerry::demo {

class CutLink final : public Loop {
 public:
  explicit CutLink(Loop& below) : below_(below) {}
  ~CutLink() override { *alive_ = false; }
  CutLink(const CutLink&) = delete;
  CutLink& operator=(const CutLink&) = delete;

  // Any thread. What is open breaks on the loop's thread, soon after.
  void cut(bool cut);
  bool is_cut() const { return cut_.load(); }

  void post(std::function<void()> work) override { below_.post(std::move(work)); }
  void at_turn_end(std::function<void()> work) override { below_.at_turn_end(std::move(work)); }
  std::unique_ptr<Timer> after(std::chrono::nanoseconds delay, std::function<void()> work) override {
    return below_.after(delay, std::move(work));
  }
  Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) override {
    return below_.listen(address, std::move(accept));
  }
  using Loop::connect;
  void connect(const Address& address, const Via& via, Connected connected) override;
  Clock& clock() override { return below_.clock(); }

  class Cuttable;  // a connection

 private:
  void break_all();

  Loop& below_;
  std::atomic<bool> cut_{false};
  std::shared_ptr<std::set<Cuttable*>> open_ = std::make_shared<std::set<Cuttable*>>();
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skerry::demo
