// The status object, and the sliding windows behind its rates and quantiles.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>

#include "api/api.hpp"
#include "base/loop.hpp"

namespace skerry::api {

// Samples once a second, on the loop's thread.
class Status {
 public:
  explicit Status(Deps& deps);
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  std::string json() const;

 private:
  using Buckets = std::uint64_t[metrics::Histogram::buckets + 1];
  struct Sample {
    Mono at;
    std::uint64_t messages = 0;
    Buckets decision = {};
    Buckets commit = {};
  };
  Sample sample() const;
  void tick();
  double per_second() const;
  std::string quantiles(const metrics::Histogram* histogram, const Buckets Sample::*buckets, bool with_count) const;

  Deps& deps_;
  std::deque<Sample> samples_;  // oldest first
  std::unique_ptr<Timer> timer_;
};

}  // namespace skerry::api
