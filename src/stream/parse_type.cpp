// Types as CREATE TABLE and CAST write them.
#include "stream/limits.hpp"
#include "stream/parser.hpp"

namespace skerry::stream {

Result<Type> Parser::type() {
  if (peek().is != Token::Is::word) return expected("a type");
  const auto name = peek().upper;
  if (name == "ROW") return row_type();
  Type to;
  if (name == "BOOLEAN")
    to = type_of(Kind::boolean);
  else if (name == "TINYINT")
    to = type_of(Kind::tinyint);
  else if (name == "SMALLINT")
    to = type_of(Kind::smallint);
  else if (name == "INT" || name == "INTEGER")
    to = type_of(Kind::integer);
  else if (name == "BIGINT")
    to = type_of(Kind::bigint);
  else if (name == "FLOAT")
    to = type_of(Kind::real);
  else if (name == "DOUBLE")
    to = type_of(Kind::dbl);
  else if (name == "STRING" || name == "VARCHAR" || name == "CHAR")
    to = type_of(Kind::string);
  else if (name == "DATE")
    to = type_of(Kind::date);
  else if (name == "DECIMAL" || name == "DEC" || name == "NUMERIC")
    to = decimal_type(10, 0);
  else if (name == "TIMESTAMP" || name == "TIMESTAMP_LTZ") {
    to = type_of(name == "TIMESTAMP" ? Kind::timestamp : Kind::timestamp_ltz);
    to.precision = 6;
  } else {
    const auto near = nearest(name, {"BOOLEAN", "INT", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "VARCHAR", "TIMESTAMP",
                                     "TIMESTAMP_LTZ", "FLOAT", "SMALLINT", "TINYINT", "DATE", "ROW"});
    auto error = expected("a type");
    if (!near.empty()) error.error().what += "; did you mean " + near + "?";
    return error;
  }
  take();
  if (to.kind == Kind::dbl) take_word("PRECISION");
  if (is_symbol("(")) {
    take();
    if (to.kind == Kind::decimal) {
      to.precision = TRY(small_number("digits", 1, decimal_digits_max));
      if (take_symbol(",")) to.scale = TRY(small_number("decimals", 0, to.precision));
    } else if (to.kind == Kind::timestamp || to.kind == Kind::timestamp_ltz) {
      to.precision = TRY(small_number("digits of seconds", 0, 9));
    } else if (to.kind == Kind::string) {
      TRY(small_number("a length", 1, 2147483647));
    } else {
      return expected("no length for this type");
    }
    TRY(expect_symbol(")"));
  }
  if (to.kind == Kind::timestamp && is_word("WITH") && is_word("LOCAL", 1)) {
    take(), take();
    TRY(expect_word("TIME"));
    TRY(expect_word("ZONE"));
    to.kind = Kind::timestamp_ltz;
  }
  return to;
}

// ROW<a INT, b STRING> or ROW(a INT, b STRING)
Result<Type> Parser::row_type() {
  if (++depth_ > nesting_max) return expected("less nesting");
  take();
  Type to = type_of(Kind::row);
  const bool angle = is_symbol("<");
  if (!angle && !is_symbol("(")) return expected("'<'");
  take();
  do {
    Field field;
    field.name = TRY(name("a field's name"));
    field.type = TRY(type());
    if (take_word("NOT")) TRY(expect_word("NULL"));
    to.fields.push_back(std::move(field));
    if (to.fields.size() > columns_max) return expected("fewer fields");
  } while (take_symbol(","));
  --depth_;
  if (angle && is_symbol(">=")) return expected("'>'");
  TRY(expect_symbol(angle ? ">" : ")"));
  return to;
}

}  // namespace skerry::stream
