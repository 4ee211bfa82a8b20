// Lexer: SQL text into tokens, each with its place; comments and spaces fall away.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "stream/ast.hpp"

namespace skerry::stream {

struct Token {
  enum class Is : std::uint8_t { word, quoted, string, integer, decimal, dbl, symbol, end };
  Is is = Is::end;
  std::string text;   // word: as written; quoted, string: without quotes; symbol: itself
  std::string upper;  // word: in capitals
  ast::Place place;
};

Result<std::vector<Token>> lex(std::string_view sql);
// As an error message shows it.
std::string shown(const Token& token);
// The one of `names` closest to `word`, or empty when none is close: for "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& names);
std::string to_upper(std::string_view text);

}  // namespace skerry::stream
