// Expressions ready to run: typed, names resolved to columns. evaluate() works on a whole batch; each keeps its result.
//
// One thread at a time. What evaluate() gives is valid until the next call of the same expression or the end of the
// micro-batch (texts lie in its arena). NULL follows SQL's three-valued logic. What Flink would stop a job for
// (division of an integer by zero, a CAST that fails) is NULL here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "stream/ast.hpp"
#include "stream/column.hpp"

namespace skerry::stream {

class Expression {
 public:
  explicit Expression(Type of) : type(std::move(of)) { shape(out_, type); }
  virtual ~Expression() = default;
  virtual const Column& evaluate(const Batch& in, Arena& arena) = 0;
  // Marks the input columns it reads.
  virtual void mark_used(std::vector<bool>& used) const {
    for (const auto& arg : args) arg->mark_used(used);
  }
  virtual int column() const { return -1; }                              // of an expression that is only a column
  virtual bool constant(std::int64_t&) const { return false; }           // of an integer literal
  virtual bool constant_text(std::string_view&) const { return false; }  // of a text literal

  Type type;
  std::vector<std::unique_ptr<Expression>> args;

 protected:
  Column out_;
};
using ExpressionPtr = std::unique_ptr<Expression>;

// A result from values that are all there: f(arena, out, in...) returns false for NULL.
template <typename Out, typename F, typename... In>
class Kernel final : public Expression {
 public:
  Kernel(Type of, F f) : Expression(std::move(of)), f_(std::move(f)) {}
  const Column& evaluate(const Batch& in, Arena& arena) override {
    return run(in, arena, std::index_sequence_for<In...>{});
  }

 private:
  template <std::size_t... I>
  const Column& run(const Batch& in, Arena& arena, std::index_sequence<I...>) {
    const Column* from[sizeof...(In)] = {&args[I]->evaluate(in, arena)...};
    out_.grow(in.rows);
    // Plain pointers: what is written through one would else have every vector's address read again.
    const std::uint8_t* const nulls[sizeof...(In)] = {from[I]->null.data()...};
    const std::tuple<const In*...> values{from[I]->template data<In>().data()...};
    auto* const null_out = out_.null.data();
    auto* const out = out_.template data<Out>().data();
    const auto rows = in.rows;
    for (std::size_t row = 0; row < rows; ++row) {
      const bool null = (nulls[I][row] | ...) != 0;
      null_out[row] = null || !f_(arena, out[row], std::get<I>(values)[row]...);
    }
    return out_;
  }
  F f_;
};

template <typename Out, typename... In, typename F, typename... Args>
ExpressionPtr kernel(Type type, F f, Args... args) {
  auto to = std::make_unique<Kernel<Out, F, In...>>(std::move(type), std::move(f));
  (to->args.push_back(std::move(args)), ...);
  return to;
}

// ---- what expressions are made from ----
ExpressionPtr make_column(int index, Type type);
ExpressionPtr make_null(Type type);
ExpressionPtr make_constant(Type type, std::int64_t value);
Result<ExpressionPtr> make_literal(const ast::Expr& literal);
ExpressionPtr make_row(std::vector<ExpressionPtr> fields, std::vector<std::string> names);
ExpressionPtr make_field(ExpressionPtr row, std::size_t field);
// CAST, TRY_CAST and every silent conversion; Code::invalid when there is no way.
Result<ExpressionPtr> make_cast(ExpressionPtr from, const Type& to);
Result<ExpressionPtr> make_arithmetic(char op, ExpressionPtr a, ExpressionPtr b);
Result<ExpressionPtr> make_comparison(std::string_view op, ExpressionPtr a, ExpressionPtr b);
Result<ExpressionPtr> make_case(std::vector<ExpressionPtr> whens, std::vector<ExpressionPtr> thens,
                                ExpressionPtr other);
ExpressionPtr make_logic(bool conjunction, ExpressionPtr a, ExpressionPtr b);
ExpressionPtr make_not(ExpressionPtr a);
ExpressionPtr make_is_null(ExpressionPtr a);
ExpressionPtr make_is(bool value, ExpressionPtr a);

// A function by its name in capitals; Code::not_found names the nearest. `returning` is JSON_VALUE's.
Result<ExpressionPtr> make_function(const std::string& name, std::vector<ExpressionPtr> args, const Type& returning);
bool is_aggregate(std::string_view name);  // what stands before OVER, or with GROUP BY

// As CAST(... AS STRING) writes it.
void append_java_double(std::string& to, double value);
void append_sql_time(std::string& to, const Type& type, std::int64_t value);

// ---- names into columns ----
struct Named {
  std::string qualifier;  // the table's name or alias
  std::string name;
  Type type;
  bool rowtime = false;  // event time with a watermark: an OVER window may be ordered by it
};
using Scope = std::vector<Named>;

class Binder {
 public:
  // An expression that has been computed below already (an aggregate) is looked up by `computed` first.
  using Computed = std::function<int(const ast::Expr&)>;
  explicit Binder(const Scope& scope, Computed computed = {}) : scope_(scope), computed_(std::move(computed)) {}
  Result<ExpressionPtr> bind(const ast::Expr& expr);
  Result<ExpressionPtr> column(const ast::Expr& expr);

 private:
  Result<ExpressionPtr> call(const ast::Expr& expr);
  Result<ExpressionPtr> case_of(const ast::Expr& expr);
  Result<ExpressionPtr> in_list(const ast::Expr& expr);
  Result<ExpressionPtr> shared(const ast::Expr& expr);
  Result<ExpressionPtr> bind_new(const ast::Expr& expr);
  Result<ExpressionPtr> field_of(ExpressionPtr row, const std::string& name, const ast::Expr& expr);

  const Scope& scope_;
  Computed computed_;
  std::map<std::string, std::shared_ptr<Expression>> known_;  // what stands twice in a list is computed once
};

bool same_name(std::string_view a, std::string_view b);  // as Flink: with regard to case

}  // namespace skerry::stream
