// Metrics: counted without a lock, and given out as Prometheus reads them.
#include "base/metrics.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

namespace skerry::metrics {
namespace {

std::string line_of(const Registry& registry, std::string_view begin) {
  std::istringstream text(registry.prometheus_text());
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(begin)) return line;
  }
  return "";
}

TEST(Metrics, CountersAndGaugesInText) {
  Registry registry;
  registry.counter("skerry_messages_total", "Messages taken.", {{"door", "mqtt"}}).add(3);
  registry.counter("skerry_messages_total", "Messages taken.", {{"door", "http"}}).add();
  registry.gauge("skerry_connections", "Connections now.").set(2.5);
  EXPECT_EQ(line_of(registry, "# HELP skerry_messages_total"), "# HELP skerry_messages_total Messages taken.");
  EXPECT_EQ(line_of(registry, "# TYPE skerry_messages_total"), "# TYPE skerry_messages_total counter");
  EXPECT_EQ(line_of(registry, "skerry_messages_total{door=\"mqtt\"}"), "skerry_messages_total{door=\"mqtt\"} 3");
  EXPECT_EQ(line_of(registry, "skerry_messages_total{door=\"http\"}"), "skerry_messages_total{door=\"http\"} 1");
  EXPECT_EQ(line_of(registry, "skerry_connections"), "skerry_connections 2.5");
}

TEST(Metrics, TheSameNameAndLabelsAreOne) {
  Registry registry;
  auto& a = registry.counter("a_total", "a", {{"k", "v"}});
  auto& b = registry.counter("a_total", "a", {{"k", "v"}});
  EXPECT_EQ(&a, &b);
  EXPECT_NE(&a, &registry.counter("a_total", "a", {{"k", "w"}}));
  for (int i = 0; i < 1000; ++i) registry.counter("a_total", "a", {{"k", std::to_string(i)}});
  a.add();
  EXPECT_EQ(registry.counter("a_total", "a", {{"k", "v"}}).value(), 1U);
}

TEST(Metrics, LabelsCannotForgeLines) {
  Registry registry;
  registry.counter("a_total", "a", {{"topic", "x\"} 9\nb_total 7\\"}}).add();
  const auto text = registry.prometheus_text();
  EXPECT_EQ(text.find("\nb_total"), std::string::npos);
  EXPECT_NE(text.find("topic=\"x\\\"} 9\\nb_total 7\\\\\""), std::string::npos);
}

TEST(Histogram, BucketsHoldTheirBounds) {
  for (int i = 0; i < Histogram::buckets; ++i) {
    Histogram histogram;
    histogram.observe(Histogram::upper_bound(i) * 0.999);
    EXPECT_EQ(histogram.in_bucket(i), 1U) << i;
    histogram.observe(Histogram::upper_bound(i) * 1.001);
    EXPECT_EQ(histogram.in_bucket(i + 1), 1U) << i;
  }
}

TEST(Histogram, ExtremesStayInside) {
  Histogram histogram;
  for (const double v : {0.0, -1.0, 1e-9, 1e9}) histogram.observe(v);
  EXPECT_EQ(histogram.in_bucket(0), 3U);
  EXPECT_EQ(histogram.in_bucket(Histogram::buckets), 1U);
  EXPECT_EQ(histogram.count(), 4U);
}

TEST(Histogram, QuantilesWithinTwentyPercent) {
  Histogram histogram;
  for (int i = 1; i <= 10'000; ++i) histogram.observe(i * 1e-5);  // 10 us to 100 ms, even
  EXPECT_NEAR(histogram.quantile(0.5), 0.05, 0.01);
  EXPECT_NEAR(histogram.quantile(0.99), 0.099, 0.02);
  EXPECT_EQ(Histogram().quantile(0.5), 0);
}

TEST(Histogram, TextIsCumulativeAndEndsInInfinity) {
  Registry registry;
  auto& histogram = registry.histogram("skerry_commit_seconds", "A commit.");
  histogram.observe(0.001);
  histogram.observe(0.01);
  histogram.observe(1e6);
  EXPECT_EQ(line_of(registry, "skerry_commit_seconds_count"), "skerry_commit_seconds_count 3");
  EXPECT_EQ(line_of(registry, "skerry_commit_seconds_bucket{le=\"+Inf\"}"),
            "skerry_commit_seconds_bucket{le=\"+Inf\"} 3");
  std::istringstream text(registry.prometheus_text());
  long last = 0;
  int buckets = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("skerry_commit_seconds_bucket")) continue;
    const long n = std::stol(line.substr(line.rfind(' ') + 1));
    EXPECT_GE(n, last);
    last = n;
    ++buckets;
  }
  EXPECT_EQ(buckets, Histogram::buckets / 2 + 1);
}

TEST(Metrics, CountsFromManyThreadsAddUp) {
  Registry registry;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry] {
      auto& counter = registry.counter("a_total", "a");
      for (int i = 0; i < 10'000; ++i) counter.add();
      EXPECT_FALSE(registry.prometheus_text().empty());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(registry.counter("a_total", "a").value(), 40'000U);
}

}  // namespace
}  // namespace skerry::metrics
