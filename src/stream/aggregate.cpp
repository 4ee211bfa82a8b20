// How each aggregate adds, takes away and answers.
#include "stream/aggregate.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

// Words of a sum: [count, low, middle, high] exact; [count, high part, low part, not finite] of doubles;
// a variance has the squares' two parts behind.
constexpr std::size_t exact_words = 4;
constexpr std::size_t double_words = 4;
constexpr std::size_t variance_words = 6;

double as_double(std::uint64_t word) { return std::bit_cast<double>(word); }
std::uint64_t as_word(double value) { return std::bit_cast<std::uint64_t>(value); }

struct Twice {  // the sum of two doubles, without overlap: 106 bits (Dekker 1971)
  double high = 0;
  double low = 0;
};
Twice two_sum(double a, double b) {
  const double s = a + b;
  const double bb = s - a;
  return {s, (a - (s - bb)) + (b - bb)};
}
Twice quick_sum(double a, double b) {
  const double s = a + b;
  return {s, b - (s - a)};
}
Twice add(Twice a, Twice b) {
  auto s = two_sum(a.high, b.high);
  auto t = two_sum(a.low, b.low);
  s = quick_sum(s.high, s.low + t.high);
  return quick_sum(s.high, s.low + t.low);
}
Twice product(double a, double b) {
  const double p = a * b;
  return {p, std::fma(a, b, -p)};
}
Twice multiply(Twice a, Twice b) {
  auto p = product(a.high, b.high);
  p.low += a.high * b.low + a.low * b.high;
  return quick_sum(p.high, p.low);
}
Twice divide(Twice a, double n) {
  const double q = a.high / n;
  const auto rest = add(a, Twice{-product(q, n).high, -product(q, n).low});
  return quick_sum(q, rest.high / n);
}

bool is_variance(Function f) {
  return f == Function::stddev_pop || f == Function::stddev_samp || f == Function::var_pop || f == Function::var_samp;
}
bool is_exact(const Type& type) { return !type.is_approximate(); }

void add_exact(std::uint64_t* words, Int128 value, bool minus) {
  const auto low = static_cast<Uint128>(value);
  const std::uint64_t sign = value < 0 ? ~std::uint64_t{0} : 0;
  Uint128 sum = static_cast<Uint128>(words[1]) | static_cast<Uint128>(words[2]) << 64;
  if (minus) {
    const Uint128 before = sum;
    sum -= low;
    words[3] -= sign + (before < low);
    --words[0];
  } else {
    sum += low;
    words[3] += sign + (sum < low);
    ++words[0];
  }
  words[1] = static_cast<std::uint64_t>(sum);
  words[2] = static_cast<std::uint64_t>(sum >> 64);
}

void add_double(std::uint64_t* words, double value, bool minus, bool squares) {
  if (minus)
    --words[0];
  else
    ++words[0];
  if (!std::isfinite(value)) {
    // 21 bits each count NaN, +Infinity and -Infinity.
    const std::uint64_t unit = std::uint64_t{1} << (std::isnan(value) ? 0 : value > 0 ? 21 : 42);
    words[3] += minus ? 0 - unit : unit;
    return;
  }
  const double signed_value = minus ? -value : value;
  const auto sum = add({as_double(words[1]), as_double(words[2])}, {signed_value, 0});
  words[1] = as_word(sum.high);
  words[2] = as_word(sum.low);
  if (!squares) return;
  auto square = product(value, value);
  if (minus) square = {-square.high, -square.low};
  const auto total = add({as_double(words[4]), as_double(words[5])}, square);
  words[4] = as_word(total.high);
  words[5] = as_word(total.low);
}

double sum_of_doubles(const std::uint64_t* words) {
  const auto count = [&](unsigned shift) { return (words[3] >> shift) & 0x1fffff; };
  if (words[3] == 0) return as_double(words[1]) + as_double(words[2]);
  if (count(0) > 0 || (count(21) > 0 && count(42) > 0)) return std::nan("");
  return count(21) > 0 ? INFINITY : -INFINITY;
}

// n * population variance, never below zero; zero where only rounding speaks.
double squares_about_mean(const std::uint64_t* words) {
  if (words[3] != 0) return std::nan("");
  const auto n = static_cast<double>(words[0]);
  const Twice sum{as_double(words[1]), as_double(words[2])};
  const Twice squares{as_double(words[4]), as_double(words[5])};
  const auto mean_part = divide(multiply(sum, sum), n);
  const auto left = add(squares, {-mean_part.high, -mean_part.low});
  return left.high <= std::ldexp(std::abs(squares.high), -98) ? 0 : left.high;
}

void put_double(Column& to, std::size_t row, const Type& type, double value) {
  to.null[row] = 0;
  if (to.held == Held::f64) {
    to.f64[row] = type.kind == Kind::real ? static_cast<double>(static_cast<float>(value)) : value;
  } else if (to.held == Held::i128) {
    to.null[row] = !decimal_of_double(value, type.precision, type.scale, to.i128[row]);
  } else {
    to.i64[row] = std::isfinite(value) ? static_cast<std::int64_t>(value) : 0;
  }
}

std::int64_t wrapped(Kind kind, Uint128 v) {
  switch (kind) {
    case Kind::tinyint: return static_cast<std::int8_t>(v);
    case Kind::smallint: return static_cast<std::int16_t>(v);
    case Kind::integer: return static_cast<std::int32_t>(v);
    default: return static_cast<std::int64_t>(v);
  }
}

void exact_result(const Aggregate& one, const std::uint64_t* words, Column& to, std::size_t row) {
  const auto count = static_cast<std::int64_t>(words[0]);
  const auto sum = static_cast<Int128>(static_cast<Uint128>(words[1]) | static_cast<Uint128>(words[2]) << 64);
  const bool overflow = words[3] != (sum < 0 ? ~std::uint64_t{0} : 0);
  to.null[row] = count == 0;
  if (count == 0) return;
  if (to.held == Held::i64) {
    to.i64[row] = one.function == Function::sum ? wrapped(one.type.kind, static_cast<Uint128>(sum))
                                                : wrapped(one.type.kind, static_cast<Uint128>(sum / count));
    return;
  }
  const int scale = one.input.type.scale;
  bool ok = !overflow && fits(sum, 38);
  if (ok && one.function == Function::sum)
    ok = rescale(sum, scale, one.type.scale, one.type.precision, to.i128[row]);
  else if (ok)
    ok = decimal_divide(sum, count, one.type.scale - scale, one.type.precision, to.i128[row]);
  to.null[row] = !ok;
}

void double_result(const Aggregate& one, const std::uint64_t* words, Column& to, std::size_t row) {
  const auto count = static_cast<double>(words[0]);
  const bool sample = one.function == Function::stddev_samp || one.function == Function::var_samp;
  to.null[row] = words[0] == 0 || (sample && words[0] == 1);
  if (to.null[row]) return;
  if (one.function == Function::sum) return put_double(to, row, one.type, sum_of_doubles(words));
  if (one.function == Function::avg) return put_double(to, row, one.type, sum_of_doubles(words) / count);
  const double variance = squares_about_mean(words) / (sample ? count - 1 : count);
  const bool root = one.function == Function::stddev_pop || one.function == Function::stddev_samp;
  put_double(to, row, one.type, root ? std::sqrt(variance) : variance);
}

bool better(const Aggregate& one, const Value& a, const Value& b) {
  const int order = compare(one.input.type.held(), a, b);
  return one.function == Function::min ? order < 0 : order > 0;
}

// ---- steps ----

// Adds what enters and takes away what leaves; `fetch(columns, row, value)` is false for NULL.
template <typename Value, typename Fetch, typename Add, typename Result>
void run_sums(const Aggregate& one, const Moves& moves, Fetch fetch, Add add, Result result) {
  for (const auto& step : moves.steps) {
    auto* const words = step.state->words.data() + one.word;
    Value value{};
    if (step.enters && fetch(moves.in, step.row, value)) add(words, value, false);
    for (auto gone = step.gone_begin; gone < step.gone_end; ++gone) {
      if (fetch(moves.gone, gone, value)) add(words, value, true);
    }
    if (step.to != no_result) result(words, step.to);
  }
}

using Columns = std::span<const Column* const>;

// An exact input as 128 bits, by how its columns hold it.
template <typename F>
void with_exact_input(const Aggregate& one, F use) {
  const auto a = static_cast<std::size_t>(one.input.column);
  if (one.input.factor >= 0) {
    const auto b = static_cast<std::size_t>(one.input.factor);
    use([a, b, precision = one.input.type.precision](Columns in, std::size_t row, Int128& out) {
      const auto& x = *in[a];
      const auto& y = *in[b];
      if ((x.null[row] | y.null[row]) != 0) return false;
      return decimal_multiply(x.held == Held::i128 ? x.i128[row] : x.i64[row],
                              y.held == Held::i128 ? y.i128[row] : y.i64[row], 0, precision, out);
    });
    return;
  }
  use([a](Columns in, std::size_t row, Int128& out) {
    const auto& x = *in[a];
    if (x.null[row]) return false;
    out = x.held == Held::i128 ? x.i128[row] : x.i64[row];
    return true;
  });
}

void apply_exact(const Aggregate& one, const Moves& moves, Column& to) {
  // The usual case by itself: a sum of DECIMALs whose digits all count.
  const bool plain = one.function == Function::sum && to.held == Held::i128 &&
                     one.type.precision == decimal_digits_max && one.type.scale == one.input.type.scale;
  with_exact_input(one, [&](auto fetch) {
    if (plain) {
      run_sums<Int128>(one, moves, fetch, add_exact, [&to](const std::uint64_t* words, std::size_t row) {
        const auto sum = static_cast<Int128>(static_cast<Uint128>(words[1]) | static_cast<Uint128>(words[2]) << 64);
        to.i128[row] = sum;
        to.null[row] = words[0] == 0 || words[3] != (sum < 0 ? ~std::uint64_t{0} : 0) || !fits(sum, 38);
      });
      return;
    }
    run_sums<Int128>(one, moves, fetch, add_exact,
                     [&](const std::uint64_t* words, std::size_t row) { exact_result(one, words, to, row); });
  });
}

void apply_doubles(const Aggregate& one, const Moves& moves, Column& to) {
  const bool squares = is_variance(one.function);
  const auto add = [squares](std::uint64_t* words, double value, bool minus) {
    add_double(words, value, minus, squares);
  };
  const auto result = [&](const std::uint64_t* words, std::size_t row) { double_result(one, words, to, row); };
  if (one.input.factor < 0 && one.input.type.held() == Held::f64) {
    const auto fetch = [a = static_cast<std::size_t>(one.input.column)](Columns in, std::size_t row, double& out) {
      out = in[a]->f64[row];
      return in[a]->null[row] == 0;
    };
    run_sums<double>(one, moves, fetch, add, result);
    return;
  }
  with_exact_input(one, [&](auto exact) {
    const int scale = one.input.type.kind == Kind::decimal ? one.input.type.scale : 0;
    const auto fetch = [exact, scale](Columns in, std::size_t row, double& out) {
      Int128 value = 0;
      if (!exact(in, row, value)) return false;
      out = to_double(value, scale);
      return true;
    };
    run_sums<double>(one, moves, fetch, add, result);
  });
}

void apply_count(const Aggregate& one, const Moves& moves, Column& to) {
  const bool all = one.function != Function::count;
  const auto counts = [&](Columns in, std::size_t row) {
    if (all) return true;
    if (in[static_cast<std::size_t>(one.input.column)]->null[row]) return false;
    return one.input.factor < 0 || !in[static_cast<std::size_t>(one.input.factor)]->null[row];
  };
  const bool leaves = one.function != Function::row_number;
  for (const auto& step : moves.steps) {
    auto& count = step.state->words[one.word];
    if (step.enters) count += counts(moves.in, step.row);
    for (auto gone = step.gone_begin; leaves && gone < step.gone_end; ++gone) count -= counts(moves.gone, gone);
    if (step.to == no_result) continue;
    to.null[step.to] = 0;
    to.i64[step.to] = static_cast<std::int64_t>(count);
  }
}

template <typename T>
auto& values_of(Queue& queue) {
  if constexpr (std::is_same_v<T, double>)
    return queue.f64;
  else if constexpr (std::is_same_v<T, Int128>)
    return queue.i128;
  else
    return queue.text;
}

// NaN is above all.
template <typename T>
bool is_above(const T& a, const T& b) {
  if constexpr (std::is_same_v<T, double>)
    return a > b || (std::isnan(a) && !std::isnan(b));
  else
    return a > b;
}

template <typename T, typename U>
void enter_queue(Queue& queue, std::uint64_t at, const U& value, bool least) {
  auto& values = values_of<T>(queue);
  while (!queue.empty()) {
    const U last = values.back();  // of a text: a view
    const bool stays = least ? is_above<U>(value, last) : is_above<U>(last, value);
    if (stays) break;
    queue.at.pop_back();
    values.pop_back();
  }
  queue.at.push_back(at);
  values.emplace_back(value);
}

template <typename T>
void leave_queue(Queue& queue, std::uint64_t first) {
  while (!queue.empty() && queue.at[queue.first] < first) ++queue.first;
  if (queue.first < 16 || queue.first * 2 <= queue.at.size()) return;
  auto& values = values_of<T>(queue);
  queue.at.erase(queue.at.begin(), queue.at.begin() + static_cast<std::ptrdiff_t>(queue.first));
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(queue.first));
  queue.first = 0;
}

// `read(column, row)` gives a value, `put(row, value)` a result.
template <typename T, typename Read, typename Put>
void apply_queue(const Aggregate& one, const Moves& moves, Column& to, Read read, Put put) {
  const auto column = static_cast<std::size_t>(one.input.column);
  const bool least = one.function == Function::min;
  for (const auto& step : moves.steps) {
    auto& queue = step.state->queues[one.slot];
    if (queue.first == queue.at.size()) queue.clear();
    if (step.enters && !moves.in[column]->null[step.row])
      enter_queue<T>(queue, step.at, read(*moves.in[column], step.row), least);
    leave_queue<T>(queue, step.first);
    if (step.to == no_result) continue;
    to.null[step.to] = queue.empty();
    if (!queue.empty()) put(step.to, values_of<T>(queue)[queue.first]);
  }
}

void apply_extreme(const Aggregate& one, const Moves& moves, Column& to, Arena& arena) {
  switch (one.input.type.held()) {
    case Held::f64:
      return apply_queue<double>(
          one, moves, to, [](const Column& c, std::size_t row) { return c.f64[row]; },
          [&](std::size_t row, double v) { to.f64[row] = v; });
    case Held::i128:
      return apply_queue<Int128>(
          one, moves, to, [](const Column& c, std::size_t row) { return c.i128[row]; },
          [&](std::size_t row, Int128 v) { to.i128[row] = v; });
    case Held::i64:
      return apply_queue<Int128>(
          one, moves, to, [](const Column& c, std::size_t row) { return static_cast<Int128>(c.i64[row]); },
          [&](std::size_t row, Int128 v) { to.i64[row] = static_cast<std::int64_t>(v); });
    default:
      return apply_queue<std::string>(
          one, moves, to, [](const Column& c, std::size_t row) { return c.text[row]; },
          [&](std::size_t row, const std::string& v) { to.text[row] = arena.keep(v); });
  }
}

// Of a window without a lower end.
void apply_kept(const Aggregate& one, const Moves& moves, Column& to, Arena& arena) {
  const auto& column = *moves.in[static_cast<std::size_t>(one.input.column)];
  for (const auto& step : moves.steps) {
    auto& kept = step.state->kept[one.slot];
    const auto value = value_at(column, step.row);
    bool take = !kept.set || one.function == Function::last_value;
    if (is_extreme(one.function)) take = !value.null && (!kept.set || better(one, value, kept.get()));
    if (take) kept.keep(value);
    if (step.to != no_result) put_value(to, step.to, kept.set ? kept.get() : Value{}, arena);
  }
}

}  // namespace

void Queue::clear() {
  at.clear(), f64.clear(), i128.clear(), text.clear();
  first = 0;
}

bool is_extreme(Function f) { return f == Function::min || f == Function::max; }
bool is_picked(Function f) { return f == Function::first_value || f == Function::lag; }

void Kept::keep(const Value& v) {
  set = true;
  value_ = v;
  value_.text = {};
  text_ = v.text;
}

Value Kept::get() const {
  Value v = value_;
  v.text = text_;
  return v;
}

std::size_t Aggregate::words() const {
  switch (function) {
    case Function::count_all:
    case Function::count:
    case Function::row_number: return 1;
    case Function::sum:
    case Function::avg: return is_exact(input.type) ? exact_words : double_words;
    case Function::stddev_pop:
    case Function::stddev_samp:
    case Function::var_pop:
    case Function::var_samp: return variance_words;
    default: return 0;
  }
}

void start(AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows) {
  std::size_t words = 0;
  std::size_t slots = 0;
  for (const auto& one : all) {
    words = std::max(words, one.word + one.words());
    if (is_extreme(one.function) || one.function == Function::first_value || one.function == Function::last_value) {
      slots = std::max(slots, one.slot + 1);
    }
  }
  state.words.assign(words, 0);
  if (keeps_rows)
    state.queues.resize(slots);
  else
    state.kept.resize(slots);
}

void apply(const Aggregate& one, const Moves& moves, Column& results, Arena& arena) {
  switch (one.function) {
    case Function::count_all:
    case Function::count:
    case Function::row_number: return apply_count(one, moves, results);
    case Function::lag: return;
    case Function::min:
    case Function::max:
      return moves.keeps_rows ? apply_extreme(one, moves, results, arena) : apply_kept(one, moves, results, arena);
    case Function::first_value:
      if (!moves.keeps_rows) apply_kept(one, moves, results, arena);
      return;
    case Function::last_value:
      if (!moves.keeps_rows) return apply_kept(one, moves, results, arena);
      for (const auto& step : moves.steps) {  // a row is the last of its own frame
        if (step.to != no_result)
          copy_value(results, step.to, *moves.in[static_cast<std::size_t>(one.input.column)], step.row);
      }
      return;
    default: break;
  }
  if (!is_variance(one.function) && is_exact(one.input.type))
    apply_exact(one, moves, results);
  else
    apply_doubles(one, moves, results);
}

void save(Buffer& to, const AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows) {
  for (const auto word : state.words) append_le(to, word);
  if (keeps_rows) return;  // queues follow from the rows
  for (std::size_t slot = 0; slot < state.kept.size(); ++slot) {
    const auto one = std::ranges::find_if(all, [&](const Aggregate& a) { return a.words() == 0 && a.slot == slot; });
    append_byte(to, state.kept[slot].set);
    if (state.kept[slot].set && one != all.end()) save_value(to, one->input.type.held(), state.kept[slot].get());
  }
}

bool load(Reader& from, AggregateState& state, const std::vector<Aggregate>& all, bool keeps_rows) {
  start(state, all, keeps_rows);
  for (auto& word : state.words) word = from.le<std::uint64_t>();
  for (std::size_t slot = 0; slot < state.kept.size(); ++slot) {
    const auto one = std::ranges::find_if(all, [&](const Aggregate& a) { return a.words() == 0 && a.slot == slot; });
    if (from.byte() != 0 && one != all.end()) state.kept[slot].keep(load_value(from, one->input.type.held()));
  }
  return from.ok();
}

}  // namespace skerry::stream
