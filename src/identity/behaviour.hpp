// Behaviour: how far what a device sends is from its own past, in rate, size, topics and hours; 0 to 1.
//
// Pure: traffic and times in, numbers out, so that recorded traffic gives the same numbers again. Traffic is counted in
// windows; a window that is over becomes part of the past, weighted by a tenth where it was unusual, so that a lasting
// change is usual in the end and an attack is not at once. Rate and size are compared as logarithms, by their own
// spread: four spreads off, and no less than two octaves in rate or one in size, is 0.5. An unusual hour alone never
// exceeds 0.5: it adds to what else is unusual. Only a rate above the usual deviates; silence is nobody's break-in.
//
// Nothing is unusual before `windows_to_know` windows with traffic. One thread at a time; at most `devices_max`.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace skerry::identity {

// What was sent since the last time this was handed over.
struct Traffic {
  std::uint32_t messages = 0;
  double octaves = 0;                 // the sum of log2 of their sizes in bytes, by straight lines between powers of 2
  std::vector<std::uint32_t> topics;  // distinct, by topic_number(), topics_max at most
  std::vector<std::uint32_t> counts;  // how often each
  void add(std::uint32_t topic, std::size_t bytes);
};
std::uint32_t topic_number(std::string_view topic);

struct Deviation {
  double rate = 0;
  double size = 0;
  double topics = 0;
  double hours = 0;
  double score = 0;  // the greatest of the first three, and half of the last; 1 at most
  std::string why() const;
};

class Behaviour {
 public:
  static constexpr std::chrono::seconds window{300};
  static constexpr std::uint32_t windows_to_know = 24;  // two hours with traffic
  static constexpr int days_to_know = 7;                // before an hour can be unusual
  static constexpr std::size_t topics_max = 16;         // a device with more is not judged by its topics
  static constexpr std::size_t devices_max = 50'000;    // those seen last

  // `hour`: of the site's local time, 0 to 23.
  void sent(std::string_view device, const Traffic& traffic, Wall at, int hour);
  // The greater of the window that runs and the one before it, as long as that is not older than a window.
  Deviation of(std::string_view device, Wall at) const;
  std::size_t devices() const { return past_.size(); }

  // One line a device. load() leaves out lines that it cannot read, and says how many.
  std::string save() const;
  std::size_t load(std::string_view text);

 private:
  struct Average {  // of the last 200 windows or so
    double mean = 0;
    double variance = 0;
    void add(double value, std::uint32_t seen, double weight);
  };
  struct Past {
    std::uint32_t windows = 0;  // with traffic
    std::int64_t last_day = 0;
    int days = 0;
    Average rate;
    Average size;
    std::array<float, 24> hours{};  // shares
    std::vector<std::uint32_t> topics;
    bool many_topics = false;
    // The window that runs.
    std::int64_t number = 0;
    std::uint32_t messages = 0;
    std::uint32_t on_new_topics = 0;
    double octaves = 0;
    std::vector<std::uint32_t> new_topics;
    int hour = 0;
    // The one before it that had traffic.
    std::int64_t before = 0;
    Deviation judged;
  };
  static Deviation judge(const Past& past);
  static void close(Past& past);
  void make_room();

  std::map<std::string, Past, std::less<>> past_;
};

}  // namespace skerry::identity
