// SQL text into tokens (SQL:2016 with Flink's backticks), with line and column counted in characters.
#include "stream/lexer.hpp"

#include <algorithm>
#include <cctype>

#include "record/record.hpp"
#include "stream/limits.hpp"

namespace skerry::stream {
namespace {

bool is_word_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80); }
bool is_word(char c) { return is_word_start(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view sql) : sql_(sql) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      TRY(skip());
      Token token;
      token.place = place_;
      if (at_ == sql_.size()) {
        tokens.push_back(std::move(token));
        return tokens;
      }
      TRY(one(token));
      tokens.push_back(std::move(token));
    }
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
  void step() {
    const char c = sql_[at_++];
    if (c == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((c & 0xc0) != 0x80) {
      ++place_.column;
    }
  }

  Result<> skip() {
    while (at_ < sql_.size()) {
      const char c = peek();
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        step();
      } else if (c == '-' && peek(1) == '-') {
        while (at_ < sql_.size() && peek() != '\n') step();
      } else if (c == '/' && peek(1) == '*') {
        const auto from = place_;
        step(), step();
        while (at_ < sql_.size() && !(peek() == '*' && peek(1) == '/')) step();
        if (at_ == sql_.size()) return fail(Code::invalid, "this comment has no end: expected */", from.text());
        step(), step();
      } else {
        break;
      }
    }
    return {};
  }

  Result<> one(Token& token) {
    const char c = peek();
    if (c == '`' || c == '\'') return quoted(token, c);
    if (is_word_start(c)) {
      token.is = Token::Is::word;
      while (at_ < sql_.size() && is_word(peek())) token.text += peek(), step();
      token.upper = to_upper(token.text);
      return {};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number(token);
    token.is = Token::Is::symbol;
    static constexpr std::string_view twos[] = {"<>", "<=", ">=", "!=", "||", "=>"};
    for (const auto two : twos) {
      if (sql_.substr(at_).starts_with(two)) {
        token.text = two;
        step(), step();
        return {};
      }
    }
    static constexpr std::string_view ones = "()[],.;+-*/%<>=";
    if (ones.find(c) == std::string_view::npos) {
      const std::string what = c == '"' ? "a name is quoted with backticks and a text with single quotes, not with \""
                                        : "SQL has no character like this here";
      return fail(Code::invalid, what, place_.text());
    }
    token.text = c;
    step();
    return {};
  }

  Result<> quoted(Token& token, char quote) {
    token.is = quote == '`' ? Token::Is::quoted : Token::Is::string;
    step();
    while (true) {
      if (at_ == sql_.size()) {
        return fail(Code::invalid, std::string("expected a closing ") + quote, token.place.text());
      }
      const char c = peek();
      if (c == quote) {
        step();
        if (peek() != quote) return {};
      }
      token.text += c;
      step();
    }
  }

  Result<> number(Token& token) {
    token.is = Token::Is::integer;
    const auto digits = [&] {
      while (is_digit(peek())) token.text += peek(), step();
    };
    digits();
    if (peek() == '.') {
      token.is = Token::Is::decimal;
      token.text += '.', step();
      digits();
    }
    if ((peek() == 'e' || peek() == 'E') &&
        (is_digit(peek(1)) || ((peek(1) == '+' || peek(1) == '-') && is_digit(peek(2))))) {
      token.is = Token::Is::dbl;
      token.text += 'e', step();
      if (!is_digit(peek())) token.text += peek(), step();
      digits();
    }
    if (is_word_start(peek())) return fail(Code::invalid, "expected a number, found a letter in it", place_.text());
    return {};
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  ast::Place place_;
};

}  // namespace

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (auto& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

Result<std::vector<Token>> lex(std::string_view sql) {
  if (sql.size() > sql_bytes_max) {
    return fail(Code::full, "the text has " + std::to_string(sql.size()) + " bytes; a pipeline may have " +
                                std::to_string(sql_bytes_max));
  }
  if (sql.find('\0') != std::string_view::npos || !record::is_utf8(sql)) {
    return fail(Code::invalid, "the text is not UTF-8");
  }
  return Lexer(sql).run();
}

std::string shown(const Token& token) {
  switch (token.is) {
    case Token::Is::end: return "the end of the text";
    case Token::Is::string: return "'" + token.text + "'";
    case Token::Is::quoted: return "`" + token.text + "`";
    default: return "'" + token.text + "'";
  }
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  const auto sought = to_upper(word);
  std::string best;
  std::size_t best_distance = sought.size() < 3 ? 2 : 3;  // strictly less
  for (const auto& name : names) {
    const auto other = to_upper(name);
    if (other.size() > 128 || sought.size() > 128) continue;
    std::vector<std::size_t> row(other.size() + 1);
    for (std::size_t j = 0; j <= other.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= sought.size(); ++i) {
      auto diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= other.size(); ++j) {
        const auto change = diagonal + (sought[i - 1] != other[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = name;
    }
  }
  return best;
}

}  // namespace skerry::stream
