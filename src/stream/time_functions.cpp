// Functions of times. The current time is when the causing record was appended, so that a replay gives the same.
#include <chrono>

#include "base/time.hpp"
#include "stream/function_table.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

using T = std::string_view;
using namespace std::chrono;
constexpr I day_ms = 86'400'000;

struct Parts {
  year_month_day date;
  I ms_of_day = 0;
  sys_days day;
};

Parts parts_of(I ms) {
  const sys_time<milliseconds> time{milliseconds{ms}};
  const auto day = floor<days>(time);
  return {year_month_day{day}, (time - day).count(), day};
}

I unit_ms(T unit) {
  if (unit == "MILLISECOND") return 1;
  if (unit == "SECOND") return 1000;
  if (unit == "MINUTE") return 60'000;
  if (unit == "HOUR") return 3'600'000;
  if (unit == "DAY") return day_ms;
  if (unit == "WEEK") return 7 * day_ms;
  return 0;
}

I floor_to(I value, I unit) { return (value >= 0 ? value / unit : -((-value + unit - 1) / unit)) * unit; }

bool extract(T unit, I ms, I& o) {
  const auto p = parts_of(ms);
  if (unit == "YEAR")
    o = static_cast<int>(p.date.year());
  else if (unit == "QUARTER")
    o = (static_cast<unsigned>(p.date.month()) + 2) / 3;
  else if (unit == "MONTH")
    o = static_cast<unsigned>(p.date.month());
  else if (unit == "DAY")
    o = static_cast<unsigned>(p.date.day());
  else if (unit == "DOW" || unit == "DAYOFWEEK")
    o = weekday{p.day}.c_encoding() + 1;
  else if (unit == "DOY" || unit == "DAYOFYEAR")
    o = (p.day - sys_days{p.date.year() / January / 1}).count() + 1;
  else if (unit == "HOUR")
    o = p.ms_of_day / 3'600'000;
  else if (unit == "MINUTE")
    o = p.ms_of_day / 60'000 % 60;
  else if (unit == "SECOND")
    o = p.ms_of_day / 1000 % 60;
  else if (unit == "MILLISECOND")
    o = p.ms_of_day % 1000;
  else if (unit == "EPOCH")
    o = floor_to(ms, 1000) / 1000;
  else
    return false;
  return true;
}

// A time as milliseconds, whatever kind it is.
Made milliseconds_of(ExpressionPtr from) {
  if (!from->type.is_time()) return fail(Code::invalid, "expected a time, found " + from->type.text());
  if (from->type.kind != Kind::date) return from;
  return make_cast(std::move(from), type_of(Kind::timestamp));
}

Made extract_from(std::string unit, ExpressionPtr from) {
  I ignored = 0;
  if (!extract(unit, 0, ignored)) return fail(Code::unsupported, "no such unit of time: " + unit);
  return kernel<I, I>(
      type_of(Kind::bigint), [unit](Arena&, I& o, I ms) { return extract(unit, ms, o); },
      TRY(milliseconds_of(std::move(from))));
}

Made extract_call(Args args, const Type&) {
  TRY(need(args, 2, 2));
  T unit;
  args[0]->constant_text(unit);
  return extract_from(std::string(unit), std::move(args[1]));
}

Maker extractor(std::string unit) {
  return [unit](Args args, const Type&) -> Made {
    TRY(need(args, 1, 1));
    return extract_from(unit, std::move(args[0]));
  };
}

class Now final : public Expression {
 public:
  using Expression::Expression;
  const Column& evaluate(const Batch& in, Arena&) override {
    out_.grow(in.rows);
    for (std::size_t i = 0; i < in.rows; ++i) {
      out_.null[i] = 0;
      out_.i64[i] = in.meta ? in.meta[i].now : 0;
      if (type.kind == Kind::date) out_.i64[i] = floor_to(out_.i64[i], day_ms) / day_ms;
    }
    return out_;
  }
};

Maker now(Kind kind) {
  return [kind](Args args, const Type&) -> Made {
    TRY(need(args, 0, 0));
    return std::make_unique<Now>(type_of(kind));
  };
}

// TO_TIMESTAMP_LTZ(number, 0 | 3), TO_TIMESTAMP(text): what cannot be read is NULL.
Made to_timestamp_ltz(Args args, const Type&) {
  TRY(need(args, 1, 2));
  const Type type = type_of(Kind::timestamp_ltz);
  if (args[0]->type.kind == Kind::string) return make_cast(std::move(args[0]), type);
  I precision = 3;
  if (args.size() > 1 && (!args[1]->constant(precision) || (precision != 0 && precision != 3))) {
    return fail(Code::invalid, "the second argument is 0 (seconds) or 3 (milliseconds)");
  }
  const I unit = precision == 0 ? 1000 : 1;
  auto number = TRY(make_cast(std::move(args[0]), type_of(Kind::bigint)));
  return kernel<I, I>(
      type,
      [unit](Arena&, I& o, I x) {
        constexpr I most = 253'402'300'799'999;  // year 9999
        return !__builtin_mul_overflow(x, unit, &o) && o <= most && o >= -most;
      },
      std::move(number));
}

Made to_timestamp(Args args, const Type&) {
  TRY(need(args, 1, 1));
  return make_cast(std::move(args[0]), type_of(Kind::timestamp));
}

Made timestamp_add(Args args, const Type&) {
  TRY(need(args, 3, 3));
  T unit;
  args[0]->constant_text(unit);
  const bool months = unit == "MONTH" || unit == "YEAR" || unit == "QUARTER";
  const I one = months ? (unit == "YEAR" ? 12 : unit == "QUARTER" ? 3 : 1) : unit_ms(unit);
  if (one == 0) return fail(Code::unsupported, "no such unit of time: " + std::string(unit));
  auto count = TRY(make_cast(std::move(args[1]), type_of(Kind::bigint)));
  auto span = kernel<I, I>(
      type_of(months ? Kind::interval_months : Kind::interval),
      [one](Arena&, I& o, I x) { return !__builtin_mul_overflow(x, one, &o); }, std::move(count));
  return make_arithmetic('+', std::move(args[2]), std::move(span));
}

Made timestamp_diff(Args args, const Type&) {
  TRY(need(args, 3, 3));
  T unit;
  args[0]->constant_text(unit);
  const I one = unit_ms(unit);
  if (one == 0) return fail(Code::unsupported, "TIMESTAMPDIFF counts in SECOND, MINUTE, HOUR, DAY or WEEK");
  auto first = TRY(milliseconds_of(std::move(args[1])));
  auto second = TRY(milliseconds_of(std::move(args[2])));
  return kernel<I, I, I>(
      type_of(Kind::integer),
      [one](Arena&, I& o, I from, I to) {
        o = (to - from) / one;
        return true;
      },
      std::move(first), std::move(second));
}

// yyyy MM dd HH mm ss SSS, with any other characters between; text in single quotes as it is.
void format_time(std::string& to, T pattern, I ms) {
  const auto p = parts_of(ms);
  const auto put = [&to](I value, std::size_t width) {
    auto text = std::to_string(value);
    if (text.size() < width) text.insert(0, width - text.size(), '0');
    to += text;
  };
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    std::size_t n = 1;
    while (i + n < pattern.size() && pattern[i + n] == c) ++n;
    switch (c) {
      case 'y': put(n == 2 ? static_cast<int>(p.date.year()) % 100 : static_cast<int>(p.date.year()), n); break;
      case 'M': put(static_cast<unsigned>(p.date.month()), n); break;
      case 'd': put(static_cast<unsigned>(p.date.day()), n); break;
      case 'H': put(p.ms_of_day / 3'600'000, n); break;
      case 'm': put(p.ms_of_day / 60'000 % 60, n); break;
      case 's': put(p.ms_of_day / 1000 % 60, n); break;
      case 'S': {
        auto text = std::to_string(p.ms_of_day % 1000);
        text.insert(0, 3 - text.size(), '0');
        text.resize(n, '0');
        to += text;
        break;
      }
      case '\'': {
        const auto end = pattern.find('\'', i + 1);
        n = (end == T::npos ? pattern.size() : end + 1) - i;
        to += pattern.substr(i + 1, end == T::npos ? T::npos : end - i - 1);
        break;
      }
      default: to.append(n, c);
    }
    i += n;
  }
}

Made date_format(Args args, const Type&) {
  TRY(need(args, 2, 2));
  if (args[0]->type.kind == Kind::string) args[0] = TRY(make_cast(std::move(args[0]), type_of(Kind::timestamp)));
  auto pattern = TRY(make_cast(std::move(args[1]), type_of(Kind::string)));
  return kernel<T, I, T>(
      type_of(Kind::string),
      [](Arena& arena, T& o, I ms, T text) {
        std::string made;
        format_time(made, text, ms);
        o = arena.keep(made);
        return true;
      },
      TRY(milliseconds_of(std::move(args[0]))), std::move(pattern));
}

}  // namespace

Made floor_time(bool up, Args args, const Type&) {
  T unit;
  if (!args[1]->constant_text(unit)) return fail(Code::invalid, "expected TO and a unit of time");
  const I one = unit_ms(unit);
  const bool months = unit == "MONTH" || unit == "YEAR";
  if ((one == 0 && !months) || unit == "WEEK")
    return fail(Code::unsupported, "no such unit of time: " + std::string(unit));
  const Type type = args[0]->type;
  return kernel<I, I>(
      type,
      [=, is_year = unit == "YEAR"](Arena&, I& o, I ms) {
        if (!months) {
          o = floor_to(ms, one);
          if (up && o != ms) o += one;
          return true;
        }
        const auto p = parts_of(ms);
        auto first = p.date.year() / (is_year ? January : p.date.month()) / 1;
        if (up && sys_days{first}.time_since_epoch() / milliseconds{1} != ms)
          first += is_year ? std::chrono::months{12} : std::chrono::months{1};
        o = sys_days{first}.time_since_epoch() / milliseconds{1};
        return true;
      },
      TRY(milliseconds_of(std::move(args[0]))));
}

void add_time_functions(FunctionTable& to) {
  to["EXTRACT"] = extract_call;
  for (const char* unit : {"YEAR", "QUARTER", "MONTH", "HOUR", "MINUTE", "SECOND", "DAYOFWEEK", "DAYOFYEAR"}) {
    to[unit] = extractor(unit);
  }
  to["DAYOFMONTH"] = extractor("DAY");
  to["NOW"] = to["CURRENT_TIMESTAMP"] = to["CURRENT_ROW_TIMESTAMP"] = now(Kind::timestamp_ltz);
  to["LOCALTIMESTAMP"] = now(Kind::timestamp);
  to["CURRENT_DATE"] = now(Kind::date);
  to["TO_TIMESTAMP_LTZ"] = to_timestamp_ltz;
  to["TO_TIMESTAMP"] = to_timestamp;
  to["TIMESTAMPADD"] = timestamp_add;
  to["TIMESTAMPDIFF"] = timestamp_diff;
  to["DATE_FORMAT"] = date_format;
}

}  // namespace skerry::stream
