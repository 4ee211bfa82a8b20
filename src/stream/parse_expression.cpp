// Expressions, from OR down to a literal.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/time.hpp"
#include "stream/limits.hpp"
#include "stream/parser.hpp"

namespace skerry::stream {

using namespace ast;

ExprPtr make_call(Place place, std::string name, std::vector<ExprPtr> args) {
  auto to = std::make_unique<Expr>();
  to->is = Expr::Is::call;
  to->place = place;
  to->name = std::move(name);
  to->args = std::move(args);
  return to;
}

namespace {

ExprPtr make_call(Place place, std::string name, ExprPtr a, ExprPtr b = nullptr) {
  std::vector<ExprPtr> args;
  args.push_back(std::move(a));
  if (b) args.push_back(std::move(b));
  return stream::make_call(place, std::move(name), std::move(args));
}

ExprPtr make_literal(Place place, Type type, std::string text, std::int64_t value = 0) {
  auto to = std::make_unique<Expr>();
  to->place = place;
  to->type = std::move(type);
  to->name = std::move(text);
  to->value = value;
  return to;
}

std::string unit_of(std::string_view upper) {
  std::string unit(upper);
  if (unit.ends_with('S')) unit.pop_back();
  return unit;
}

std::int64_t unit_ms(std::string_view unit) {
  if (unit == "SECOND") return 1000;
  if (unit == "MINUTE") return 60'000;
  if (unit == "HOUR") return 3'600'000;
  if (unit == "DAY") return 86'400'000;
  if (unit == "WEEK") return 604'800'000;
  return 0;
}

// '1:30' MINUTE TO SECOND, '1 02:03:04.5' DAY TO SECOND: numbers of falling units, from `first` on.
std::optional<double> compound_ms(std::string_view text, std::string_view first) {
  static constexpr std::string_view units[] = {"DAY", "HOUR", "MINUTE", "SECOND"};
  auto unit = std::ranges::find(units, first);
  double total = 0;
  while (!text.empty()) {
    if (unit == std::end(units)) return {};
    double one = 0;
    const auto done = std::from_chars(text.data(), text.data() + text.size(), one);
    if (done.ec != std::errc{} || one < 0) return {};
    total += one * static_cast<double>(unit_ms(*unit++));
    text.remove_prefix(static_cast<std::size_t>(done.ptr - text.data()));
    if (!text.empty()) text.remove_prefix(1);
  }
  return total;
}

}  // namespace

std::string ast::canonical(const Expr& expr) {
  std::string to;
  switch (expr.is) {
    case Expr::Is::literal: to = expr.type.text() + "'" + expr.name + "'" + std::to_string(expr.value); break;
    case Expr::Is::column:
      for (const auto& part : expr.parts) to += "`" + part + "`";
      break;
    case Expr::Is::star: to = "*"; break;
    case Expr::Is::call: to = expr.name; break;
    case Expr::Is::cast: to = (expr.try_cast ? "TRY_CAST:" : "CAST:") + expr.type.text(); break;
  }
  if (expr.distinct) to += " DISTINCT";
  if (expr.has_operand) to += " OF";
  to += '(';
  for (const auto& arg : expr.args) to += canonical(*arg) + ",";
  to += ')';
  if (expr.over) to += " OVER " + canonical(*expr.over);
  return to;
}

std::string ast::canonical(const Window& window) {
  std::string to = "(" + window.base + " BY ";
  for (const auto& key : window.partition) to += canonical(*key) + ",";
  if (window.order) to += " ORDER " + canonical(*window.order);
  if (window.frame.given) to += window.frame.rows ? " ROWS " : " RANGE ";
  if (window.frame.current_row_only) to += "CURRENT";
  if (window.frame.preceding) to += canonical(*window.frame.preceding);
  return to + ")";
}

Result<ExprPtr> Parser::expression() {
  if (++depth_ > nesting_max) return expected("less than " + std::to_string(nesting_max) + " levels of nesting");
  auto to = TRY(disjunction());
  --depth_;
  return to;
}

// a + b + c + ... makes a tree as deep as it is long.
Result<> Parser::check_chain(int links) const {
  if (links > chain_max) return expected("at most " + std::to_string(chain_max) + " operators in a row");
  return {};
}

Result<ExprPtr> Parser::disjunction() {
  auto left = TRY(conjunction());
  for (int links = 0; is_word("OR"); ++links) {
    TRY(check_chain(links));
    const auto place = take().place;
    left = make_call(place, "OR", std::move(left), TRY(conjunction()));
  }
  return left;
}

Result<ExprPtr> Parser::conjunction() {
  auto left = TRY(negation());
  for (int links = 0; is_word("AND"); ++links) {
    TRY(check_chain(links));
    const auto place = take().place;
    left = make_call(place, "AND", std::move(left), TRY(negation()));
  }
  return left;
}

Result<ExprPtr> Parser::negation() {
  std::vector<Place> nots;
  while (is_word("NOT")) {
    TRY(check_chain(static_cast<int>(nots.size())));
    nots.push_back(take().place);
  }
  auto to = TRY(comparison());
  for (; !nots.empty(); nots.pop_back()) to = make_call(nots.back(), "NOT", std::move(to));
  return to;
}

Result<ExprPtr> Parser::comparison() {
  auto left = TRY(sum());
  for (int links = 0;; ++links) {
    TRY(check_chain(links));
    static constexpr std::string_view symbols[] = {"=", "<>", "!=", "<", "<=", ">", ">="};
    const auto symbol = std::ranges::find_if(symbols, [&](auto s) { return is_symbol(s); });
    if (symbol != std::end(symbols)) {
      const auto place = take().place;
      left = make_call(place, *symbol == "!=" ? "<>" : std::string(*symbol), std::move(left), TRY(sum()));
      continue;
    }
    const bool negated = is_word("NOT");
    const std::size_t ahead = negated ? 1 : 0;
    if (is_word("IS") || is_word("BETWEEN", ahead) || is_word("IN", ahead) || is_word("LIKE", ahead)) {
      left = TRY(predicate(std::move(left)));
      continue;
    }
    return left;
  }
}

Result<ExprPtr> Parser::predicate(ExprPtr left) {
  const auto place = peek().place;
  if (take_word("IS")) {
    const bool negated = take_word("NOT");
    std::string name;
    if (take_word("NULL"))
      name = "IS NULL";
    else if (take_word("TRUE"))
      name = "IS TRUE";
    else if (take_word("FALSE"))
      name = "IS FALSE";
    else if (take_word("DISTINCT")) {
      TRY(expect_word("FROM"));
      auto to = make_call(place, "IS DISTINCT FROM", std::move(left), TRY(sum()));
      return negated ? make_call(place, "NOT", std::move(to)) : std::move(to);
    } else {
      return expected("NULL, NOT NULL, TRUE, FALSE or DISTINCT FROM");
    }
    auto to = make_call(place, name, std::move(left));
    return negated ? make_call(place, "NOT", std::move(to)) : std::move(to);
  }
  const bool negated = take_word("NOT");
  ExprPtr to;
  if (take_word("BETWEEN")) {
    std::vector<ExprPtr> args;
    args.push_back(std::move(left));
    args.push_back(TRY(sum()));
    TRY(expect_word("AND"));
    args.push_back(TRY(sum()));
    to = stream::make_call(place, "BETWEEN", std::move(args));
  } else if (take_word("IN")) {
    TRY(expect_symbol("("));
    std::vector<ExprPtr> args;
    args.push_back(std::move(left));
    do {
      args.push_back(TRY(expression()));
    } while (take_symbol(","));
    TRY(expect_symbol(")"));
    to = stream::make_call(place, "IN", std::move(args));
  } else {
    TRY(expect_word("LIKE"));
    std::vector<ExprPtr> args;
    args.push_back(std::move(left));
    args.push_back(TRY(sum()));
    if (take_word("ESCAPE")) args.push_back(TRY(sum()));
    to = stream::make_call(place, "LIKE", std::move(args));
  }
  return negated ? make_call(place, "NOT", std::move(to)) : std::move(to);
}

Result<ExprPtr> Parser::sum() {
  auto left = TRY(product());
  for (int links = 0; is_symbol("+") || is_symbol("-") || is_symbol("||"); ++links) {
    TRY(check_chain(links));
    const auto op = take();
    left = make_call(op.place, op.text, std::move(left), TRY(product()));
  }
  return left;
}

Result<ExprPtr> Parser::product() {
  auto left = TRY(sign());
  for (int links = 0; is_symbol("*") || is_symbol("/") || is_symbol("%"); ++links) {
    TRY(check_chain(links));
    const auto op = take();
    left = make_call(op.place, op.text, std::move(left), TRY(sign()));
  }
  return left;
}

Result<ExprPtr> Parser::sign() {
  bool minus = false;
  const auto place = peek().place;
  while (is_symbol("-") || is_symbol("+")) minus ^= take().text == "-";
  if (minus && peek().is == Token::Is::integer) {  // so that the least BIGINT can be written
    auto token = take();
    token.text.insert(0, "-");
    return number(token);
  }
  auto to = TRY(postfix());
  return minus ? make_call(place, "NEGATE", std::move(to)) : std::move(to);
}

Result<ExprPtr> Parser::postfix() {
  auto to = TRY(primary());
  for (int links = 0; is_symbol("."); ++links) {
    TRY(check_chain(links));
    const auto place = take().place;
    auto field = TRY(name("a field's name"));
    if (to->is == Expr::Is::column) {
      to->parts.push_back(std::move(field));
    } else {
      to = make_call(place, "FIELD", std::move(to));
      to->parts.push_back(std::move(field));
    }
  }
  return to;
}

Result<ExprPtr> Parser::number(const Token& token) {
  const std::string_view text = token.text;
  if (token.is == Token::Is::dbl) return make_literal(token.place, type_of(Kind::dbl), token.text);
  if (token.is == Token::Is::integer) {
    std::int64_t value = 0;
    const auto done = std::from_chars(text.data(), text.data() + text.size(), value);
    if (done.ec == std::errc{}) {
      const bool small = value >= INT32_MIN && value <= INT32_MAX;
      return make_literal(token.place, type_of(small ? Kind::integer : Kind::bigint), std::to_string(value), value);
    }
  }
  const auto point = text.find('.');
  const int scale = point == std::string_view::npos ? 0 : static_cast<int>(text.size() - point - 1);
  auto digits = std::string(text);
  std::erase(digits, '.');
  std::erase(digits, '-');
  const auto lead = digits.find_first_not_of('0');
  const int precision = std::max({1, scale, lead == std::string::npos ? 1 : static_cast<int>(digits.size() - lead)});
  if (precision > decimal_digits_max) {
    return fail(Code::invalid, "a number may have 38 digits; for more write 1e0 behind it (DOUBLE)",
                token.place.text());
  }
  return make_literal(token.place, decimal_type(precision, scale), token.text);
}

Result<ExprPtr> Parser::primary() {
  const auto& token = peek();
  switch (token.is) {
    case Token::Is::integer:
    case Token::Is::decimal:
    case Token::Is::dbl: return number(take());
    case Token::Is::string: {
      auto text = take();
      return make_literal(text.place, type_of(Kind::string), text.text);
    }
    case Token::Is::symbol:
      if (token.text == "(") {
        take();
        auto to = TRY(expression());
        TRY(expect_symbol(")"));
        return to;
      }
      return expected("an expression");
    case Token::Is::end: return expected("an expression");
    default: break;
  }
  if (token.is == Token::Is::word) {
    const auto place = token.place;
    if (take_word("NULL")) return make_literal(place, type_of(Kind::null), "NULL");
    if (take_word("TRUE")) return make_literal(place, type_of(Kind::boolean), "TRUE", 1);
    if (take_word("FALSE")) return make_literal(place, type_of(Kind::boolean), "FALSE", 0);
    if (is_word("CASE")) return case_expression();
    if (is_word("INTERVAL")) return interval();
    if (is_word("CAST") || is_word("TRY_CAST")) return cast(take().upper == "TRY_CAST");
    if ((is_word("TIMESTAMP") || is_word("DATE")) && peek(1).is == Token::Is::string) {
      const bool date = take().upper == "DATE";
      const auto text = take();
      const auto time = parse_time(text.text);
      if (!time) return fail(Code::invalid, "expected a time like '2026-01-31 23:59:59.123'", text.place.text());
      const auto ms = time->time_since_epoch().count();
      return make_literal(place, type_of(date ? Kind::date : Kind::timestamp), text.text,
                          date ? std::chrono::floor<std::chrono::days>(*time).time_since_epoch().count() : ms);
    }
    for (const auto* word : {"CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "CURRENT_DATE"}) {
      if (is_word(word) && !is_symbol("(", 1)) return stream::make_call(place, take().upper, {});
    }
    if (is_symbol("(", 1)) return call(take());
  }
  if (!is_name()) return expected("an expression or a column's name");
  auto to = std::make_unique<Expr>();
  to->is = Expr::Is::column;
  to->place = token.place;
  to->parts.push_back(take().text);
  return to;
}

Result<ExprPtr> Parser::interval() {
  const auto place = take().place;
  const bool minus = take_symbol("-");
  const auto text_place = peek().place;
  const auto text = TRY(string("the interval's length in quotes"));
  if (peek().is != Token::Is::word) return expected("SECOND, MINUTE, HOUR, DAY, MONTH or YEAR");
  const auto unit = unit_of(peek().upper);
  const bool months = unit == "MONTH" || unit == "YEAR";
  if (!months && unit_ms(unit) == 0) return expected("SECOND, MINUTE, HOUR, DAY, MONTH or YEAR");
  take();
  if (take_symbol("(")) {  // digits of the leading field and of the fraction: taken for granted
    TRY(small_number("digits", 0, 18));
    if (take_symbol(",")) TRY(small_number("digits", 0, 9));
    TRY(expect_symbol(")"));
  }
  bool compound = false;
  if (take_word("TO")) {
    if (peek().is != Token::Is::word || unit_ms(unit_of(peek().upper)) == 0) return expected("HOUR, MINUTE or SECOND");
    take();
    compound = true;
    if (take_symbol("(")) {
      TRY(small_number("digits", 0, 9));
      TRY(expect_symbol(")"));
    }
  }
  double length = 0;
  if (compound && !months) {
    const auto ms = compound_ms(text, unit);
    if (!ms) return fail(Code::invalid, "expected a length like '1 02:03:04'", text_place.text());
    length = *ms;
  } else {
    const auto done = std::from_chars(text.data(), text.data() + text.size(), length);
    if (done.ec != std::errc{} || done.ptr != text.data() + text.size()) {
      return fail(Code::invalid, "expected a number in quotes, as in INTERVAL '5' MINUTE", text_place.text());
    }
    length *= months ? (unit == "YEAR" ? 12.0 : 1.0) : static_cast<double>(unit_ms(unit));
  }
  if (!(std::abs(length) < 1e15)) return fail(Code::invalid, "this interval is too long", text_place.text());
  const auto value = static_cast<std::int64_t>(std::llround(length)) * (minus ? -1 : 1);
  return make_literal(place, type_of(months ? Kind::interval_months : Kind::interval), text, value);
}

Result<ExprPtr> Parser::case_expression() {
  auto to = stream::make_call(take().place, "CASE", {});
  if (!is_word("WHEN")) {
    to->has_operand = true;
    to->args.push_back(TRY(expression()));
  }
  if (!is_word("WHEN")) return expected("WHEN");
  while (take_word("WHEN")) {
    to->args.push_back(TRY(expression()));
    TRY(expect_word("THEN"));
    to->args.push_back(TRY(expression()));
  }
  if (take_word("ELSE"))
    to->args.push_back(TRY(expression()));
  else
    to->args.push_back(make_literal(to->place, type_of(Kind::null), "NULL"));
  if (!take_word("END")) return expected("WHEN, ELSE or END");
  return to;
}

Result<ExprPtr> Parser::cast(bool try_cast) {
  auto to = std::make_unique<Expr>();
  to->is = Expr::Is::cast;
  to->place = peek().place;
  to->try_cast = try_cast;
  TRY(expect_symbol("("));
  to->args.push_back(TRY(expression()));
  TRY(expect_word("AS"));
  to->type = TRY(type());
  TRY(expect_symbol(")"));
  return to;
}

Result<ExprPtr> Parser::call(const Token& function) {
  auto to = stream::make_call(function.place, function.upper, {});
  TRY(expect_symbol("("));
  static constexpr std::string_view special[] = {"EXTRACT", "TRIM", "POSITION", "TIMESTAMPADD", "TIMESTAMPDIFF"};
  if (std::ranges::find(special, to->name) != std::end(special)) {
    TRY(special_arguments(*to));
  } else {
    TRY(arguments(*to));
  }
  TRY(expect_symbol(")"));
  if (is_word("OVER")) return over(std::move(to));
  return to;
}

Result<> Parser::arguments(Expr& to) {
  if (is_symbol(")")) return {};
  if (is_symbol("*") && is_symbol(")", 1)) {
    auto star = std::make_unique<Expr>();
    star->is = Expr::Is::star;
    star->place = take().place;
    to.args.push_back(std::move(star));
    return {};
  }
  to.distinct = take_word("DISTINCT");
  do {
    to.args.push_back(TRY(expression()));
    if (to.name == "SUBSTRING" && (is_word("FROM") || is_word("FOR"))) {
      take();
      to.args.push_back(TRY(expression()));
      if (take_word("FOR")) to.args.push_back(TRY(expression()));
    }
    if ((to.name == "FLOOR" || to.name == "CEIL") && take_word("TO")) {
      if (peek().is != Token::Is::word) return expected("a unit of time");
      to.args.push_back(make_literal(peek().place, type_of(Kind::string), unit_of(peek().upper)));
      take();
    }
    if (to.name == "JSON_VALUE" && !is_symbol(",") && !is_symbol(")")) TRY(json_value(to));
  } while (take_symbol(","));
  return {};
}

// RETURNING type, and NULL ON EMPTY, NULL ON ERROR, which is what happens here anyway.
Result<> Parser::json_value(Expr& to) {
  if (take_word("RETURNING")) to.type = TRY(type());
  while (is_word("NULL")) {
    take();
    TRY(expect_word("ON"));
    if (!take_word("EMPTY") && !take_word("ERROR")) return expected("EMPTY or ERROR");
  }
  return {};
}

// EXTRACT(unit FROM x), TRIM(BOTH c FROM s), POSITION(a IN b), TIMESTAMPADD(unit, n, t)
Result<> Parser::special_arguments(Expr& to) {
  const auto unit = [&]() -> Result<> {
    if (peek().is != Token::Is::word) return expected("a unit of time such as MINUTE");
    to.args.push_back(make_literal(peek().place, type_of(Kind::string), unit_of(peek().upper)));
    take();
    return {};
  };
  if (to.name == "POSITION") {
    to.args.push_back(TRY(sum()));
    TRY(expect_word("IN"));
    to.args.push_back(TRY(expression()));
    return {};
  }
  if (to.name == "EXTRACT") {
    TRY(unit());
    TRY(expect_word("FROM"));
    to.args.push_back(TRY(expression()));
    return {};
  }
  if (to.name == "TRIM") {
    std::string where = "BOTH";
    for (const auto* word : {"BOTH", "LEADING", "TRAILING"}) {
      if (is_word(word)) where = take().upper;
    }
    ExprPtr what;
    if (!is_word("FROM")) what = TRY(expression());
    auto place = peek().place;
    if (take_word("FROM")) {
      to.args.push_back(TRY(expression()));
      if (!what) what = make_literal(place, type_of(Kind::string), " ");
    } else {
      to.args.push_back(std::move(what));
      what = make_literal(place, type_of(Kind::string), " ");
    }
    to.args.push_back(std::move(what));
    to.args.push_back(make_literal(place, type_of(Kind::string), where));
    return {};
  }
  TRY(unit());
  for (int i = 0; i < 2; ++i) {
    TRY(expect_symbol(","));
    to.args.push_back(TRY(expression()));
  }
  return {};
}

Result<ExprPtr> Parser::over(ExprPtr call) {
  const auto place = take().place;
  if (take_symbol("(")) {
    call->over = TRY(window());
    TRY(expect_symbol(")"));
  } else {
    call->over = std::make_unique<Window>();
    call->over->base = TRY(name("'(' or a window's name"));
  }
  call->over->place = place;
  return call;
}

}  // namespace skerry::stream
