// Rate: how much a second, lately; forgets within some minutes. One thread.
#pragma once

#include <cmath>
#include <optional>

#include "base/time.hpp"

namespace skerry::log {

class Rate {
 public:
  // A counter's value now.
  void see(double total, Mono now) {
    if (!at_) {
      at_ = begun_ = now;
      total_ = total;
      return;
    }
    const auto passed = std::chrono::duration<double>(now - *at_).count();
    if (passed <= 0) return;
    const auto keep = std::exp(-passed / memory_seconds);
    value_ = value_ * keep + (total - total_) / passed * (1 - keep);
    weight_ = weight_ * keep + (1 - keep);
    at_ = now;
    total_ = total;
  }
  // Nothing in the first seconds.
  std::optional<double> per_second() const {
    if (!at_ || std::chrono::duration<double>(*at_ - begun_).count() < least_seconds) return {};
    return value_ / weight_;
  }

 private:
  static constexpr double memory_seconds = 600;
  static constexpr double least_seconds = 5;
  std::optional<Mono> at_;
  Mono begun_{};
  double total_ = 0;
  double value_ = 0;
  double weight_ = 0;
};

}  // namespace skerry::log
