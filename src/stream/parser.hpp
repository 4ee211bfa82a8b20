// Parser: tokens into statements. An error names line, column, what was expected and what stands there instead.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/result.hpp"
#include "stream/ast.hpp"
#include "stream/lexer.hpp"

namespace skerry::stream {

Result<ast::Script> parse(std::string_view sql);

// Recursive descent; the parts stand in parser.cpp (statements), parse_query.cpp, parse_expression.cpp and
// parse_type.cpp.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Result<ast::Script> script();

 private:
  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool is_word(std::string_view upper, std::size_t ahead = 0) const {
    return peek(ahead).is == Token::Is::word && peek(ahead).upper == upper;
  }
  bool is_symbol(std::string_view symbol, std::size_t ahead = 0) const {
    return peek(ahead).is == Token::Is::symbol && peek(ahead).text == symbol;
  }
  bool take_word(std::string_view upper) { return is_word(upper) && (take(), true); }
  bool take_symbol(std::string_view symbol) { return is_symbol(symbol) && (take(), true); }
  bool is_name() const;
  std::unexpected<Error> expected(std::string_view what) const;
  Result<> expect_word(std::string_view upper);
  Result<> expect_symbol(std::string_view symbol);
  Result<std::string> name(std::string_view what);
  Result<std::string> qualified_name(std::string_view what);
  Result<std::string> string(std::string_view what);
  Result<int> small_number(std::string_view what, int least, int most);

  Result<> statement(ast::Script& to);
  Result<> create(ast::Script& to);
  Result<> create_table(ast::Statement& to);
  Result<> table_element(ast::Table& to);
  Result<> options(ast::Table& to);
  Result<> insert(ast::Script& to);
  Result<> set(ast::Script& to);

  Result<ast::QueryPtr> query();
  Result<> query_part(ast::Query& to);
  Result<ast::Select> select();
  Result<ast::Select> values();
  Result<ast::From> from();
  Result<> window_table(ast::From& to);
  Result<std::unique_ptr<ast::Window>> window();
  Result<> frame(ast::Frame& to);

  Result<> check_chain(int links) const;
  Result<ast::ExprPtr> expression();
  Result<ast::ExprPtr> disjunction();
  Result<ast::ExprPtr> conjunction();
  Result<ast::ExprPtr> negation();
  Result<ast::ExprPtr> comparison();
  Result<ast::ExprPtr> predicate(ast::ExprPtr left);
  Result<ast::ExprPtr> sum();
  Result<ast::ExprPtr> product();
  Result<ast::ExprPtr> sign();
  Result<ast::ExprPtr> postfix();
  Result<ast::ExprPtr> primary();
  Result<ast::ExprPtr> number(const Token& token);
  Result<ast::ExprPtr> interval();
  Result<ast::ExprPtr> case_expression();
  Result<ast::ExprPtr> cast(bool try_cast);
  Result<ast::ExprPtr> call(const Token& function);
  Result<> special_arguments(ast::Expr& to);
  Result<> json_value(ast::Expr& to);
  Result<> arguments(ast::Expr& to);
  Result<ast::ExprPtr> over(ast::ExprPtr call);
  Result<Type> type();
  Result<Type> row_type();

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

bool is_reserved(std::string_view upper);
ast::ExprPtr make_call(ast::Place place, std::string name, std::vector<ast::ExprPtr> args);

}  // namespace skerry::stream
