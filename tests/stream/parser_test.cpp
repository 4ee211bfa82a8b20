// Lexer, parser, planner and DECIMAL by themselves: places of errors, limits, what 128 bits must get right.
#include <gtest/gtest.h>

#include "stream/lexer.hpp"
#include "stream/parser.hpp"
#include "stream/plan.hpp"
#include "stream/stream.hpp"

namespace skerry::stream {
namespace {

TEST(Lexer, CountsLinesAndColumnsInCharacters) {
  const auto tokens = lex("-- ä\n/* x\n y */ `grün` 'a''b' 1.5e3 <>");
  ASSERT_TRUE(tokens.has_value());
  ASSERT_EQ(tokens->size(), 5U);
  EXPECT_EQ((*tokens)[0].text, "grün");
  EXPECT_EQ((*tokens)[0].place.text(), "line 3, column 7");
  EXPECT_EQ((*tokens)[1].text, "a'b");
  EXPECT_EQ((*tokens)[1].place.text(), "line 3, column 14");
  EXPECT_EQ((*tokens)[2].is, Token::Is::dbl);
  EXPECT_EQ((*tokens)[3].text, "<>");
}

TEST(Parser, RefusesWhatIsTooDeepOrTooLong) {
  const auto deep = std::string(100'000, '(') + "1";
  EXPECT_EQ(check("SELECT " + deep).error().code, Code::invalid);
  std::string chain = "SELECT 1";
  for (int i = 0; i < 50'000; ++i) chain += "+1";
  EXPECT_FALSE(check(chain).has_value());
  std::string nots = "SELECT ";
  for (int i = 0; i < 50'000; ++i) nots += "NOT ";
  EXPECT_FALSE(check(nots + "TRUE").has_value());
  std::string queries = "SELECT 1";
  for (int i = 0; i < 5'000; ++i) queries = "SELECT * FROM (" + queries + ")";
  EXPECT_FALSE(check(queries).has_value());
  std::string windows =
      "CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts); SELECT SUM(a) OVER w FROM t WINDOW w AS (v), v "
      "AS (w)";
  EXPECT_NE(check(windows).error().what.find("circle"), std::string::npos);
  EXPECT_FALSE(check("").has_value());
  EXPECT_FALSE(check(std::string("SELECT '\0'", 10)).has_value());
}

TEST(Planner, SharesAViewThatSeveralStatementsRead) {
  const auto plan = Plan::make(R"(
    CREATE TABLE t (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);
    CREATE TABLE o (s INT);
    CREATE VIEW v AS SELECT SUM(a) OVER (ORDER BY ts) AS s FROM t;
    INSERT INTO o SELECT s FROM v WHERE s > 1;
    INSERT INTO o SELECT s + 1 FROM v;)");
  ASSERT_TRUE(plan.has_value()) << plan.error().text();
  EXPECT_EQ((*plan)->tables().size(), 1U);
  EXPECT_EQ((*plan)->sinks().size(), 2U);
  EXPECT_LE((*plan)->nodes().size(), 11U);
}

TEST(Decimal, MultipliesAndDividesBeyond128Bits) {
  Int128 a = 0;
  Int128 out = 0;
  ASSERT_TRUE(decimal_of_text("12345678901234567890.123456789012345678", 38, 18, a));
  ASSERT_TRUE(decimal_multiply(a, a, 36 - 6, 38, out) == false);  // 1.5e38 and more has no room
  ASSERT_TRUE(decimal_of_text("123456789012345.678901", 38, 6, a));
  ASSERT_TRUE(decimal_multiply(a, a, 6, 38, out));
  std::string text;
  append_decimal(text, out, 6);
  EXPECT_EQ(text, "15241578753238836750437433565.526597");
  ASSERT_TRUE(decimal_divide(power_of_ten(37), 3, 0, 38, out));
  text.clear();
  append_decimal(text, out, 0);
  EXPECT_EQ(text, "3333333333333333333333333333333333333");
  EXPECT_TRUE(rescale(-25, 1, 0, 38, out));
  EXPECT_EQ(static_cast<int>(out), -3);
  EXPECT_FALSE(decimal_of_text("1e39", 38, 0, out));
  EXPECT_TRUE(decimal_of_text("1e-400", 38, 2, out));
  EXPECT_FALSE(decimal_of_text("1.2.3", 38, 2, out));
}

TEST(Double, IsWrittenAsShortAsItReadsBack) {
  const auto text = [](double v) {
    std::string to;
    append_double(to, v);
    return to;
  };
  EXPECT_EQ(text(20), "20");
  EXPECT_EQ(text(-20.5), "-20.5");
  EXPECT_EQ(text(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(text(0.000001), "0.000001");
  EXPECT_EQ(text(123456.789), "123456.789");
  for (double v : {1e-7, 1e300, 5e-324, 1.0 / 3, 99.99999, 1e9 + 0.1, -0.0, 1e15, 123456789012345680.0})
    EXPECT_EQ(std::strtod(text(v).c_str(), nullptr), v) << v;
}

}  // namespace
}  // namespace skerry::stream
