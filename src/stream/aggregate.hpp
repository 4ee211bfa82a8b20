// Aggregates of a window: take rows in, take them out again, tell the results. Their state is a few words per key.
//
// One aggregate goes over all rows of a micro-batch before the next does, whatever keys they are of: which key a row is
// of, where it stands and what has left its frame has been settled before, in steps.
//
// Sums of integers and DECIMALs are exact (192 bits); of doubles they carry twice the digits, so that what comes in and
// leaves again leaves no trace worth telling. What is not finite is counted apart.
#pragma once

#include <memory>
#include <span>
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

// min and max over a window that moves: candidates in order, with their absolute index.
struct Queue {
  std::vector<std::uint64_t> at;
  std::vector<double> f64;  // of these, that of the type
  std::vector<Int128> i128;
  std::vector<std::string> text;
  std::size_t first = 0;
  bool empty() const { return first == at.size(); }
  void clear();
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

inline constexpr std::uint32_t no_result = UINT32_MAX;

// A row enters the frame of its key, and rows before leave it.
struct Step {
  AggregateState* state = nullptr;
  std::uint64_t at = 0;          // the row's index in the store
  std::uint64_t first = 0;       // where the frame begins now
  std::uint32_t row = 0;         // of the columns that enter
  std::uint32_t gone_begin = 0;  // of the columns that leave
  std::uint32_t gone_end = 0;
  std::uint32_t to = no_result;  // row of the results
  bool enters = true;            // false: rows only leave
};

struct Moves {
  std::span<const Step> steps;
  std::span<const Column* const> in;    // stored columns of the rows that enter
  std::span<const Column* const> gone;  // and of those that leave
  bool keeps_rows = true;               // else min, max, first and last value are kept by themselves
};

void start(AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);
// All steps of one aggregate. Of a window that keeps rows, FIRST_VALUE and LAG are not its business: they lie in the
// store.
void apply(const Aggregate& one, const Moves& moves, Column& results, Arena& arena);
bool is_extreme(Function function);
bool is_picked(Function function);  // FIRST_VALUE, LAG
void save(Buffer& to, const AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);
bool load(Reader& from, AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows);

}  // namespace skerry::stream
