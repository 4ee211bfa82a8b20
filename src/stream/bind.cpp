// Names into columns, operators into expressions; an unknown name is answered with the nearest known one.
#include "stream/expression.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {
namespace {

std::unexpected<Error> at(const ast::Expr& expr, Error error) {
  if (error.where.empty()) error.where = expr.place.text();
  return std::unexpected(std::move(error));
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const auto near = nearest(word, names);
  if (!near.empty()) return "; did you mean " + near + "?";
  if (names.empty()) return {};
  std::string all = "; there are ";
  for (std::size_t i = 0; i < names.size() && i < 12; ++i) all += (i ? ", " : "") + names[i];
  return all + (names.size() > 12 ? ", ..." : "");
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) { return a == b; }

// What stands several times in a SELECT list is computed once a batch.
class Once final : public Expression {
 public:
  explicit Once(std::shared_ptr<Expression> inner) : Expression(inner->type), inner_(std::move(inner)) {}
  const Column& evaluate(const Batch& in, Arena& arena) override { return inner_->evaluate(in, arena); }
  void mark_used(std::vector<bool>& used) const override { inner_->mark_used(used); }

 private:
  std::shared_ptr<Expression> inner_;
};

class Memo final : public Expression {
 public:
  explicit Memo(ExpressionPtr inner) : Expression(inner->type) { args.push_back(std::move(inner)); }
  const Column& evaluate(const Batch& in, Arena& arena) override {
    if (in.serial == 0 || in.serial != serial_ || !known_) {
      known_ = &args[0]->evaluate(in, arena);
      serial_ = in.serial;
    }
    return *known_;
  }

 private:
  const Column* known_ = nullptr;
  std::uint64_t serial_ = 0;
};

Result<ExpressionPtr> Binder::shared(const ast::Expr& expr) {
  const auto text = canonical(expr);
  auto found = known_.find(text);
  if (found == known_.end()) {
    auto made = TRY(bind_new(expr));
    if (made->column() >= 0) return made;
    found = known_.emplace(text, std::make_shared<Memo>(std::move(made))).first;
  }
  return std::make_unique<Once>(found->second);
}

Result<ExpressionPtr> Binder::bind(const ast::Expr& expr) {
  const bool worth =
      (expr.is == ast::Expr::Is::call && expr.name != "ROW" && expr.name != "FIELD") || expr.is == ast::Expr::Is::cast;
  return worth ? shared(expr) : bind_new(expr);
}

Result<ExpressionPtr> Binder::bind_new(const ast::Expr& expr) {
  if (computed_) {
    if (const int index = computed_(expr); index >= 0)
      return make_column(index, scope_[static_cast<std::size_t>(index)].type);
  }
  switch (expr.is) {
    case ast::Expr::Is::literal: {
      auto made = make_literal(expr);
      if (!made) return at(expr, std::move(made).error());
      return made;
    }
    case ast::Expr::Is::column: return column(expr);
    case ast::Expr::Is::star: return at(expr, Error{Code::invalid, "expected an expression, found '*'", {}});
    case ast::Expr::Is::cast: {
      auto from = TRY(bind(*expr.args[0]));
      auto made = make_cast(std::move(from), expr.type);
      if (!made) return at(expr, std::move(made).error());
      return made;
    }
    case ast::Expr::Is::call: {
      auto made = call(expr);
      if (!made) return at(expr, std::move(made).error());
      return made;
    }
  }
  return at(expr, Error{Code::invalid, "expected an expression", {}});
}

Result<ExpressionPtr> Binder::column(const ast::Expr& expr) {
  // alias.column.field..., or column.field...
  const auto find = [&](std::string_view qualifier, const std::string& name) -> Result<int> {
    int found = -1;
    for (std::size_t i = 0; i < scope_.size(); ++i) {
      if (!same_name(scope_[i].name, name) || (!qualifier.empty() && !same_name(scope_[i].qualifier, qualifier)))
        continue;
      if (found >= 0)
        return fail(Code::invalid, "the column " + name + " stands twice in this query", expr.place.text());
      found = static_cast<int>(i);
    }
    return found;
  };
  std::size_t used = 1;
  int index = -1;
  if (expr.parts.size() > 1) {
    index = TRY(find(expr.parts[0], expr.parts[1]));
    if (index >= 0) used = 2;
  }
  if (index < 0) index = TRY(find({}, expr.parts[0]));
  if (index < 0) {
    std::vector<std::string> names;
    bool is_qualifier = false;
    for (const auto& one : scope_) {
      is_qualifier |= expr.parts.size() > 1 && same_name(one.qualifier, expr.parts[0]);
      if (!one.name.starts_with('$')) names.push_back(one.name);
    }
    const auto& word = expr.parts[is_qualifier ? 1 : 0];
    return fail(Code::not_found, "no column is called " + word + suggestion(word, names), expr.place.text());
  }
  auto to = make_column(index, scope_[static_cast<std::size_t>(index)].type);
  for (; used < expr.parts.size(); ++used) to = TRY(field_of(std::move(to), expr.parts[used], expr));
  return to;
}

Result<ExpressionPtr> Binder::field_of(ExpressionPtr row, const std::string& name, const ast::Expr& expr) {
  if (row->type.kind != Kind::row) {
    return fail(Code::invalid, "." + name + " asks for a field, but this is " + row->type.text(), expr.place.text());
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < row->type.fields.size(); ++i) {
    names.push_back(row->type.fields[i].name);
    if (same_name(names.back(), name)) return make_field(std::move(row), i);
  }
  return fail(Code::not_found, "no field is called " + name + suggestion(name, names), expr.place.text());
}

Result<ExpressionPtr> Binder::case_of(const ast::Expr& expr) {
  std::vector<ExpressionPtr> whens;
  std::vector<ExpressionPtr> thens;
  std::size_t i = expr.has_operand ? 1 : 0;
  for (; i + 1 < expr.args.size(); i += 2) {
    auto when = TRY(bind(*expr.args[i]));
    if (expr.has_operand) {
      auto made = make_comparison("=", TRY(bind(*expr.args[0])), std::move(when));
      if (!made) return at(*expr.args[i], std::move(made).error());
      when = std::move(*made);
    }
    whens.push_back(std::move(when));
    thens.push_back(TRY(bind(*expr.args[i + 1])));
  }
  return make_case(std::move(whens), std::move(thens), TRY(bind(*expr.args[i])));
}

Result<ExpressionPtr> Binder::in_list(const ast::Expr& expr) {
  ExpressionPtr to;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    auto left = TRY(bind(*expr.args[0]));
    auto made = make_comparison("=", std::move(left), TRY(bind(*expr.args[i])));
    if (!made) return at(*expr.args[i], std::move(made).error());
    to = to ? make_logic(false, std::move(to), std::move(*made)) : std::move(*made);
  }
  return to;
}

Result<ExpressionPtr> Binder::call(const ast::Expr& expr) {
  const auto& name = expr.name;
  if (expr.over || is_aggregate(name)) {
    return fail(Code::invalid, expr.over ? name + " OVER may only stand in a SELECT list"
                                         : name + " needs OVER (...) behind it, or a GROUP BY of a window");
  }
  if (name == "CASE") return case_of(expr);
  if (name == "IN") return in_list(expr);
  std::vector<ExpressionPtr> args;
  for (const auto& arg : expr.args) args.push_back(TRY(bind(*arg)));
  if (name == "AND" || name == "OR" || name == "NOT" || name == "IS TRUE" || name == "IS FALSE") {
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (args[i]->type.kind != Kind::boolean && args[i]->type.kind != Kind::null) {
        return fail(Code::invalid, name + " needs conditions, found " + args[i]->type.text(),
                    expr.args[i]->place.text());
      }
    }
    if (name == "NOT") return make_not(std::move(args[0]));
    if (name.starts_with("IS")) return make_is(name == "IS TRUE", std::move(args[0]));
    return make_logic(name == "AND", std::move(args[0]), std::move(args[1]));
  }
  if (name == "IS NULL") return make_is_null(std::move(args[0]));
  if (name == "BETWEEN") {
    auto again = TRY(bind(*expr.args[0]));
    auto low = TRY(make_comparison(">=", std::move(again), std::move(args[1])));
    return make_logic(true, std::move(low), TRY(make_comparison("<=", std::move(args[0]), std::move(args[2]))));
  }
  if (name == "=" || name == "<>" || name == "<" || name == "<=" || name == ">" || name == ">=" ||
      name == "IS DISTINCT FROM") {
    return make_comparison(name, std::move(args[0]), std::move(args[1]));
  }
  if (name.size() == 1 && std::string_view("+-*/%").find(name[0]) != std::string_view::npos) {
    return make_arithmetic(name[0], std::move(args[0]), std::move(args[1]));
  }
  if (name == "FIELD") return field_of(std::move(args[0]), expr.parts[0], expr);
  if (name == "ROW") {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < args.size(); ++i) names.push_back("EXPR$" + std::to_string(i));
    return make_row(std::move(args), std::move(names));
  }
  return make_function(name, std::move(args), expr.type);
}

}  // namespace skerry::stream
