// Aggregate calls into aggregates: their types as Flink has them, and the columns they read.
#include <algorithm>

#include "stream/limits.hpp"
#include "stream/planner.hpp"

namespace skerry::stream {
namespace {

Result<Function> function_of(const ast::Expr& call) {
  static const std::map<std::string, Function> names = {{"SUM", Function::sum},
                                                        {"AVG", Function::avg},
                                                        {"MIN", Function::min},
                                                        {"MAX", Function::max},
                                                        {"STDDEV_POP", Function::stddev_pop},
                                                        {"STDDEV_SAMP", Function::stddev_samp},
                                                        {"STDDEV", Function::stddev_samp},
                                                        {"VAR_POP", Function::var_pop},
                                                        {"VAR_SAMP", Function::var_samp},
                                                        {"VARIANCE", Function::var_samp},
                                                        {"FIRST_VALUE", Function::first_value},
                                                        {"LAST_VALUE", Function::last_value},
                                                        {"LAG", Function::lag},
                                                        {"ROW_NUMBER", Function::row_number},
                                                        {"COUNT", Function::count}};
  const auto found = names.find(call.name);
  if (found == names.end()) {
    return fail(Code::unsupported, call.name + " cannot stand before OVER", call.place.text());
  }
  if (found->second == Function::count && call.args.size() == 1 && call.args[0]->is == ast::Expr::Is::star) {
    return Function::count_all;
  }
  return found->second;
}

Type result_type(Function function, const Type& input) {
  switch (function) {
    case Function::count_all:
    case Function::count:
    case Function::row_number: return type_of(Kind::bigint);
    case Function::sum: return input.kind == Kind::decimal ? decimal_type(decimal_digits_max, input.scale) : input;
    case Function::avg:
    case Function::stddev_pop:
    case Function::stddev_samp:
    case Function::var_pop:
    case Function::var_samp:
      return input.kind == Kind::decimal ? decimal_type(decimal_digits_max, std::max(6, input.scale)) : input;
    default: return input;
  }
}

bool needs_number(Function f) {
  return f == Function::sum || f == Function::avg || f == Function::stddev_pop || f == Function::stddev_samp ||
         f == Function::var_pop || f == Function::var_samp;
}

}  // namespace

Result<int> AggregateBuilder::store(const ast::Expr& arg) {
  const auto text = canonical(arg);
  if (const auto found = by_text_.find(text); found != by_text_.end()) return found->second;
  auto made = TRY(binder_.bind(arg));
  if (made->type.held() == Held::row) return fail(Code::unsupported, "a ROW cannot be aggregated", arg.place.text());
  if (made->type.kind == Kind::null) made = make_null(type_of(Kind::integer));
  const int index = static_cast<int>(stored.size());
  stored.push_back(std::move(made));
  by_text_[text] = index;
  return index;
}

// x * y of DECIMALs is kept as x and y: sixteen bytes less a row where x is kept anyway.
Result<Input> AggregateBuilder::input_of(const ast::Expr& arg) {
  if (arg.is == ast::Expr::Is::call && arg.name == "*" && arg.args[0]->is == ast::Expr::Is::column &&
      arg.args[1]->is == ast::Expr::Is::column) {
    auto whole = TRY(binder_.bind(arg));
    const auto a = TRY(binder_.bind(*arg.args[0]));
    const auto b = TRY(binder_.bind(*arg.args[1]));
    const auto scale = [](const Type& t) { return t.kind == Kind::decimal ? t.scale : 0; };
    const bool exact = !a->type.is_approximate() && !b->type.is_approximate();
    if (whole->type.kind == Kind::decimal && exact && scale(a->type) + scale(b->type) == whole->type.scale) {
      const int column = TRY(store(*arg.args[0]));
      return Input{column, TRY(store(*arg.args[1])), whole->type};
    }
  }
  const int column = TRY(store(arg));
  return Input{column, -1, stored[static_cast<std::size_t>(column)]->type};
}

Result<> AggregateBuilder::add(const ast::Expr& call) {
  Aggregate one;
  one.function = TRY(function_of(call));
  const auto place = call.place.text();
  if (call.distinct)
    return fail(Code::unsupported, call.name + "(DISTINCT ...) is not supported by this engine", place);
  const bool none = one.function == Function::count_all || one.function == Function::row_number;
  const std::size_t most = one.function == Function::lag ? 3 : 1;
  const std::size_t count = one.function == Function::count_all ? 0 : call.args.size();
  if (none ? count != 0 : (count < 1 || count > most)) {
    return fail(
        Code::invalid,
        call.name + ": expected " + (none ? "no" : std::to_string(most)) + " argument, found " + std::to_string(count),
        place);
  }
  if (!none) one.input = TRY(input_of(*call.args[0]));
  if (needs_number(one.function) && !one.input.type.is_numeric()) {
    return fail(Code::invalid, call.name + " needs a number, found " + one.input.type.text(),
                call.args[0]->place.text());
  }
  if (one.input.factor >= 0 && one.function != Function::sum && one.function != Function::avg &&
      one.function != Function::count) {
    const int column = TRY(store(*call.args[0]));
    one.input = Input{column, -1, stored[static_cast<std::size_t>(column)]->type};
  }
  if (one.function == Function::lag) {
    if (count > 1) {
      auto offset = TRY(binder_.bind(*call.args[1]));
      if (!offset->constant(one.offset) || one.offset < 0 || one.offset > 10'000) {
        return fail(Code::invalid, "LAG: expected a number from 0 to 10000", call.args[1]->place.text());
      }
    }
    if (count > 2) {
      auto fallback = TRY(binder_.bind(*call.args[2]));
      auto cast = make_cast(std::move(fallback), one.input.type);
      if (!cast) return located(std::move(cast).error(), call.args[2]->place);
      one.fallback = static_cast<int>(stored.size());
      stored.push_back(std::move(*cast));
    }
  }
  one.type = result_type(one.function, one.input.type);
  results.push_back(Named{"", "$" + canonical(call), one.type, false});
  aggregates.push_back(std::move(one));
  return {};
}

}  // namespace skerry::stream
