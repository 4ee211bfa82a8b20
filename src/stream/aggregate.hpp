// Aggregates of a window: take a row in, take it out again, tell the result. Their state is a few words per key.
//
// Sums of integers and DECIMALs are exact (192 bits); of doubles they carry twice the digits, so that what comes in and
// leaves again leaves no trace worth telling. What is not finite is counted apart.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "stream/store.hpp"
#include "stream/types.hpp"

namespace skerry::stream {

enum class Function : std::uint8_t {
  count_all,
  count,
  sum,
  avg,
  min,
  max,
  stddev_pop,
  stddev_samp,
  var_pop,
  var_samp,
  first_value,
  last_value,
  lag,
  row_number
};

// What an aggregate reads of a row: a stored column, or the product of two.
struct Input {
  int column = -1;
  int factor = -1;  // another stored column
  Type type;        // of the value it makes
};

struct Aggregate {
  Function function = Function::count_all;
  Input input;
  Type type;                // of the result
  std::int64_t offset = 1;  // LAG
  int fallback = -1;        // LAG's default: a stored column
  std::size_t word = 0;     // where its words begin
  std::size_t slot = 0;     // min, max: its queue; for a window without a lower end, and first_value: its kept value

  std::size_t words() const;
};

// min and max over a window that moves: candidates in order, by absolute index.
struct Queue {
  std::vector<std::uint64_t> at;
  std::size_t first = 0;
  bool empty() const { return first == at.size(); }
  void pop_front() {
    if (++first * 2 > at.size() && first >= 16) {
      at.erase(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(first));
      first = 0;
    }
  }
  void clear() { at.clear(), first = 0; }
};

// A value kept by itself, for a window that never gives rows up.
struct Kept {
  bool set = false;
  void keep(const Value& v);
  Value get() const;

 private:
  Value value_;
  std::string text_;
};

struct AggregateState {
  std::vector<std::uint64_t> words;
  std::vector<Queue> queues;
  std::vector<Kept> kept;
};

void start(AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);
// Row `at` of the store enters. With `keeps_rows` min and max use their queues, else values kept.
void enter(AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t at, bool keeps_rows);
void leave(AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t at);
// Into row `row` of `to`. `first` and `end` bound the frame in the store.
void result(const AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t first,
            std::uint64_t end, bool keeps_rows, Column& to, std::size_t row, Arena& arena);
void save(Buffer& to, const AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);
bool load(Reader& from, AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);

}  // namespace skerry::stream
