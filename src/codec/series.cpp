// Predictors and recent values of one series.
#include "codec/series.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::codec {
namespace {

constexpr std::int64_t exact_max = std::int64_t{1}
                                   << 52;  // above it (bits of doubles) predictors keep to the last value
constexpr std::uint64_t error_cap = std::uint64_t{1} << 52;
constexpr double rate = 0.004;

std::int64_t minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::uint64_t distance(std::int64_t a, std::int64_t b) {
  return a > b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
               : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
}
bool small(std::int64_t v) { return v < exact_max && v > -exact_max; }

}  // namespace

Prediction predict(const Series& s) {
  Prediction p;
  const auto [v0, v1, v2, v3] = s.last;
  p.values[0] = v0;
  p.values[1] = plus(v0, minus(v1, v0) / 2);
  p.values[2] = plus(v0, minus(v0, v1));
  p.values[6] = plus(p.values[2], minus(minus(v0, v1), minus(v1, v2)));
  if (small(v0) && small(v1) && small(v2) && small(v3)) {
    p.values[3] = s.mean8 >> 8;
    p.values[4] = s.mean32 >> 8;
    p.inputs = {static_cast<double>(v0 - v1), static_cast<double>(v1 - v2), static_cast<double>(v2 - v3),
                static_cast<double>((s.mean8 >> 8) - v0), static_cast<double>((s.mean32 >> 8) - v0)};
    double sum = 0;
    for (std::size_t i = 0; i < adaptive_inputs; ++i) sum += s.weights[i] * p.inputs[i];
    if (!(std::fabs(sum) < static_cast<double>(exact_max))) sum = 0;
    p.values[5] = v0 + static_cast<std::int64_t>(sum);
  } else {
    p.values[3] = p.values[4] = p.values[5] = v0;
    p.inputs = {};
  }
  p.best = static_cast<std::size_t>(std::ranges::min_element(s.error) - s.error.begin());
  return p;
}

void learn(Series& s, const Prediction& p, std::int64_t whole) {
  for (std::size_t i = 0; i < predictor_count; ++i) {
    const auto off = std::min(distance(p.values[i], whole), error_cap);
    s.error[i] += off - s.error[i] / 16;
  }
  if (small(whole)) {
    double energy = 0;
    for (const auto x : p.inputs) energy += x * x;
    s.power += (energy - s.power) * 0.03125;
    const auto off = static_cast<double>(whole - std::clamp(p.values[5], -exact_max, exact_max));
    const auto step = rate * off / (s.power + energy * 0.125 + 1.0);
    for (std::size_t i = 0; i < adaptive_inputs; ++i) s.weights[i] += step * p.inputs[i];
    s.mean8 += ((whole - (s.mean8 >> 8)) << 8) / 8;
    s.mean32 += ((whole - (s.mean32 >> 8)) << 8) / 32;
  }
  s.last = {whole, s.last[0], s.last[1], s.last[2]};
}

void begin(Series& s, std::int64_t whole) {
  s.begun = true;
  s.last.fill(whole);
  s.recent_count = 1;
  s.recent[0] = whole;
  const auto mean = small(whole) ? whole : 0;
  s.mean8 = s.mean32 = static_cast<std::int64_t>(static_cast<std::uint64_t>(mean) << 8);
  s.error.fill(0);
  s.weights.fill(0);
  s.power = 0;
}

void rescale(Series& s, Scale to) {
  if (s.scale.form != Form::decimal || to.form != Form::decimal) {
    s.scale = to;
    begin(s, 0);
    return;
  }
  const auto change = [&](std::int64_t v) {
    for (auto d = s.scale.digits; d < to.digits; ++d) v = v > exact_max / 10 || v < -exact_max / 10 ? 0 : v * 10;
    for (auto d = s.scale.digits; d > to.digits; --d) v /= 10;
    return v;
  };
  const auto change_error = [&](std::uint64_t e) {
    for (auto d = s.scale.digits; d < to.digits; ++d) e = std::min(e, error_cap) * 10;
    for (auto d = s.scale.digits; d > to.digits; --d) e /= 10;
    return e;
  };
  for (auto& v : s.last) v = change(v);
  for (auto& v : s.recent) v = change(v);
  for (auto& e : s.error) e = change_error(e);
  s.mean8 = static_cast<std::int64_t>(static_cast<std::uint64_t>(change(s.mean8 >> 8)) << 8);
  s.mean32 = static_cast<std::int64_t>(static_cast<std::uint64_t>(change(s.mean32 >> 8)) << 8);
  s.power = 0;
  s.scale = to;
}

std::size_t find_recent(const Series& s, std::int64_t whole) {
  for (std::size_t i = 0; i < s.recent_count; ++i)
    if (s.recent[i] == whole) return i;
  return recent_values;
}

void move_to_front(Series& s, std::size_t at, std::int64_t whole) {
  if (at == recent_values) {
    if (s.recent_count < recent_values) ++s.recent_count;
    at = s.recent_count - 1U;
  }
  for (auto i = at; i > 0; --i) s.recent[i] = s.recent[i - 1];
  s.recent[0] = whole;
}

}  // namespace skerry::codec
