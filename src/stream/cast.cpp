// Conversions between types, as Flink's CAST; what it would fail on is NULL.
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/time.hpp"
#include "stream/expression.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

using I = std::int64_t;
using D = Int128;
using T = std::string_view;
constexpr I day_ms = 86'400'000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

I least(Kind kind) {
  switch (kind) {
    case Kind::tinyint: return INT8_MIN;
    case Kind::smallint: return INT16_MIN;
    case Kind::integer: return INT32_MIN;
    default: return INT64_MIN;
  }
}
I wrap(Kind kind, I v) {
  switch (kind) {
    case Kind::tinyint: return static_cast<std::int8_t>(v);
    case Kind::smallint: return static_cast<std::int16_t>(v);
    case Kind::integer: return static_cast<std::int32_t>(v);
    default: return v;
  }
}

// As Java: towards zero, held at the ends of the range, NaN is 0.
I integer_of(Kind kind, double v) {
  if (std::isnan(v)) return 0;
  const auto low = static_cast<double>(least(kind));
  if (v <= low) return least(kind);
  if (v >= -low) return ~least(kind);
  return static_cast<I>(v);
}

ExpressionPtr to_text(ExpressionPtr from) {
  const Type type = from->type;
  const auto done = [](Arena& arena, T& o, std::string& text) {
    o = arena.keep(text);
    return true;
  };
  switch (type.held()) {
    case Held::f64:
      return kernel<T, double>(
          type_of(Kind::string),
          [done](Arena& arena, T& o, double v) {
            std::string text;
            append_java_double(text, v);
            return done(arena, o, text);
          },
          std::move(from));
    case Held::i128:
      return kernel<T, D>(
          type_of(Kind::string),
          [done, scale = type.scale](Arena& arena, T& o, D v) {
            std::string text;
            append_decimal(text, v, scale);
            return done(arena, o, text);
          },
          std::move(from));
    default:
      return kernel<T, I>(
          type_of(Kind::string),
          [done, type](Arena& arena, T& o, I v) {
            std::string text;
            if (type.kind == Kind::boolean)
              text = v ? "TRUE" : "FALSE";
            else if (type.is_time())
              append_sql_time(text, type, v);
            else
              text = std::to_string(v);
            return done(arena, o, text);
          },
          std::move(from));
  }
}

Result<ExpressionPtr> from_text(ExpressionPtr from, const Type& to) {
  switch (to.kind) {
    case Kind::boolean:
      return kernel<I, T>(
          to,
          [](Arena&, I& o, T v) {
            const auto word = to_upper(trimmed(v));
            o = word == "TRUE" || word == "T" || word == "YES" || word == "Y" || word == "1";
            return o || word == "FALSE" || word == "F" || word == "NO" || word == "N" || word == "0";
          },
          std::move(from));
    case Kind::tinyint:
    case Kind::smallint:
    case Kind::integer:
    case Kind::bigint:
      return kernel<I, T>(
          to,
          [kind = to.kind](Arena&, I& o, T v) {
            v = trimmed(v);
            if (v.starts_with('+')) v.remove_prefix(1);
            const auto done = std::from_chars(v.data(), v.data() + v.size(), o);
            if (done.ec != std::errc{}) return false;
            T rest(done.ptr, static_cast<std::size_t>(v.data() + v.size() - done.ptr));
            if (rest.starts_with('.') && rest.find_first_not_of("0123456789", 1) == T::npos) rest = {};  // '5.9' is 5
            return rest.empty() && wrap(kind, o) == o;
          },
          std::move(from));
    case Kind::real:
    case Kind::dbl:
      return kernel<double, T>(
          to,
          [](Arena&, double& o, T v) {
            v = trimmed(v);
            if (v.starts_with('+')) v.remove_prefix(1);
            const auto done = std::from_chars(v.data(), v.data() + v.size(), o);
            return done.ec == std::errc{} && done.ptr == v.data() + v.size();
          },
          std::move(from));
    case Kind::decimal:
      return kernel<D, T>(
          to, [p = to.precision, s = to.scale](Arena&, D& o, T v) { return decimal_of_text(trimmed(v), p, s, o); },
          std::move(from));
    case Kind::date:
    case Kind::timestamp:
    case Kind::timestamp_ltz:
      return kernel<I, T>(
          to,
          [is_date = to.kind == Kind::date](Arena&, I& o, T v) {
            const auto time = parse_time(trimmed(v));
            if (!time) return false;
            o = time->time_since_epoch().count();
            if (is_date) o = std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count();
            return true;
          },
          std::move(from));
    default: return fail(Code::invalid, "a text cannot become " + to.text());
  }
}

ExpressionPtr to_approximate(ExpressionPtr from, const Type& to) {
  const Type type = from->type;
  const bool single = to.kind == Kind::real;
  const auto narrow = [single](double v) { return single ? static_cast<double>(static_cast<float>(v)) : v; };
  if (type.held() == Held::f64) {
    return kernel<double, double>(
        to,
        [=](Arena&, double& o, double v) {
          o = narrow(v);
          return true;
        },
        std::move(from));
  }
  if (type.kind == Kind::decimal && type.scale == 0) {
    return kernel<double, D>(
        to,
        [=](Arena&, double& o, D v) {
          o = narrow(static_cast<double>(v));
          return true;
        },
        std::move(from));
  }
  if (type.kind == Kind::decimal) {
    return kernel<double, D>(
        to,
        [=, scale = type.scale](Arena&, double& o, D v) {
          o = narrow(to_double(v, scale));
          return true;
        },
        std::move(from));
  }
  return kernel<double, I>(
      to,
      [=](Arena&, double& o, I v) {
        o = narrow(static_cast<double>(v));
        return true;
      },
      std::move(from));
}

ExpressionPtr to_decimal(ExpressionPtr from, const Type& to) {
  const Type type = from->type;
  const int p = to.precision;
  const int s = to.scale;
  if (type.held() == Held::f64) {
    return kernel<D, double>(
        to,
        [=](Arena&, D& o, double v) {
          if (s == 0 && std::abs(v) < 9007199254740992.0 && v == std::trunc(v)) {
            o = static_cast<I>(v);
            return fits(o, p);
          }
          return decimal_of_double(v, p, s, o);
        },
        std::move(from));
  }
  if (type.kind == Kind::decimal) {
    return kernel<D, D>(
        to, [=, scale = type.scale](Arena&, D& o, D v) { return rescale(v, scale, s, p, o); }, std::move(from));
  }
  if (s == 0 && p >= 19)
    return kernel<D, I>(
        to,
        [](Arena&, D& o, I v) {
          o = v;
          return true;
        },
        std::move(from));
  return kernel<D, I>(
      to, [=](Arena&, D& o, I v) { return rescale(v, 0, s, p, o); }, std::move(from));
}

ExpressionPtr to_number(ExpressionPtr from, const Type& to) {
  const Type type = from->type;
  const auto kind = to.kind;
  if (to.is_approximate()) return to_approximate(std::move(from), to);
  if (kind == Kind::decimal) return to_decimal(std::move(from), to);
  if (type.held() == Held::f64) {
    return kernel<I, double>(
        to,
        [=](Arena&, I& o, double v) {
          o = integer_of(kind, v);
          return true;
        },
        std::move(from));
  }
  if (type.kind == Kind::decimal) {
    return kernel<I, D>(
        to,
        [=, unit = power_of_ten(type.scale)](Arena&, I& o, D v) {
          const D whole = v / unit;
          if (whole < INT64_MIN || whole > INT64_MAX) return false;
          o = static_cast<I>(whole);
          return wrap(kind, o) == o;
        },
        std::move(from));
  }
  return kernel<I, I>(
      to,
      [=](Arena&, I& o, I v) {
        o = wrap(kind, v);
        return true;
      },
      std::move(from));
}

Result<ExpressionPtr> row_to_row(ExpressionPtr from, const Type& to) {
  // Field by field; names are those of the target. Only what is known to be a constructor or a column comes here.
  class Shared final : public Expression {
   public:
    using Expression::Expression;
    const Column& evaluate(const Batch& in, Arena& arena) override {
      const auto& row = args[0]->evaluate(in, arena);
      Batch fields{in.rows, {row.kids.begin(), row.kids.end()}, in.meta};
      out_.kids.resize(casts.size());
      for (std::size_t i = 0; i < casts.size(); ++i) out_.kids[i] = &casts[i]->evaluate(fields, arena);
      out_.null.assign(row.null.begin(), row.null.begin() + static_cast<std::ptrdiff_t>(in.rows));
      return out_;
    }
    std::vector<ExpressionPtr> casts;
  };
  if (from->type.fields.size() != to.fields.size()) {
    return fail(Code::invalid, from->type.text() + " cannot become " + to.text() + ": another number of fields");
  }
  auto made = std::make_unique<Shared>(to);
  for (std::size_t i = 0; i < to.fields.size(); ++i) {
    made->casts.push_back(
        TRY(make_cast(make_column(static_cast<int>(i), from->type.fields[i].type), to.fields[i].type)));
  }
  made->args.push_back(std::move(from));
  return made;
}

bool same_type(const Type& a, const Type& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == Kind::decimal) return a.precision == b.precision && a.scale == b.scale;
  if (a.is_time()) return a.precision == b.precision;
  if (a.fields.size() != b.fields.size()) return false;
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    if (a.fields[i].name != b.fields[i].name || !same_type(a.fields[i].type, b.fields[i].type)) return false;
  }
  return true;
}

}  // namespace

void append_java_double(std::string& to, double value) {
  if (std::isnan(value)) {
    to += "NaN";
    return;
  }
  if (std::isinf(value)) {
    to += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  const double size = std::abs(value);
  char text[400];
  if (value == 0 || (size >= 1e-3 && size < 1e7)) {
    const auto done = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
    const std::string_view plain(text, static_cast<std::size_t>(done.ptr - text));
    to += plain;
    if (plain.find('.') == std::string_view::npos) to += ".0";
    return;
  }
  const auto done = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific);
  const std::string_view plain(text, static_cast<std::size_t>(done.ptr - text));
  const auto e = plain.find('e');
  to += plain.substr(0, e);
  if (plain.substr(0, e).find('.') == std::string_view::npos) to += ".0";
  to += 'E';
  auto exponent = plain.substr(e + 1);
  if (exponent.front() == '-') to += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent.front() == '0') exponent.remove_prefix(1);
  to += exponent;
}

void append_sql_time(std::string& to, const Type& type, std::int64_t value) {
  if (type.kind == Kind::date)
    codec::append_date(to, value);
  else
    codec::append_sql_time(to, value, type.precision);
}

Result<ExpressionPtr> make_cast(ExpressionPtr from, const Type& to) {
  const Type type = from->type;
  if (same_type(type, to)) return from;
  if (type.kind == Kind::null) return make_null(to);
  if (type.kind == Kind::row && to.kind == Kind::row) return row_to_row(std::move(from), to);
  if (type.kind != Kind::row && to.kind == Kind::string) return to_text(std::move(from));
  if (type.kind == Kind::string) return from_text(std::move(from), to);
  if (type.is_numeric() && to.is_numeric()) return to_number(std::move(from), to);
  if (type.kind == Kind::boolean && to.is_numeric()) {
    auto number = kernel<I, I>(
        type_of(Kind::integer),
        [](Arena&, I& o, I v) {
          o = v;
          return true;
        },
        std::move(from));
    return make_cast(std::move(number), to);
  }
  if (type.is_integer() && to.kind == Kind::boolean) {
    return kernel<I, I>(
        to,
        [](Arena&, I& o, I v) {
          o = v != 0;
          return true;
        },
        std::move(from));
  }
  if (type.is_time() && to.is_time()) {
    const bool from_date = type.kind == Kind::date;
    const bool to_date = to.kind == Kind::date;
    const I unit = to.precision >= 3 ? 1 : (to.precision == 2 ? 10 : to.precision == 1 ? 100 : 1000);
    return kernel<I, I>(
        to,
        [=](Arena&, I& o, I v) {
          const auto down = [](I x, I by) { return x >= 0 ? x / by : -((-x + by - 1) / by); };
          const I ms = from_date ? v * day_ms : v;
          o = to_date ? down(ms, day_ms) : down(ms, unit) * unit;
          return true;
        },
        std::move(from));
  }
  return fail(Code::invalid, type.text() + " cannot become " + to.text());
}

}  // namespace skerry::stream
