// Metrics: counters, gauges and histograms, given out as Prometheus text. Names are `skerry_…`, base units.
//
// A registry belongs to one gateway (tests make their own). Metrics live as long as it; updating one is lock-free.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skerry::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double v) { value_.store(v, std::memory_order_relaxed); }
  void add(double v) { value_.fetch_add(v, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Durations in seconds. Buckets grow by 2^(1/2) from 10 us to 100 s, so a quantile is right within 20 %; Prometheus is
// given every second of them.
class Histogram {
 public:
  static constexpr int buckets = 48;

  void observe(double seconds);
  double quantile(double q) const;  // over all time; 0 when empty
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t in_bucket(int i) const { return counts_[i].load(std::memory_order_relaxed); }
  static double upper_bound(int i);
  static double quantile_of(const std::uint64_t (&counts)[buckets + 1], double q);

 private:
  std::atomic<std::uint64_t> counts_[buckets + 1] = {};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<double> sum_{0};
};

class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The same name and labels give the same metric. A reference stays valid as long as the registry.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {});

  std::string prometheus_text() const;  // exposition format 0.0.4

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace skerry::metrics
