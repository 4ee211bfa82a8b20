// Windows of traffic, and the past they are compared with.
#include "identity/behaviour.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace skerry::identity {
namespace {

constexpr double memory_windows = 200;
constexpr double unusual_weight = 0.1;
constexpr double unusual_from = 0.5;
constexpr double rate_spread_min = 0.5;   // octaves
constexpr double size_spread_min = 0.25;  // octaves
constexpr double hour_memory = 0.002;     // of each window: some days of traffic

std::int64_t number_of(Wall at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count() / Behaviour::window.count();
}
std::int64_t day_of(Wall at) { return std::chrono::floor<std::chrono::days>(at.time_since_epoch()).count(); }

// Two spreads are usual, four are 0.5, six and more are 1.
double grade(double off, double spread) { return std::clamp((off / spread - 2) / 4, 0.0, 1.0); }

}  // namespace

void Traffic::add(std::uint32_t topic, std::size_t bytes) {
  ++messages;
  octaves += std::bit_width(std::max<std::size_t>(bytes, 1)) - 1 +
             static_cast<double>(bytes) / static_cast<double>(std::bit_floor(std::max<std::size_t>(bytes, 1))) - 1;
  const auto found = std::ranges::find(topics, topic);
  if (found != topics.end()) {
    ++counts[static_cast<std::size_t>(found - topics.begin())];
  } else if (topics.size() < Behaviour::topics_max) {
    topics.push_back(topic);
    counts.push_back(1);
  }
}

std::uint32_t topic_number(std::string_view topic) {  // FNV-1a
  std::uint32_t hash = 2166136261U;
  for (const char c : topic) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

std::string Deviation::why() const {
  char text[160];
  std::snprintf(text, sizeof text, "differs from the device's own past: rate %.2f, size %.2f, topics %.2f, hours %.2f",
                rate, size, topics, hours);
  return text;
}

void Behaviour::Average::add(double value, std::uint32_t seen, double weight) {
  const double share = weight * std::max(1.0 / memory_windows, 1.0 / (seen + 1.0));
  const double off = value - mean;
  mean += share * off;
  variance = (1 - share) * (variance + share * off * off);
}

Deviation Behaviour::judge(const Past& past) {
  Deviation all;
  if (past.windows < windows_to_know || past.messages == 0) return all;
  const double rate = std::log2(1.0 + past.messages) - past.rate.mean;
  // A window that has only begun says little of sizes and topics.
  const double some = std::max<double>(past.messages, std::exp2(past.rate.mean) / 4);
  all.rate = grade(rate, std::max(std::sqrt(past.rate.variance), rate_spread_min));
  const double size = past.octaves / past.messages - past.size.mean;
  all.size = grade(std::abs(size), std::max(std::sqrt(past.size.variance), size_spread_min)) * past.messages / some;
  if (!past.many_topics) all.topics = past.on_new_topics / some;
  if (past.days >= days_to_know) {
    const auto at = static_cast<std::size_t>(past.hour);
    const double near = past.hours[(at + 23) % 24] + past.hours[at] + past.hours[(at + 1) % 24];
    all.hours = std::clamp(1 - near * 24, 0.0, 1.0);  // a third of an even share is usual
  }
  all.score = std::min(1.0, std::max({all.rate, all.size, all.topics}) + all.hours / 2);
  return all;
}

void Behaviour::close(Past& past) {
  if (past.messages == 0) return;
  past.judged = judge(past);
  past.before = past.number;
  const double weight = past.judged.score > unusual_from ? unusual_weight : 1.0;
  past.rate.add(std::log2(1.0 + past.messages), past.windows, weight);
  past.size.add(past.octaves / past.messages, past.windows, weight);
  for (auto& each : past.hours) each *= static_cast<float>(1 - hour_memory);
  past.hours[static_cast<std::size_t>(past.hour)] += static_cast<float>(hour_memory);
  if (past.windows == 0) past.hours[static_cast<std::size_t>(past.hour)] = 1;
  // A topic becomes known with a window that is otherwise usual: one that tries many is not taught to us at once.
  if (past.windows < windows_to_know || std::max(past.judged.rate, past.judged.size) <= unusual_from) {
    for (const auto topic : past.new_topics) {
      if (past.topics.size() < topics_max)
        past.topics.push_back(topic);
      else
        past.many_topics = true;
    }
  }
  ++past.windows;
  past.messages = past.on_new_topics = 0;
  past.octaves = 0;
  past.new_topics.clear();
}

void Behaviour::make_room() {
  if (past_.size() < devices_max) return;
  const auto oldest =
      std::ranges::min_element(past_, [](const auto& a, const auto& b) { return a.second.number < b.second.number; });
  past_.erase(oldest);
}

void Behaviour::sent(std::string_view device, const Traffic& traffic, Wall at, int hour) {
  if (traffic.messages == 0) return;
  auto found = past_.find(device);
  if (found == past_.end()) {
    make_room();
    found = past_.try_emplace(std::string(device)).first;
  }
  auto& past = found->second;
  const auto number = number_of(at);
  if (number != past.number) {
    close(past);
    past.number = number;
    past.hour = std::clamp(hour, 0, 23);
    if (const auto day = day_of(at); day != past.last_day) {
      past.last_day = day;
      ++past.days;
    }
  }
  past.messages += traffic.messages;
  past.octaves += traffic.octaves;
  for (std::size_t i = 0; i < traffic.topics.size(); ++i) {
    if (std::ranges::find(past.topics, traffic.topics[i]) != past.topics.end()) continue;
    past.on_new_topics += traffic.counts[i];
    if (std::ranges::find(past.new_topics, traffic.topics[i]) == past.new_topics.end() &&
        past.new_topics.size() <= topics_max)
      past.new_topics.push_back(traffic.topics[i]);
  }
}

Deviation Behaviour::of(std::string_view device, Wall at) const {
  const auto found = past_.find(device);
  if (found == past_.end()) return {};
  const auto& past = found->second;
  const auto now = number_of(at);
  Deviation all;
  if (past.number >= now - 1) all = judge(past);
  if (past.before >= now - 1 && past.judged.score > all.score) all = past.judged;
  return all;
}

std::string Behaviour::save() const {
  std::ostringstream out;
  out.precision(6);
  for (const auto& [device, each] : past_) {
    auto past = each;
    close(past);
    out << device << ' ' << past.number << ' ' << past.windows << ' ' << past.last_day << ' ' << past.days << ' '
        << past.rate.mean << ' ' << past.rate.variance << ' ' << past.size.mean << ' ' << past.size.variance << ' '
        << past.many_topics;
    for (const auto hour : past.hours) out << ' ' << hour;
    for (const auto topic : past.topics) out << ' ' << topic;
    out << '\n';
  }
  return out.str();
}

std::size_t Behaviour::load(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::size_t bad = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string device;
    Past past;
    words >> device >> past.number >> past.windows >> past.last_day >> past.days >> past.rate.mean >>
        past.rate.variance >> past.size.mean >> past.size.variance >> past.many_topics;
    for (auto& hour : past.hours) words >> hour;
    const bool sound = words && std::isfinite(past.rate.mean) && past.rate.variance >= 0 &&
                       std::isfinite(past.size.mean) && past.size.variance >= 0;
    if (!sound || past_.size() >= devices_max) {
      ++bad;
      continue;
    }
    for (std::uint32_t topic = 0; past.topics.size() < topics_max && words >> topic;) past.topics.push_back(topic);
    past_[device] = std::move(past);
  }
  return bad;
}

}  // namespace skerry::identity
