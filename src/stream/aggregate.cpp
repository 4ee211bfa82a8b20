// How each aggregate adds, takes away and answers.
#include "stream/aggregate.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

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
bool is_extreme(Function f) { return f == Function::min || f == Function::max; }
bool is_exact(const Type& type) { return !type.is_approximate(); }

bool input_null(const Aggregate& one, const Store& store, std::uint64_t at) {
  const auto place = store.place(at);
  const auto& input = one.input;
  return store.column(static_cast<std::size_t>(input.column)).null(place) ||
         (input.factor >= 0 && store.column(static_cast<std::size_t>(input.factor)).null(place));
}

// False when it is NULL, a product of more than 38 digits included.
bool exact_input(const Aggregate& one, const Store& store, std::uint64_t at, Int128& out) {
  if (input_null(one, store, at)) return false;
  const auto place = store.place(at);
  out = store.column(static_cast<std::size_t>(one.input.column)).exact(place);
  if (one.input.factor < 0) return true;
  return decimal_multiply(out, store.column(static_cast<std::size_t>(one.input.factor)).exact(place), 0,
                          one.input.type.precision, out);
}

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

double number_of(const Aggregate& one, const Store& store, std::uint64_t at, bool& null) {
  null = input_null(one, store, at);
  if (null) return 0;
  const auto& column = store.column(static_cast<std::size_t>(one.input.column));
  if (column.held() == Held::f64) return column.approximate(store.place(at));
  Int128 exact = 0;
  if (!exact_input(one, store, at, exact)) return null = true, 0;
  return to_double(exact, one.input.type.kind == Kind::decimal ? one.input.type.scale : 0);
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

// The queue of a minimum or maximum of doubles, where most of the time goes. NaN is above all.
void enter_double(Queue& queue, const StoredColumn& column, const Store& store, std::uint64_t at, bool least) {
  const double value = column.approximate(store.place(at));
  const auto above = [](double a, double b) { return a > b || (std::isnan(a) && !std::isnan(b)); };
  while (!queue.empty()) {
    const double last = column.approximate(store.place(queue.at.back()));
    if (least ? above(value, last) : above(last, value)) break;
    queue.at.pop_back();
  }
  queue.at.push_back(at);
}

}  // namespace

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

void enter(AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t at, bool keeps_rows) {
  auto* words = state.words.data() + one.word;
  switch (one.function) {
    case Function::count_all:
    case Function::row_number: ++words[0]; return;
    case Function::count: words[0] += !input_null(one, store, at); return;
    case Function::lag: return;
    case Function::min:
    case Function::max: {
      if (input_null(one, store, at)) return;
      const auto& column = store.column(static_cast<std::size_t>(one.input.column));
      if (keeps_rows && column.held() == Held::f64) {
        enter_double(state.queues[one.slot], column, store, at, one.function == Function::min);
        return;
      }
      const auto value = column.get(store.place(at));
      if (!keeps_rows) {
        auto& kept = state.kept[one.slot];
        if (!kept.set || better(one, value, kept.get())) kept.keep(value);
        return;
      }
      auto& queue = state.queues[one.slot];
      while (!queue.empty() && !better(one, column.get(store.place(queue.at.back())), value)) queue.at.pop_back();
      if (queue.first > queue.at.size()) queue.first = queue.at.size();
      queue.at.push_back(at);
      return;
    }
    case Function::first_value:
    case Function::last_value:
      if (!keeps_rows) {
        auto& kept = state.kept[one.slot];
        if (one.function == Function::last_value || !kept.set) {
          kept.keep(store.column(static_cast<std::size_t>(one.input.column)).get(store.place(at)));
        }
      }
      return;
    default: break;
  }
  if (!is_variance(one.function) && is_exact(one.input.type)) {
    Int128 value = 0;
    if (exact_input(one, store, at, value)) add_exact(words, value, false);
    return;
  }
  bool null = false;
  const double value = number_of(one, store, at, null);
  if (!null) add_double(words, value, false, is_variance(one.function));
}

void leave(AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t at) {
  auto* words = state.words.data() + one.word;
  switch (one.function) {
    case Function::count_all: --words[0]; return;
    case Function::count: words[0] -= !input_null(one, store, at); return;
    case Function::min:
    case Function::max: {
      auto& queue = state.queues[one.slot];
      if (!queue.empty() && queue.at[queue.first] == at) queue.pop_front();
      return;
    }
    case Function::first_value:
    case Function::last_value:
    case Function::lag:
    case Function::row_number: return;
    default: break;
  }
  if (!is_variance(one.function) && is_exact(one.input.type)) {
    Int128 value = 0;
    if (exact_input(one, store, at, value)) add_exact(words, value, true);
    return;
  }
  bool null = false;
  const double value = number_of(one, store, at, null);
  if (!null) add_double(words, value, true, is_variance(one.function));
}

void result(const AggregateState& state, const Aggregate& one, const Store& store, std::uint64_t first,
            std::uint64_t end, bool keeps_rows, Column& to, std::size_t row, Arena& arena) {
  const auto* words = state.words.data() + one.word;
  switch (one.function) {
    case Function::count_all:
    case Function::count:
    case Function::row_number:
      to.null[row] = 0;
      to.i64[row] = static_cast<std::int64_t>(words[0]);
      return;
    case Function::min:
    case Function::max:
    case Function::first_value:
    case Function::last_value: {
      Value value;
      if (!keeps_rows) {
        if (state.kept[one.slot].set) value = state.kept[one.slot].get();
      } else if (is_extreme(one.function)) {
        const auto& queue = state.queues[one.slot];
        if (!queue.empty()) {
          if (to.held == Held::f64) {
            to.null[row] = 0;
            to.f64[row] = store.column(static_cast<std::size_t>(one.input.column))
                              .approximate(store.place(queue.at[queue.first]));
            return;
          }
          value = store.column(static_cast<std::size_t>(one.input.column)).get(store.place(queue.at[queue.first]));
        }
      } else if (first < end) {
        const auto at = one.function == Function::first_value ? first : end - 1;
        value = store.column(static_cast<std::size_t>(one.input.column)).get(store.place(at));
      }
      put_value(to, row, value, arena);
      return;
    }
    case Function::lag: {
      Value value;
      const auto back = static_cast<std::uint64_t>(one.offset) + 1;
      if (end - first >= back)
        value = store.column(static_cast<std::size_t>(one.input.column)).get(store.place(end - back));
      else if (one.fallback >= 0)
        value = store.column(static_cast<std::size_t>(one.fallback)).get(store.place(end - 1));
      put_value(to, row, value, arena);
      return;
    }
    default: break;
  }
  if (!is_variance(one.function) && is_exact(one.input.type))
    exact_result(one, words, to, row);
  else
    double_result(one, words, to, row);
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
