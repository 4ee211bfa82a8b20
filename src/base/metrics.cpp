// The registry behind the metrics. Values are our own atomics, because the hot path counts a million times a second;
// prometheus-cpp writes the exposition format.
#include "base/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <deque>
#include <limits>
#include <mutex>

namespace skerry::metrics {

double Histogram::upper_bound(int i) { return 1e-5 * std::pow(2.0, (i + 1) / 2.0); }

void Histogram::observe(double seconds) {
  const double steps = seconds <= 1e-5 ? 0 : std::ceil(2 * std::log2(seconds / 1e-5)) - 1;
  const int i = steps < 0 ? 0 : steps >= buckets ? buckets : static_cast<int>(steps);
  counts_[i].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(seconds, std::memory_order_relaxed);
}

double Histogram::quantile_of(const std::uint64_t (&counts)[buckets + 1], double q) {
  std::uint64_t total = 0;
  for (const auto n : counts) total += n;
  if (total == 0) return 0;
  const double wanted = q * static_cast<double>(total);
  double seen = 0;
  for (int i = 0; i <= buckets; ++i) {
    const auto n = static_cast<double>(counts[i]);
    if (n > 0 && seen + n >= wanted) {
      const double low = i == 0 ? 0 : upper_bound(i - 1);
      const double high = i == buckets ? low : upper_bound(i);
      return low + (high - low) * (wanted - seen) / n;
    }
    seen += n;
  }
  return upper_bound(buckets - 1);
}

double Histogram::quantile(double q) const {
  std::uint64_t counts[buckets + 1];
  for (int i = 0; i <= buckets; ++i) counts[i] = in_bucket(i);
  return quantile_of(counts, q);
}

namespace {

enum class Type { counter, gauge, histogram };

struct Series {
  Labels labels;
  Counter* counter = nullptr;
  Gauge* gauge = nullptr;
  Histogram* histogram = nullptr;
};

struct Family {
  Type type;
  std::string help;
  std::deque<Series> series;
};

prometheus::ClientMetric sample(const Series& series) {
  prometheus::ClientMetric metric;
  for (const auto& [key, value] : series.labels) metric.label.push_back({key, value});
  if (series.counter != nullptr) metric.counter.value = static_cast<double>(series.counter->value());
  if (series.gauge != nullptr) metric.gauge.value = series.gauge->value();
  if (series.histogram != nullptr) {
    std::uint64_t so_far = 0;
    for (int i = 0; i < Histogram::buckets; ++i) {
      so_far += series.histogram->in_bucket(i);
      if (i % 2 == 1) metric.histogram.bucket.push_back({so_far, Histogram::upper_bound(i)});
    }
    so_far += series.histogram->in_bucket(Histogram::buckets);
    metric.histogram.bucket.push_back({so_far, std::numeric_limits<double>::infinity()});
    metric.histogram.sample_count = so_far;
    metric.histogram.sample_sum = series.histogram->sum();
  }
  return metric;
}

}  // namespace

struct Registry::Inside {
  mutable std::mutex mutex;  // held to register and to render, never to count
  std::map<std::string, Family, std::less<>> families;
  std::deque<Counter> counters;
  std::deque<Gauge> gauges;
  std::deque<Histogram> histograms;

  template <typename Metric>
  Metric& find(std::string_view name, std::string_view help, const Labels& labels, Type type, Metric* Series::*which,
               std::deque<Metric>& store) {
    const std::scoped_lock lock(mutex);
    auto& family = families.try_emplace(std::string(name), Family{type, std::string(help), {}}).first->second;
    for (auto& series : family.series) {
      if (series.labels == labels) return *(series.*which);
    }
    auto& series = family.series.emplace_back(Series{labels, nullptr, nullptr, nullptr});
    series.*which = &store.emplace_back();
    return *(series.*which);
  }
};

Registry::Registry() : inside_(std::make_unique<Inside>()) {}
Registry::~Registry() = default;

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return inside_->find(name, help, labels, Type::counter, &Series::counter, inside_->counters);
}
Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return inside_->find(name, help, labels, Type::gauge, &Series::gauge, inside_->gauges);
}
Histogram& Registry::histogram(std::string_view name, std::string_view help, const Labels& labels) {
  return inside_->find(name, help, labels, Type::histogram, &Series::histogram, inside_->histograms);
}

std::string Registry::prometheus_text() const {
  std::vector<prometheus::MetricFamily> families;
  {
    const std::scoped_lock lock(inside_->mutex);
    for (const auto& [name, family] : inside_->families) {
      prometheus::MetricFamily out;
      out.name = name;
      out.help = family.help;
      out.type = family.type == Type::counter ? prometheus::MetricType::Counter
                 : family.type == Type::gauge ? prometheus::MetricType::Gauge
                                              : prometheus::MetricType::Histogram;
      for (const auto& series : family.series) out.metric.push_back(sample(series));
      families.push_back(std::move(out));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace skerry::metrics
