// Statements: CREATE TABLE, CREATE VIEW, INSERT INTO, EXECUTE STATEMENT SET, SET, and a query by itself.
#include "stream/parser.hpp"

#include <algorithm>
#include <charconv>

#include "stream/limits.hpp"

namespace skerry::stream {

using namespace ast;

// The words Flink (Calcite) reserves that people are likely to use as names: they need backticks there, so here too.
bool is_reserved(std::string_view upper) {
  static constexpr std::string_view all =
      " ALL AND ANY AS BEGIN BETWEEN BIGINT BOOLEAN BOTH BY CASE CAST CHAR COLUMN COUNT CREATE CROSS CUBE "
      "CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATE DAY DECIMAL DEFAULT DELETE DESCRIBE "
      "DISTINCT DOUBLE DROP ELSE END EXCEPT EXECUTE EXISTS EXTRACT FALSE FLOAT FOR FROM FULL FUNCTION "
      "GROUP HAVING HOUR IN INNER INSERT INT INTEGER INTERSECT INTERVAL INTO IS JOIN LANGUAGE LEADING LEFT "
      "LIKE LIMIT LOCALTIME LOCALTIMESTAMP MATCH METHOD MINUTE MONTH NATURAL NOT NULL OF OFFSET ON OR "
      "ORDER OUTER OVER PARTITION POSITION PRIMARY RANGE RANK RESULT RIGHT ROW ROWS SECOND SELECT SET "
      "SMALLINT START STRING SUM SYSTEM TABLE THEN TIME TIMESTAMP TO TRAILING TRUE UNION UPDATE USER USING "
      "VALUE VALUES VARCHAR VIEW WHEN WHERE WINDOW WITH YEAR ";
  if (upper.empty()) return false;
  for (auto at = all.find(upper); at != std::string_view::npos; at = all.find(upper, at + 1)) {
    if (all[at - 1] == ' ' && all[at + upper.size()] == ' ') return true;
  }
  return false;
}

bool Parser::is_name() const {
  return peek().is == Token::Is::quoted || (peek().is == Token::Is::word && !is_reserved(peek().upper));
}

std::unexpected<Error> Parser::expected(std::string_view what) const {
  std::string text = "expected " + std::string(what) + ", found " + shown(peek());
  if (peek().is == Token::Is::word && is_reserved(peek().upper) && what.find("name") != std::string_view::npos) {
    text += " (a reserved word: as a name write `" + peek().text + "`)";
  }
  return fail(Code::invalid, std::move(text), peek().place.text());
}

Result<> Parser::expect_word(std::string_view upper) {
  if (!take_word(upper)) return expected(upper);
  return {};
}

Result<> Parser::expect_symbol(std::string_view symbol) {
  if (!take_symbol(symbol)) return expected("'" + std::string(symbol) + "'");
  return {};
}

Result<std::string> Parser::name(std::string_view what) {
  if (!is_name()) return expected(what);
  return take().text;
}

// catalog.database.table: only the last part names anything here.
Result<std::string> Parser::qualified_name(std::string_view what) {
  auto last = TRY(name(what));
  while (is_symbol(".")) {
    take();
    last = TRY(name(what));
  }
  return last;
}

Result<std::string> Parser::string(std::string_view what) {
  if (peek().is != Token::Is::string) return expected(what);
  return take().text;
}

Result<int> Parser::small_number(std::string_view what, int least, int most) {
  const std::string wanted = std::string(what) + " from " + std::to_string(least) + " to " + std::to_string(most);
  if (peek().is != Token::Is::integer) return expected(wanted);
  int value = -1;
  const auto& text = peek().text;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc{} || value < least || value > most) return expected(wanted);
  take();
  return value;
}

Result<Script> Parser::script() {
  Script to;
  while (true) {
    while (take_symbol(";")) {
    }
    if (peek().is == Token::Is::end) break;
    TRY(statement(to));
    if (peek().is != Token::Is::end && !is_symbol(";")) return expected("';' or the end of the statement");
  }
  return to;
}

Result<> Parser::statement(Script& to) {
  if (is_word("CREATE")) return create(to);
  if (is_word("INSERT")) return insert(to);
  if (is_word("SET")) return set(to);
  if (is_word("EXECUTE")) {
    take();
    TRY(expect_word("STATEMENT"));
    TRY(expect_word("SET"));
    TRY(expect_word("BEGIN"));
    while (!is_word("END")) {
      if (!is_word("INSERT")) return expected("INSERT INTO or END");
      TRY(insert(to));
      TRY(expect_symbol(";"));
    }
    take();
    return {};
  }
  if (is_word("SELECT") || is_word("VALUES") || is_symbol("(")) {
    Statement one;
    one.place = peek().place;
    one.query = TRY(query());
    to.push_back(std::move(one));
    return {};
  }
  const auto near = peek().is == Token::Is::word
                        ? nearest(peek().upper, {"CREATE", "INSERT", "SELECT", "EXECUTE", "SET", "VALUES"})
                        : std::string{};
  auto error = expected("CREATE, INSERT INTO, SELECT, EXECUTE STATEMENT SET or SET");
  if (!near.empty()) error.error().what += "; did you mean " + near + "?";
  return error;
}

Result<> Parser::create(Script& to) {
  Statement one;
  one.place = take().place;
  take_word("TEMPORARY");
  if (take_word("TABLE")) {
    one.is = Statement::Is::table;
    TRY(create_table(one));
  } else if (take_word("VIEW")) {
    one.is = Statement::Is::view;
    if (take_word("IF")) {
      TRY(expect_word("NOT"));
      TRY(expect_word("EXISTS"));
      one.if_not_exists = true;
    }
    one.name = TRY(qualified_name("the view's name"));
    if (take_symbol("(")) {
      do {
        one.columns.push_back(TRY(name("a column's name")));
      } while (take_symbol(","));
      TRY(expect_symbol(")"));
    }
    if (take_word("COMMENT")) TRY(string("a comment in quotes"));
    TRY(expect_word("AS"));
    one.query = TRY(query());
  } else {
    return expected("TABLE, VIEW or TEMPORARY VIEW");
  }
  to.push_back(std::move(one));
  return {};
}

Result<> Parser::create_table(Statement& to) {
  if (take_word("IF")) {
    TRY(expect_word("NOT"));
    TRY(expect_word("EXISTS"));
    to.if_not_exists = true;
  }
  auto& table = to.table;
  table.place = peek().place;
  table.name = TRY(qualified_name("the table's name"));
  TRY(expect_symbol("("));
  do {
    TRY(table_element(table));
    if (table.columns.size() > columns_max) return expected("at most " + std::to_string(columns_max) + " columns");
  } while (take_symbol(","));
  if (!take_symbol(")")) return expected("',' or ')'");
  if (take_word("COMMENT")) TRY(string("a comment in quotes"));
  if (take_word("PARTITIONED")) {
    TRY(expect_word("BY"));
    TRY(expect_symbol("("));
    do {
      TRY(name("a column's name"));
    } while (take_symbol(","));
    TRY(expect_symbol(")"));
  }
  if (take_word("WITH")) TRY(options(table));
  return {};
}

Result<> Parser::table_element(Table& to) {
  if (is_word("WATERMARK")) {
    Watermark mark;
    mark.place = take().place;
    TRY(expect_word("FOR"));
    mark.column = TRY(qualified_name("the event time column's name"));
    TRY(expect_word("AS"));
    mark.expr = TRY(expression());
    to.watermark = std::move(mark);
    return {};
  }
  if (is_word("PRIMARY") || is_word("CONSTRAINT")) {
    if (take_word("CONSTRAINT")) TRY(name("the constraint's name"));
    TRY(expect_word("PRIMARY"));
    TRY(expect_word("KEY"));
    TRY(expect_symbol("("));
    do {
      TRY(name("a column's name"));
    } while (take_symbol(","));
    TRY(expect_symbol(")"));
    TRY(expect_word("NOT"));
    TRY(expect_word("ENFORCED"));
    return {};
  }
  Column column;
  column.place = peek().place;
  column.name = TRY(name("a column's name, WATERMARK FOR or PRIMARY KEY"));
  if (take_word("AS")) {
    column.computed = TRY(expression());
  } else {
    column.type = TRY(type());
    if (take_word("METADATA")) {
      column.metadata = column.name;
      if (take_word("FROM")) column.metadata = TRY(string("the metadata key in quotes"));
      take_word("VIRTUAL");
    }
    if (take_word("NOT")) TRY(expect_word("NULL"));
  }
  if (take_word("COMMENT")) TRY(string("a comment in quotes"));
  to.columns.push_back(std::move(column));
  return {};
}

Result<> Parser::options(Table& to) {
  TRY(expect_symbol("("));
  do {
    auto key = TRY(string("an option's name in quotes"));
    TRY(expect_symbol("="));
    to.options[std::move(key)] = TRY(string("the option's value in quotes"));
  } while (take_symbol(","));
  return expect_symbol(")");
}

Result<> Parser::insert(Script& to) {
  Statement one;
  one.is = Statement::Is::insert;
  one.place = take().place;
  TRY(expect_word("INTO"));
  one.name = TRY(qualified_name("the table's name"));
  if (is_symbol("(") && !is_word("SELECT", 1)) {
    take();
    do {
      one.columns.push_back(TRY(name("a column's name")));
    } while (take_symbol(","));
    TRY(expect_symbol(")"));
  }
  one.query = TRY(query());
  to.push_back(std::move(one));
  return {};
}

Result<> Parser::set(Script& to) {
  Statement one;
  one.is = Statement::Is::set;
  one.place = take().place;
  one.name = TRY(string("a setting's name in quotes"));
  TRY(expect_symbol("="));
  one.value = TRY(string("the setting's value in quotes"));
  to.push_back(std::move(one));
  return {};
}

Result<Script> parse(std::string_view sql) { return Parser(TRY(lex(sql))).script(); }

}  // namespace skerry::stream
