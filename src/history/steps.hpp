// Readings of one field summed up in steps of equal width: what a chart of a long time draws. No I/O.
#pragma once

#include <map>
#include <vector>

#include "history/history.hpp"

namespace skerry::history {

class Steps {
 public:
  // Steps begin at whole multiples of their width, so that the same readings are in the same step wherever one looks.
  Steps(EventTime from, EventTime to, std::size_t points);

  void add(EventTime at, double value);
  Series finish() const;

 private:
  EventTime from_;
  EventTime to_;
  std::chrono::milliseconds width_;
  struct Sum {
    std::uint64_t count = 0;
    double min = 0;
    double max = 0;
    double sum = 0;
  };
  std::vector<Sum> sums_;
};

}  // namespace skerry::history
