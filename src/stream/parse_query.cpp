// Queries: SELECT, FROM, WHERE, GROUP BY, windows, UNION ALL, VALUES.
#include <algorithm>

#include "stream/limits.hpp"
#include "stream/parser.hpp"

namespace skerry::stream {

using namespace ast;

Result<QueryPtr> Parser::query() {
  if (++depth_ > nesting_max) return expected("less than " + std::to_string(nesting_max) + " levels of nesting");
  auto to = std::make_unique<Query>();
  TRY(query_part(*to));
  while (is_word("UNION")) {
    take();
    if (!take_word("ALL")) return expected("ALL (UNION without ALL would have to remember every row)");
    TRY(query_part(*to));
  }
  for (const auto* word : {"JOIN", "LEFT", "INNER", "CROSS", "LIMIT", "ORDER", "EXCEPT", "INTERSECT"}) {
    if (is_word(word)) {
      return fail(Code::unsupported, std::string(word) + " is not supported by this engine", peek().place.text());
    }
  }
  --depth_;
  return to;
}

Result<> Parser::query_part(Query& to) {
  if (is_symbol("(")) {
    take();
    auto inner = TRY(query());
    TRY(expect_symbol(")"));
    for (auto& part : inner->parts) to.parts.push_back(std::move(part));
    return {};
  }
  if (is_word("VALUES")) {
    to.parts.push_back(TRY(values()));
    return {};
  }
  to.parts.push_back(TRY(select()));
  return {};
}

Result<Select> Parser::values() {
  Select to;
  to.place = take().place;
  do {
    std::vector<ExprPtr> row;
    const bool brackets = take_symbol("(");
    do {
      row.push_back(TRY(expression()));
    } while (brackets && take_symbol(","));
    if (brackets) TRY(expect_symbol(")"));
    to.values.push_back(std::move(row));
  } while (take_symbol(","));
  return to;
}

Result<Select> Parser::select() {
  Select to;
  to.place = peek().place;
  TRY(expect_word("SELECT"));
  if (is_word("DISTINCT")) {
    return fail(Code::unsupported, "SELECT DISTINCT is not supported by this engine", peek().place.text());
  }
  take_word("ALL");
  do {
    Item item;
    if (is_symbol("*") || ((peek().is == Token::Is::quoted || is_name()) && is_symbol(".", 1) && is_symbol("*", 2))) {
      item.expr = std::make_unique<Expr>();
      item.expr->is = Expr::Is::star;
      item.expr->place = peek().place;
      if (!is_symbol("*")) {
        item.expr->parts.push_back(take().text);
        take();
      }
      take();
    } else {
      item.expr = TRY(expression());
      if (take_word("AS"))
        item.alias = TRY(name("a name after AS"));
      else if (is_name())
        item.alias = take().text;
    }
    to.items.push_back(std::move(item));
    if (to.items.size() > columns_max) return expected("at most " + std::to_string(columns_max) + " columns");
  } while (take_symbol(","));
  if (take_word("FROM")) {
    to.from = TRY(from());
  } else if (peek().is == Token::Is::word && !is_word("UNION") && !is_word("END")) {
    auto error = expected("',' or FROM");
    // `SELECT a FORM t` reads as an alias FORM.
    if (!nearest(peek().upper, {"FROM"}).empty() || !nearest(tokens_[at_ - 1].upper, {"FROM"}).empty()) {
      error.error().what += "; did you mean FROM?";
    }
    return error;
  }
  if (is_symbol(",")) return fail(Code::unsupported, "joins are not supported by this engine", peek().place.text());
  if (take_word("WHERE")) to.where = TRY(expression());
  if (take_word("GROUP")) {
    TRY(expect_word("BY"));
    do {
      to.group_by.push_back(TRY(expression()));
    } while (take_symbol(","));
  }
  if (take_word("HAVING")) to.having = TRY(expression());
  if (take_word("WINDOW")) {
    do {
      auto window_name = TRY(name("the window's name"));
      TRY(expect_word("AS"));
      TRY(expect_symbol("("));
      to.windows.emplace_back(std::move(window_name), TRY(window()));
      TRY(expect_symbol(")"));
    } while (take_symbol(","));
  }
  return to;
}

Result<From> Parser::from() {
  From to;
  to.place = peek().place;
  if (take_symbol("(")) {
    to.query = TRY(query());
    TRY(expect_symbol(")"));
  } else if (is_word("TABLE") && is_symbol("(", 1)) {
    take(), take();
    TRY(window_table(to));
    TRY(expect_symbol(")"));
  } else {
    to.table = TRY(qualified_name("a table's or view's name, or a subquery in brackets"));
  }
  if (take_word("AS"))
    to.alias = TRY(name("a name after AS"));
  else if (is_name())
    to.alias = take().text;
  return to;
}

// TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE))
Result<> Parser::window_table(From& to) {
  WindowTable window;
  if (!is_word("TUMBLE") && !is_word("HOP") && !is_word("CUMULATE")) return expected("TUMBLE, HOP or CUMULATE");
  window.function = take().upper;
  TRY(expect_symbol("("));
  TRY(expect_word("TABLE"));
  to.table = TRY(qualified_name("a table's or view's name"));
  TRY(expect_symbol(","));
  TRY(expect_word("DESCRIPTOR"));
  TRY(expect_symbol("("));
  window.time_column = TRY(name("the event time column's name"));
  TRY(expect_symbol(")"));
  while (take_symbol(",")) window.intervals.push_back(TRY(expression()));
  TRY(expect_symbol(")"));
  to.window = std::move(window);
  return {};
}

// What stands between the brackets of OVER (...) or WINDOW w AS (...).
Result<std::unique_ptr<Window>> Parser::window() {
  auto to = std::make_unique<Window>();
  to->place = peek().place;
  if (is_name()) to->base = take().text;
  if (take_word("PARTITION")) {
    TRY(expect_word("BY"));
    do {
      to->partition.push_back(TRY(expression()));
    } while (take_symbol(","));
  }
  if (take_word("ORDER")) {
    TRY(expect_word("BY"));
    to->order = TRY(expression());
    take_word("ASC");
    if (is_word("DESC")) {
      return fail(Code::unsupported, "an OVER window is ordered by event time, ascending", peek().place.text());
    }
  }
  if (is_word("RANGE") || is_word("ROWS")) TRY(frame(to->frame));
  return to;
}

Result<> Parser::frame(Frame& to) {
  to.given = true;
  to.rows = take().upper == "ROWS";
  const bool between = take_word("BETWEEN");
  if (take_word("UNBOUNDED")) {
    TRY(expect_word("PRECEDING"));
  } else if (is_word("CURRENT")) {
    take();
    TRY(expect_word("ROW"));
    to.current_row_only = true;
  } else {
    to.preceding = TRY(sum());
    TRY(expect_word("PRECEDING"));
  }
  if (!between) return {};
  TRY(expect_word("AND"));
  if (!is_word("CURRENT")) return expected("CURRENT ROW (a stream's window ends at the row itself)");
  take();
  return expect_word("ROW");
}

}  // namespace skerry::stream
