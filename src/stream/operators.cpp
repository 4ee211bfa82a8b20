// The operators of SQL: columns, constants, arithmetic, comparison, three-valued logic, CASE, ROW.
#include <charconv>
#include <chrono>
#include <cmath>
#include <numeric>

#include "stream/expression.hpp"
#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

class ColumnRef final : public Expression {
 public:
  ColumnRef(int index, Type of) : Expression(std::move(of)), index_(index) {}
  const Column& evaluate(const Batch& in, Arena&) override { return *in.columns[static_cast<std::size_t>(index_)]; }
  void mark_used(std::vector<bool>& used) const override { used[static_cast<std::size_t>(index_)] = true; }
  int column() const override { return index_; }

 private:
  int index_;
};

// The same value in every row; filled once and kept.
class Constant final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena&) override {
    if (filled_ >= in.rows) return out_;
    out_.grow(in.rows);
    for (; filled_ < in.rows; ++filled_) {
      if (is_null) {
        set_null(out_, filled_);
        continue;
      }
      out_.null[filled_] = 0;
      switch (out_.held) {
        case Held::i64: out_.i64[filled_] = i64; break;
        case Held::f64: out_.f64[filled_] = f64; break;
        case Held::i128: out_.i128[filled_] = i128; break;
        default: out_.text[filled_] = text;
      }
    }
    return out_;
  }
  void mark_used(std::vector<bool>&) const override {}
  bool constant(std::int64_t& value) const override {
    return !is_null && out_.held == Held::i64 && (value = i64, true);
  }
  bool constant_text(std::string_view& value) const override {
    return !is_null && out_.held == Held::text && (value = text, true);
  }

  bool is_null = false;
  std::int64_t i64 = 0;
  double f64 = 0;
  Int128 i128 = 0;
  std::string text;

 private:
  std::size_t filled_ = 0;
};

class RowOf final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena& arena) override {
    out_.kids.resize(args.size());
    for (std::size_t i = 0; i < args.size(); ++i) out_.kids[i] = &args[i]->evaluate(in, arena);
    if (out_.null.size() < in.rows) out_.null.resize(in.rows, 0);
    return out_;
  }
};

class FieldOf final : public Expression {
 public:
  FieldOf(Type of, std::size_t field) : Expression(std::move(of)), field_(field) {}
  const Column& evaluate(const Batch& in, Arena& arena) override { return *args[0]->evaluate(in, arena).kids[field_]; }

 private:
  std::size_t field_;
};

class Logic final : public Expression {
 public:
  explicit Logic(bool conjunction) : Expression(type_of(Kind::boolean)), conjunction_(conjunction) {}
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& a = args[0]->evaluate(in, arena);
    const auto& b = args[1]->evaluate(in, arena);
    out_.grow(in.rows);
    const std::int64_t decisive = conjunction_ ? 0 : 1;  // either side alone decides with it
    for (std::size_t i = 0; i < in.rows; ++i) {
      const bool decided = (!a.null[i] && a.i64[i] == decisive) || (!b.null[i] && b.i64[i] == decisive);
      out_.null[i] = !decided && (a.null[i] | b.null[i]);
      out_.i64[i] = decided ? decisive : 1 - decisive;
    }
    return out_;
  }

 private:
  bool conjunction_;
};

class IsNull final : public Expression {
 public:
  IsNull() : Expression(type_of(Kind::boolean)) {}
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& a = args[0]->evaluate(in, arena);
    out_.grow(in.rows);
    for (std::size_t i = 0; i < in.rows; ++i) out_.null[i] = 0, out_.i64[i] = a.null[i];
    return out_;
  }
};

class Is final : public Expression {
 public:
  explicit Is(bool value) : Expression(type_of(Kind::boolean)), value_(value) {}
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& a = args[0]->evaluate(in, arena);
    out_.grow(in.rows);
    for (std::size_t i = 0; i < in.rows; ++i) out_.null[i] = 0, out_.i64[i] = !a.null[i] && (a.i64[i] != 0) == value_;
    return out_;
  }

 private:
  bool value_;
};

template <typename T>
class Distinct final : public Expression {
 public:
  Distinct() : Expression(type_of(Kind::boolean)) {}
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& a = args[0]->evaluate(in, arena);
    const auto& b = args[1]->evaluate(in, arena);
    out_.grow(in.rows);
    for (std::size_t i = 0; i < in.rows; ++i) {
      out_.null[i] = 0;
      out_.i64[i] = a.null[i] != b.null[i] || (!a.null[i] && !(a.template data<T>()[i] == b.template data<T>()[i]));
    }
    return out_;
  }
};

// Pairs of condition and value, the last value without one. A branch is computed when some row of the batch takes it;
// nothing in one can fail.
class Case final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena& arena) override {
    out_.grow(in.rows);
    open_.resize(in.rows);
    std::iota(open_.begin(), open_.end(), 0U);
    for (std::size_t i = 0; i < args.size() && !open_.empty(); i += 2) {
      if (i + 1 == args.size()) {  // ELSE
        const auto& value = args[i]->evaluate(in, arena);
        if (open_.size() == in.rows) return value;
        for (const auto row : open_) copy_value(out_, row, value, row);
        break;
      }
      const auto& when = args[i]->evaluate(in, arena);
      taken_.clear();
      std::size_t left = 0;
      for (const auto row : open_) {
        if (!when.null[row] && when.i64[row] != 0)
          taken_.push_back(row);
        else
          open_[left++] = row;
      }
      open_.resize(left);
      if (taken_.empty()) continue;
      const auto& value = args[i + 1]->evaluate(in, arena);
      if (taken_.size() == in.rows) return value;
      for (const auto row : taken_) copy_value(out_, row, value, row);
    }
    return out_;
  }

 private:
  std::vector<std::uint32_t> open_;  // rows that no condition has taken yet
  std::vector<std::uint32_t> taken_;
};

std::int64_t wrap(Kind kind, std::int64_t v) {
  switch (kind) {
    case Kind::tinyint: return static_cast<std::int8_t>(v);
    case Kind::smallint: return static_cast<std::int16_t>(v);
    case Kind::integer: return static_cast<std::int32_t>(v);
    default: return v;
  }
}

std::int64_t add_wrapped(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t multiply_wrapped(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

ExpressionPtr integer_arithmetic(char op, const Type& type, ExpressionPtr a, ExpressionPtr b) {
  using I = std::int64_t;
  const auto kind = type.kind;
  switch (op) {
    case '+':
      return kernel<I, I, I>(
          type,
          [kind](Arena&, I& o, I x, I y) {
            o = wrap(kind, add_wrapped(x, y));
            return true;
          },
          std::move(a), std::move(b));
    case '-':
      return kernel<I, I, I>(
          type,
          [kind](Arena&, I& o, I x, I y) {
            o = wrap(kind, add_wrapped(x, multiply_wrapped(y, -1)));
            return true;
          },
          std::move(a), std::move(b));
    case '*':
      return kernel<I, I, I>(
          type,
          [kind](Arena&, I& o, I x, I y) {
            o = wrap(kind, multiply_wrapped(x, y));
            return true;
          },
          std::move(a), std::move(b));
    case '/':
      return kernel<I, I, I>(
          type,
          [kind](Arena&, I& o, I x, I y) {
            if (y == 0) return false;
            o = y == -1 ? wrap(kind, multiply_wrapped(x, -1)) : x / y;
            return true;
          },
          std::move(a), std::move(b));
    default:
      return kernel<I, I, I>(
          type,
          [](Arena&, I& o, I x, I y) {
            if (y == 0) return false;
            o = y == -1 ? 0 : x % y;
            return true;
          },
          std::move(a), std::move(b));
  }
}

template <typename F>
ExpressionPtr double_kernel(const Type& type, F f, ExpressionPtr a, ExpressionPtr b) {
  return kernel<double, double, double>(
      type,
      [f](Arena&, double& o, double x, double y) {
        o = f(x, y);
        return true;
      },
      std::move(a), std::move(b));
}

ExpressionPtr double_arithmetic(char op, const Type& type, ExpressionPtr a, ExpressionPtr b) {
  switch (op) {
    case '+':
      return double_kernel(
          type, [](double x, double y) { return x + y; }, std::move(a), std::move(b));
    case '-':
      return double_kernel(
          type, [](double x, double y) { return x - y; }, std::move(a), std::move(b));
    case '*':
      return double_kernel(
          type, [](double x, double y) { return x * y; }, std::move(a), std::move(b));
    case '/':
      return double_kernel(
          type, [](double x, double y) { return x / y; }, std::move(a), std::move(b));
    default:
      return double_kernel(
          type, [](double x, double y) { return std::fmod(x, y); }, std::move(a), std::move(b));
  }
}

ExpressionPtr decimal_sum(bool minus, const Type& type, int sa, int sb, ExpressionPtr a, ExpressionPtr b) {
  using D = Int128;
  const int scale = std::max(sa, sb);
  const int precision = type.precision;
  if (sa == sb && type.scale == scale) {
    if (minus) {
      return kernel<D, D, D>(
          type, [precision](Arena&, D& o, D x, D y) { return !__builtin_sub_overflow(x, y, &o) && fits(o, precision); },
          std::move(a), std::move(b));
    }
    return kernel<D, D, D>(
        type, [precision](Arena&, D& o, D x, D y) { return !__builtin_add_overflow(x, y, &o) && fits(o, precision); },
        std::move(a), std::move(b));
  }
  const int to = type.scale;
  return kernel<D, D, D>(
      type,
      [=](Arena&, D& o, D x, D y) {
        D p = 0;
        D q = 0;
        if (!rescale(x, sa, scale, 38, p) || !rescale(y, sb, scale, 38, q)) return false;
        D sum = 0;
        if (minus ? __builtin_sub_overflow(p, q, &sum) : __builtin_add_overflow(p, q, &sum)) return false;
        return rescale(sum, scale, to, precision, o);
      },
      std::move(a), std::move(b));
}

Result<ExpressionPtr> decimal_arithmetic(char op, const Type& type, ExpressionPtr a, ExpressionPtr b) {
  using D = Int128;
  const Type exact_a = as_decimal(a->type);
  const Type exact_b = as_decimal(b->type);
  a = TRY(make_cast(std::move(a), exact_a));
  b = TRY(make_cast(std::move(b), exact_b));
  const int sa = a->type.scale;
  const int sb = b->type.scale;
  const int precision = type.precision;
  const int scale = type.scale;
  switch (op) {
    case '*': {
      const int cut = sa + sb - scale;
      if (cut == 0 && precision == decimal_digits_max) {
        return kernel<D, D, D>(
            type, [](Arena&, D& o, D x, D y) { return decimal_multiply(x, y, o); }, std::move(a), std::move(b));
      }
      return kernel<D, D, D>(
          type, [=](Arena&, D& o, D x, D y) { return decimal_multiply(x, y, cut, precision, o); }, std::move(a),
          std::move(b));
    }
    case '/': {
      const int add = scale - sa + sb;
      return kernel<D, D, D>(
          type, [=](Arena&, D& o, D x, D y) { return y != 0 && decimal_divide(x, y, add, precision, o); }, std::move(a),
          std::move(b));
    }
    case '%': {
      const int wide = std::max(sa, sb);
      return kernel<D, D, D>(
          type,
          [=](Arena&, D& o, D x, D y) {
            D p = 0;
            D q = 0;
            if (y == 0 || !rescale(x, sa, wide, 38, p) || !rescale(y, sb, wide, 38, q)) return false;
            return rescale(p % q, wide, scale, precision, o);
          },
          std::move(a), std::move(b));
    }
    default: return decimal_sum(op == '-', type, sa, sb, std::move(a), std::move(b));
  }
}

std::int64_t add_months(std::int64_t ms, std::int64_t months) {
  using namespace std::chrono;
  const sys_time<milliseconds> time{milliseconds{ms}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  auto moved = date + std::chrono::months{months};
  if (!moved.ok()) moved = moved.year() / moved.month() / last;
  return (sys_days{moved} + (time - day)).time_since_epoch() / milliseconds{1};
}

// Times and intervals.
Result<ExpressionPtr> time_arithmetic(char op, const Type& type, ExpressionPtr a, ExpressionPtr b) {
  using I = std::int64_t;
  if (a->type.kind == Kind::interval || a->type.kind == Kind::interval_months) {
    if (b->type.is_time()) std::swap(a, b);
  }
  const I sign = op == '-' ? -1 : 1;
  if (b->type.kind == Kind::interval_months && a->type.is_time()) {
    const bool is_date = a->type.kind == Kind::date;
    return kernel<I, I, I>(
        type,
        [=](Arena&, I& o, I x, I y) {
          constexpr I day = 86'400'000;
          if (std::abs(y) > 120'000) return false;
          o = is_date ? add_months(x * day, sign * y) / day : add_months(x, sign * y);
          return true;
        },
        std::move(a), std::move(b));
  }
  if (a->type.kind == Kind::date) {
    return kernel<I, I, I>(
        type,
        [=](Arena&, I& o, I x, I y) {
          o = x + sign * (y / 86'400'000);
          return true;
        },
        std::move(a), std::move(b));
  }
  return integer_arithmetic(op, type, std::move(a), std::move(b));
}

template <typename T, typename F>
ExpressionPtr compare(F f, ExpressionPtr a, ExpressionPtr b) {
  return kernel<std::int64_t, T, T>(
      type_of(Kind::boolean),
      [f](Arena&, std::int64_t& o, const T& x, const T& y) {
        o = f(x, y);
        return true;
      },
      std::move(a), std::move(b));
}

// NaN as Java's Double.compare does not have it but Flink's generated code does: NaN = NaN, all else with NaN false.
template <typename T>
Result<ExpressionPtr> comparison_of(std::string_view op, ExpressionPtr a, ExpressionPtr b) {
  const auto same = [](const T& x, const T& y) {
    if constexpr (std::is_same_v<T, double>)
      return x == y || (std::isnan(x) && std::isnan(y));
    else
      return x == y;
  };
  if (op == "=") return compare<T>(same, std::move(a), std::move(b));
  if (op == "<>") return compare<T>([same](const T& x, const T& y) { return !same(x, y); }, std::move(a), std::move(b));
  if (op == "<") return compare<T>([](const T& x, const T& y) { return x < y; }, std::move(a), std::move(b));
  if (op == "<=") return compare<T>([](const T& x, const T& y) { return x <= y; }, std::move(a), std::move(b));
  if (op == ">") return compare<T>([](const T& x, const T& y) { return x > y; }, std::move(a), std::move(b));
  if (op == ">=") return compare<T>([](const T& x, const T& y) { return x >= y; }, std::move(a), std::move(b));
  auto to = std::make_unique<Distinct<T>>();
  to->args.push_back(std::move(a));
  to->args.push_back(std::move(b));
  return to;
}

}  // namespace

ExpressionPtr make_column(int index, Type type) { return std::make_unique<ColumnRef>(index, std::move(type)); }

ExpressionPtr make_null(Type type) {
  auto to = std::make_unique<Constant>(std::move(type));
  to->is_null = true;
  return to;
}

ExpressionPtr make_constant(Type type, std::int64_t value) {
  auto to = std::make_unique<Constant>(std::move(type));
  to->i64 = value;
  return to;
}

Result<ExpressionPtr> make_literal(const ast::Expr& literal) {
  auto to = std::make_unique<Constant>(literal.type);
  const auto& text = literal.name;
  switch (literal.type.kind) {
    case Kind::null: to->is_null = true; break;
    case Kind::string: to->text = text; break;
    case Kind::dbl: {
      const auto done = std::from_chars(text.data(), text.data() + text.size(), to->f64);
      if (done.ec != std::errc{}) return fail(Code::invalid, "the number " + text + " does not fit a DOUBLE");
      break;
    }
    case Kind::decimal:
      if (!decimal_of_text(text, literal.type.precision, literal.type.scale, to->i128)) {
        return fail(Code::invalid, "the number " + text + " does not fit a DECIMAL");
      }
      break;
    default: to->i64 = literal.value;
  }
  return to;
}

ExpressionPtr make_row(std::vector<ExpressionPtr> fields, std::vector<std::string> names) {
  Type type = type_of(Kind::row);
  for (std::size_t i = 0; i < fields.size(); ++i) type.fields.push_back({names[i], fields[i]->type});
  auto to = std::make_unique<RowOf>(std::move(type));
  to->args = std::move(fields);
  return to;
}

ExpressionPtr make_field(ExpressionPtr row, std::size_t field) {
  auto to = std::make_unique<FieldOf>(row->type.fields[field].type, field);
  to->args.push_back(std::move(row));
  return to;
}

Result<ExpressionPtr> make_arithmetic(char op, ExpressionPtr a, ExpressionPtr b) {
  const auto type = arithmetic_type(op, a->type, b->type);
  if (!type) {
    return fail(Code::invalid, std::string("'") + op + "' cannot work on " + a->type.text() + " and " + b->type.text());
  }
  if (a->type.kind == Kind::null || b->type.kind == Kind::null) return make_null(*type);
  if (type->is_time() || type->kind == Kind::interval || type->kind == Kind::interval_months) {
    return time_arithmetic(op, *type, std::move(a), std::move(b));
  }
  if (type->kind == Kind::decimal) return decimal_arithmetic(op, *type, std::move(a), std::move(b));
  a = TRY(make_cast(std::move(a), *type));
  b = TRY(make_cast(std::move(b), *type));
  if (type->is_approximate()) return double_arithmetic(op, *type, std::move(a), std::move(b));
  return integer_arithmetic(op, *type, std::move(a), std::move(b));
}

Result<ExpressionPtr> make_comparison(std::string_view op, ExpressionPtr a, ExpressionPtr b) {
  auto type = common_type(a->type, b->type);
  // A time and a text: the text is read as a time, as Flink does.
  if (!type && a->type.is_time() && b->type.kind == Kind::string) type = a->type;
  if (!type && b->type.is_time() && a->type.kind == Kind::string) type = b->type;
  if (!type || type->kind == Kind::row) {
    return fail(Code::invalid, "'" + std::string(op) + "' cannot compare " + a->type.text() + " with " +
                                   b->type.text() + "; a CAST makes them alike");
  }
  if (type->kind == Kind::null) return make_null(type_of(Kind::boolean));
  // A common DECIMAL may have no room for all digits of both: compare with the wider scale, overflow is NULL.
  a = TRY(make_cast(std::move(a), *type));
  b = TRY(make_cast(std::move(b), *type));
  switch (type->held()) {
    case Held::f64: return comparison_of<double>(op, std::move(a), std::move(b));
    case Held::i128: return comparison_of<Int128>(op, std::move(a), std::move(b));
    case Held::text: return comparison_of<std::string_view>(op, std::move(a), std::move(b));
    default: return comparison_of<std::int64_t>(op, std::move(a), std::move(b));
  }
}

Result<ExpressionPtr> make_case(std::vector<ExpressionPtr> whens, std::vector<ExpressionPtr> thens,
                                ExpressionPtr other) {
  Type type = other->type;
  for (const auto& then : thens) {
    auto both = common_type(type, then->type);
    if (!both) {
      return fail(Code::invalid,
                  "the values of one CASE must have a common type, found " + type.text() + " and " + then->type.text());
    }
    type = std::move(*both);
  }
  if (type.kind == Kind::null) return make_null(type);
  auto to = std::make_unique<Case>(type);
  for (std::size_t i = 0; i < whens.size(); ++i) {
    if (whens[i]->type.kind != Kind::boolean && whens[i]->type.kind != Kind::null) {
      return fail(Code::invalid, "WHEN needs a condition, found " + whens[i]->type.text());
    }
    to->args.push_back(std::move(whens[i]));
    to->args.push_back(TRY(make_cast(std::move(thens[i]), type)));
  }
  to->args.push_back(TRY(make_cast(std::move(other), type)));
  return to;
}

ExpressionPtr make_logic(bool conjunction, ExpressionPtr a, ExpressionPtr b) {
  auto to = std::make_unique<Logic>(conjunction);
  to->args.push_back(std::move(a));
  to->args.push_back(std::move(b));
  return to;
}

ExpressionPtr make_not(ExpressionPtr a) {
  return kernel<std::int64_t, std::int64_t>(
      type_of(Kind::boolean),
      [](Arena&, std::int64_t& o, std::int64_t x) {
        o = !x;
        return true;
      },
      std::move(a));
}

ExpressionPtr make_is_null(ExpressionPtr a) {
  auto to = std::make_unique<IsNull>();
  to->args.push_back(std::move(a));
  return to;
}

ExpressionPtr make_is(bool value, ExpressionPtr a) {
  auto to = std::make_unique<Is>(value);
  to->args.push_back(std::move(a));
  return to;
}

}  // namespace skerry::stream
