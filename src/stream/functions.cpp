// The functions of SQL, by name: numbers and choices here, texts and times in their own files.
#include <algorithm>
#include <cmath>

#include "stream/function_table.hpp"
#include "stream/lexer.hpp"
#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

using D = Int128;

// A function of one double.
template <typename F>
Maker of_double(F f) {
  return [f](Args args, const Type&) -> Made {
    TRY(need_numbers(args, 1, 1));
    auto a = TRY(make_cast(std::move(args[0]), type_of(Kind::dbl)));
    return kernel<double, double>(
        type_of(Kind::dbl),
        [f](Arena&, double& o, double x) {
          o = f(x);
          return true;
        },
        std::move(a));
  };
}

Made absolute(Args args, const Type&) {
  TRY(need_numbers(args, 1, 1));
  const Type type = args[0]->type;
  if (type.held() == Held::f64) {
    return kernel<double, double>(
        type,
        [](Arena&, double& o, double x) {
          o = std::abs(x);
          return true;
        },
        std::move(args[0]));
  }
  if (type.kind == Kind::decimal) {
    return kernel<D, D>(
        type,
        [](Arena&, D& o, D x) {
          o = x < 0 ? -x : x;
          return true;
        },
        std::move(args[0]));
  }
  return kernel<I, I>(
      type,
      [](Arena&, I& o, I x) {
        o = x < 0 ? static_cast<I>(0 - static_cast<std::uint64_t>(x)) : x;
        return true;
      },
      std::move(args[0]));
}

Made negate(Args args, const Type&) {
  TRY(need(args, 1, 1));
  const Type type = args[0]->type;
  if (type.held() == Held::f64) {
    return kernel<double, double>(
        type,
        [](Arena&, double& o, double x) {
          o = -x;
          return true;
        },
        std::move(args[0]));
  }
  if (type.is_numeric() || type.kind == Kind::null)
    return make_arithmetic('-', make_constant(type_of(Kind::integer), 0), std::move(args[0]));
  if (type.kind == Kind::interval || type.kind == Kind::interval_months) {
    return make_arithmetic('*', std::move(args[0]), make_constant(type_of(Kind::integer), -1));
  }
  return fail(Code::invalid, "'-' needs a number, found " + type.text());
}

// Of a double: half away from zero in decimal, as BigDecimal.valueOf(x).setScale(n, HALF_UP).
double round_to(double x, I digits) {
  if (!std::isfinite(x)) return x;
  if (digits == 0) return std::round(x);
  if (digits > 15 || digits < -300) return digits > 0 ? x : 0.0;
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return std::round(x / unit) * unit;
  }
  Int128 units = 0;
  if (decimal_of_double(x, decimal_digits_max, static_cast<int>(digits), units))
    return to_double(units, static_cast<int>(digits));
  return x;
}

Made round(Args args, const Type&) {
  TRY(need_numbers(args, 1, 2));
  auto digits = args.size() > 1 ? std::move(args[1]) : make_constant(type_of(Kind::integer), 0);
  const Type type = args[0]->type;
  if (type.held() == Held::f64) {
    if (args.size() < 2) {
      return kernel<double, double>(
          type,
          [](Arena&, double& o, double x) {
            o = std::round(x);
            return true;
          },
          std::move(args[0]));
    }
    digits = TRY(make_cast(std::move(digits), type_of(Kind::integer)));
    return kernel<double, double, I>(
        type,
        [](Arena&, double& o, double x, I n) {
          o = round_to(x, n);
          return true;
        },
        std::move(args[0]), std::move(digits));
  }
  I n = 0;
  if (!digits->constant(n) || n < 0 || n > decimal_digits_max) {
    return fail(Code::unsupported, "ROUND of " + type.text() + " needs a number of decimals from 0 to 38");
  }
  if (type.is_integer() || n >= type.scale) return std::move(args[0]);
  const int scale = static_cast<int>(n);
  const Type to = decimal_type(std::min(decimal_digits_max, type.precision - type.scale + 1 + scale), scale);
  return make_cast(std::move(args[0]), to);
}

// FLOOR and CEIL of a number; of a time when a unit follows.
Made level(bool up, Args args, const Type& returning) {
  if (args.size() == 2) return floor_time(up, std::move(args), returning);
  TRY(need_numbers(args, 1, 1));
  const Type type = args[0]->type;
  if (type.held() == Held::f64) {
    return kernel<double, double>(
        type,
        [up](Arena&, double& o, double x) {
          o = up ? std::ceil(x) : std::floor(x);
          return true;
        },
        std::move(args[0]));
  }
  if (type.is_integer()) return std::move(args[0]);
  return kernel<D, D>(
      decimal_type(type.precision, 0),
      [up, unit = power_of_ten(type.scale)](Arena&, D& o, D x) {
        o = x / unit;
        if (x % unit != 0 && (x > 0) == up) o += up ? 1 : -1;
        return true;
      },
      std::move(args[0]));
}

Made power(Args args, const Type&) {
  TRY(need_numbers(args, 2, 2));
  auto a = TRY(make_cast(std::move(args[0]), type_of(Kind::dbl)));
  auto b = TRY(make_cast(std::move(args[1]), type_of(Kind::dbl)));
  return kernel<double, double, double>(
      type_of(Kind::dbl),
      [](Arena&, double& o, double x, double y) {
        o = std::pow(x, y);
        return true;
      },
      std::move(a), std::move(b));
}

Made sign(Args args, const Type&) {
  TRY(need_numbers(args, 1, 1));
  const Type type = args[0]->type;
  if (type.held() == Held::f64) {
    return kernel<double, double>(
        type,
        [](Arena&, double& o, double x) {
          o = x > 0 ? 1 : x < 0 ? -1 : x;
          return true;
        },
        std::move(args[0]));
  }
  if (type.kind == Kind::decimal) {
    return kernel<D, D>(
        type,
        [unit = power_of_ten(type.scale)](Arena&, D& o, D x) {
          o = x > 0 ? unit : x < 0 ? -unit : 0;
          return true;
        },
        std::move(args[0]));
  }
  return kernel<I, I>(
      type,
      [](Arena&, I& o, I x) {
        o = x > 0 ? 1 : x < 0 ? -1 : 0;
        return true;
      },
      std::move(args[0]));
}

Result<Type> common_of(const Args& args, std::size_t from = 0) {
  Type type = args[from]->type;
  for (std::size_t i = from + 1; i < args.size(); ++i) {
    auto both = common_type(type, args[i]->type);
    if (!both) return fail(Code::invalid, type.text() + " and " + args[i]->type.text() + " have no common type");
    type = std::move(*both);
  }
  return type;
}

template <typename T>
Made extreme_of(bool most, const Type& type, ExpressionPtr a, ExpressionPtr b) {
  return kernel<T, T, T>(
      type,
      [most](Arena&, T& o, const T& x, const T& y) {
        o = (x < y) == most ? y : x;
        return true;
      },
      std::move(a), std::move(b));
}

// LEAST and GREATEST: NULL when one is.
Made extreme(bool most, Args args, const Type&) {
  TRY(need(args, 1, 64));
  const Type type = TRY(common_of(args));
  if (type.kind == Kind::null) return make_null(type);
  auto to = TRY(make_cast(std::move(args[0]), type));
  for (std::size_t i = 1; i < args.size(); ++i) {
    auto next = TRY(make_cast(std::move(args[i]), type));
    switch (type.held()) {
      case Held::f64: to = TRY(extreme_of<double>(most, type, std::move(to), std::move(next))); break;
      case Held::i128: to = TRY(extreme_of<D>(most, type, std::move(to), std::move(next))); break;
      case Held::text: to = TRY(extreme_of<std::string_view>(most, type, std::move(to), std::move(next))); break;
      case Held::i64: to = TRY(extreme_of<I>(most, type, std::move(to), std::move(next))); break;
      case Held::row: return fail(Code::invalid, "rows cannot be ordered");
    }
  }
  return to;
}

class Coalesce final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& first = args[0]->evaluate(in, arena);
    const auto first_null = std::find(first.null.begin(), first.null.begin() + static_cast<std::ptrdiff_t>(in.rows), 1);
    auto missing = static_cast<std::size_t>(first_null - first.null.begin());
    if (missing == in.rows) return first;  // nothing is left to fill, and nothing else is computed
    out_.grow(in.rows);
    for (std::size_t row = 0; row < in.rows; ++row) copy_value(out_, row, first, row);
    for (std::size_t i = 1; i < args.size() && missing < in.rows; ++i) {
      const auto& from = args[i]->evaluate(in, arena);
      const auto begin = std::exchange(missing, in.rows);
      for (std::size_t row = begin; row < in.rows; ++row) {
        if (!out_.null[row]) continue;
        copy_value(out_, row, from, row);
        if (out_.null[row]) missing = std::min(missing, row);
      }
    }
    return out_;
  }
};

Made coalesce(Args args, const Type&) {
  TRY(need(args, 1, 64));
  const Type type = TRY(common_of(args));
  if (type.kind == Kind::null) return make_null(type);
  auto to = std::make_unique<Coalesce>(type);
  for (auto& arg : args) to->args.push_back(TRY(make_cast(std::move(arg), type)));
  return to;
}

Made choose(Args args, const Type&) {
  TRY(need(args, 3, 3));
  std::vector<ExpressionPtr> whens;
  std::vector<ExpressionPtr> thens;
  whens.push_back(std::move(args[0]));
  thens.push_back(std::move(args[1]));
  return make_case(std::move(whens), std::move(thens), std::move(args[2]));
}

class NullIf final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena& arena) override {
    const auto& value = args[0]->evaluate(in, arena);
    const auto& equal = args[1]->evaluate(in, arena);
    out_.grow(in.rows);
    for (std::size_t row = 0; row < in.rows; ++row) {
      copy_value(out_, row, value, row);
      if (!equal.null[row] && equal.i64[row]) set_null(out_, row);
    }
    return out_;
  }
};

// A column of the batch by number, so that NULLIF can compare what it gives without computing it twice.
Made null_if(Args args, const Type&) {
  TRY(need(args, 2, 2));
  class First final : public Expression {
   public:
    First(Type of, Expression* from) : Expression(std::move(of)), from_(from) {}
    const Column& evaluate(const Batch& in, Arena& arena) override { return from_->evaluate(in, arena); }

   private:
    Expression* from_;
  };
  auto to = std::make_unique<NullIf>(args[0]->type);
  auto first = std::make_unique<First>(args[0]->type, args[0].get());
  to->args.push_back(std::move(args[0]));
  to->args.push_back(TRY(make_comparison("=", std::move(first), std::move(args[1]))));
  return to;
}

Made modulo(Args args, const Type&) {
  TRY(need_numbers(args, 2, 2));
  return make_arithmetic('%', std::move(args[0]), std::move(args[1]));
}

void add_numbers(FunctionTable& to) {
  to["ABS"] = absolute;
  to["NEGATE"] = negate;
  to["ROUND"] = round;
  to["FLOOR"] = [](Args a, const Type& t) { return level(false, std::move(a), t); };
  to["CEIL"] = to["CEILING"] = [](Args a, const Type& t) { return level(true, std::move(a), t); };
  to["POWER"] = power;
  to["SIGN"] = sign;
  to["MOD"] = modulo;
  to["SQRT"] = of_double([](double x) { return std::sqrt(x); });
  to["EXP"] = of_double([](double x) { return std::exp(x); });
  to["LN"] = of_double([](double x) { return std::log(x); });
  to["LOG10"] = of_double([](double x) { return std::log10(x); });
  to["LOG2"] = of_double([](double x) { return std::log2(x); });
  to["SIN"] = of_double([](double x) { return std::sin(x); });
  to["COS"] = of_double([](double x) { return std::cos(x); });
  to["TAN"] = of_double([](double x) { return std::tan(x); });
  to["ATAN"] = of_double([](double x) { return std::atan(x); });
  to["RADIANS"] = of_double([](double x) { return x * 3.14159265358979323846 / 180.0; });
  to["DEGREES"] = of_double([](double x) { return x * 180.0 / 3.14159265358979323846; });
  to["LEAST"] = [](Args a, const Type& t) { return extreme(false, std::move(a), t); };
  to["GREATEST"] = [](Args a, const Type& t) { return extreme(true, std::move(a), t); };
  to["COALESCE"] = to["IFNULL"] = coalesce;
  to["IF"] = choose;
  to["NULLIF"] = null_if;
}

const FunctionTable& table() {
  static const FunctionTable all = [] {
    FunctionTable to;
    add_numbers(to);
    add_text_functions(to);
    add_time_functions(to);
    return to;
  }();
  return all;
}

}  // namespace

Result<> need(const Args& args, std::size_t least, std::size_t most) {
  if (args.size() >= least && args.size() <= most) return {};
  std::string wanted = std::to_string(least);
  if (most != least) wanted += " to " + std::to_string(most);
  return fail(Code::invalid,
              "expected " + wanted + " argument" + (most == 1 ? "" : "s") + ", found " + std::to_string(args.size()));
}

Result<> need_numbers(const Args& args, std::size_t least, std::size_t most) {
  TRY(need(args, least, most));
  for (const auto& arg : args) {
    if (!arg->type.is_numeric() && arg->type.kind != Kind::null) {
      return fail(Code::invalid, "expected a number, found " + arg->type.text());
    }
  }
  return {};
}

bool is_aggregate(std::string_view name) {
  static constexpr std::string_view names[] = {"COUNT",      "SUM",         "AVG",        "MIN",     "MAX",
                                               "STDDEV_POP", "STDDEV_SAMP", "STDDEV",     "VAR_POP", "VAR_SAMP",
                                               "VARIANCE",   "FIRST_VALUE", "LAST_VALUE", "LAG",     "ROW_NUMBER"};
  return std::ranges::find(names, name) != std::end(names);
}

Result<ExpressionPtr> make_function(const std::string& name, std::vector<ExpressionPtr> args, const Type& returning) {
  const auto found = table().find(name);
  if (found == table().end()) {
    std::vector<std::string> names = {"COUNT",      "SUM",         "AVG",       "MIN",      "MAX",
                                      "STDDEV_POP", "STDDEV_SAMP", "VAR_POP",   "VAR_SAMP", "FIRST_VALUE",
                                      "LAST_VALUE", "LAG",         "ROW_NUMBER"};
    for (const auto& [one, make] : table()) names.push_back(one);
    const auto near = nearest(name, names);
    return fail(Code::not_found,
                "no function is called " + name + (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  // A function of a NULL literal keeps its type rules by taking it as what it most often is.
  for (auto& arg : args) {
    if (arg->type.kind == Kind::null && name != "COALESCE" && name != "IFNULL" && name != "IF" && name != "NULLIF" &&
        name != "LEAST" && name != "GREATEST") {
      arg = make_null(type_of(Kind::integer));
    }
  }
  auto made = found->second(std::move(args), returning);
  if (!made) made.error().what = name + ": " + made.error().what;
  return made;
}

}  // namespace skerry::stream
