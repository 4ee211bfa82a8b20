// What the event time of a payload is, and that what we write as JSON is JSON.
#include "codec/json.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace skerry::codec {
namespace {

const Wall appended{std::chrono::microseconds{1'700'000'000'123'456}};

EventTime time_of(std::string_view payload) { return event_time(as_bytes(payload), appended); }
EventTime ms(std::int64_t value) { return EventTime{std::chrono::milliseconds{value}}; }

TEST(EventTimeOfPayload, IsTheTopLevelFieldTimestamp) {
  EXPECT_EQ(time_of(R"({"timestamp":"2026-01-31T23:59:59.123Z","t":1})"), ms(1769903999123));
  EXPECT_EQ(time_of(R"({"a":{"timestamp":5},"timestamp":1700000000.5})"), ms(1700000000500));
  EXPECT_EQ(time_of(R"({"timestamp":1700000000500})"), ms(1700000000500));
  EXPECT_EQ(time_of(R"({"timestamp":0})"), ms(0));
  EXPECT_EQ(time_of(R"( { "time\u0073tamp" : "1970-01-01 00:00:01" } )"), ms(1000));
  EXPECT_EQ(time_of(R"({"timestamp":1,"timestamp":2})"), ms(1000));
}

TEST(EventTimeOfPayload, IsTheAppendTimeForAnythingElse) {
  for (const auto* payload :
       {"", "{}", "21.5", "null", "[]", R"(["timestamp"])", R"("timestamp")", R"({"timestamp":null})",
        R"({"timestamp":"yesterday"})", R"({"timestamp":true})", R"({"timestamp":{}})", R"({"timestamp":-1})",
        R"({"timestamp":1)", R"({"timestamp":1}x)", R"({"a":{"timestamp":1}})", "{\"timestamp\":1,\"a\":\"\xff\"}"}) {
    EXPECT_EQ(time_of(payload), ms(1'700'000'000'123)) << payload;
  }
}

TEST(EventTimeOfPayload, TakesLargeAndDeepPayloads) {
  const std::string large = R"({"blob":")" + std::string(200'000, 'x') + R"(","timestamp":7})";
  EXPECT_EQ(time_of(large), ms(7000));
  EXPECT_EQ(time_of(R"({"timestamp":7,"deep":)" + std::string(100'000, '[') + "}"), ms(1'700'000'000'123));
}

TEST(EventTimeOfPayload, SaysWhatIsAhead) {
  EXPECT_FALSE(is_ahead(ms(1'700'000'060'123), appended));
  EXPECT_TRUE(is_ahead(ms(1'700'000'060'124), appended));
}

std::string text_of(std::string_view raw) {
  std::string text;
  append_json_string(text, raw);
  return text;
}
std::string text_of(double number) {
  std::string text;
  append_json_number(text, number);
  return text;
}

TEST(JsonText, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(text_of(std::string_view("a\"\\\n\r\t\x01/é")), R"("a\"\\\n\r\t\u0001/é")");
  EXPECT_EQ(text_of(std::string_view("\xff\xc3\xed\xa0\x80")),
            "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  for (int c = 0; c < 256; ++c) {
    const std::string raw(2, static_cast<char>(c));
    EXPECT_TRUE(is_json(as_bytes(text_of(raw)))) << c;
  }
}

TEST(JsonText, NumbersReadBackAsTheSameDouble) {
  EXPECT_EQ(text_of(21.1), "21.1");
  EXPECT_EQ(text_of(5.0), "5");
  EXPECT_EQ(text_of(std::numeric_limits<double>::quiet_NaN()), "null");
  for (const double number : {0.1 + 0.2, 1e300, -1e-300, 1e21, 123456789.123456789, 5e-324}) {
    EXPECT_EQ(std::strtod(text_of(number).c_str(), nullptr), number);
    EXPECT_TRUE(is_json(as_bytes(text_of(number))));
  }
}

TEST(JsonText, PayloadsStayWhatTheyAre) {
  const auto shown = [](std::string_view payload) {
    std::string text;
    append_json_payload(text, as_bytes(payload));
    return text;
  };
  EXPECT_EQ(shown(R"({"a": 1.50})"), R"({"a": 1.50})");
  EXPECT_EQ(shown("{\n\"a\":1}"), R"({"a":1})");
  EXPECT_EQ(shown("on"), R"("on")");
  EXPECT_EQ(shown(""), R"("")");
}

}  // namespace
}  // namespace skerry::codec
