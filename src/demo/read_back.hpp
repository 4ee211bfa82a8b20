// ReadBack: asks the gateway's HTTP API for readings that it had acknowledged, and counts those that are there.
//
// On the loop's thread. One device after the other, page after page, as anybody could with curl.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "demo/board.hpp"

namespace skerry::demo {

class ReadBack {
 public:
  // `done` gets what was found, or why nobody could say; it is called once, and may destroy the object.
  using Done = std::function<void(Result<Found>)>;
  ReadBack(Loop& loop, Address http, const std::vector<std::string>& devices,
           const std::deque<Acknowledged>& acknowledged, Done done);
  ~ReadBack();
  ReadBack(const ReadBack&) = delete;
  ReadBack& operator=(const ReadBack&) = delete;

 private:
  class Get;
  void ask();
  void take(Result<std::string> body);
  void end(Result<Found> found);

  Loop& loop_;
  Address http_;
  const std::vector<std::string>& devices_;
  std::map<std::uint32_t, std::map<std::int64_t, std::size_t>> wanted_;  // device -> stamp -> how often
  std::map<std::int64_t, std::size_t> seen_;                             // of the first device in wanted_
  std::string cursor_;
  Found found_;
  Done done_;
  std::shared_ptr<Get> get_;
};

}  // namespace skerry::demo
