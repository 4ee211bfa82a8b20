// What the operator reads: one event a line, never two, as text or as JSON.
#include "base/logger.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skerry::logger {
namespace {

std::string told(Format format, Level level, std::string_view event, Fields fields) {
  configure(Level::info, format);
  testing::internal::CaptureStderr();
  write(level, "base", event, fields);
  configure(Level::info, Format::text);
  return testing::internal::GetCapturedStderr();
}

TEST(Logger, TextLine) {
  const auto line = told(Format::text, Level::warn, "a disk is full", {{"path", "data/x y"}, {"free_bytes", 12}});
  EXPECT_NE(line.find(" warn  [base] a disk is full path=\"data/x y\" free_bytes=12\n"), std::string::npos) << line;
}

TEST(Logger, JsonLine) {
  const auto line = told(Format::json, Level::error, "bad topic", {{"topic", "a\"b\nc"}, {"count", 3}});
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["room"], "base");
  EXPECT_EQ(json["event"], "bad topic");
  EXPECT_EQ(json["topic"], "a\"b\nc");
  EXPECT_EQ(json["count"], 3);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(Logger, ValuesCannotForgeLinesOrColours) {
  const auto line = told(Format::text, Level::info, "client\nid", {{"id", "x\n2026 error [log] lies\x1b[31m"}});
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(Logger, BytesThatAreNoUtf8StillMakeJson) {
  const auto line = told(Format::json, Level::info, "odd", {{"id", "\xff\xfe"}});
  EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

TEST(Logger, BelowTheLevelIsSilent) { EXPECT_EQ(told(Format::text, Level::debug, "quiet", {}), ""); }

TEST(Logger, NotANumberIsStillJson) {
  const auto line = told(Format::json, Level::info, "odd", {{"value", 0.0 / 0.0}});
  EXPECT_TRUE(nlohmann::json::accept(line)) << line;
}

}  // namespace
}  // namespace skerry::logger
