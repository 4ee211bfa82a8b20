// Bodies of POST readings: what is taken byte for byte, what is refused and how it is named.
#include "api/readings_in.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skerry::api {
namespace {

TEST(ReadingsIn, KeepsEveryByteOfEachObject) {
  const std::string one =
      "{ \"device_id\" : \"a\",\t\"temperature\": 20.50, \"big\": 1.0e+2, \"s\": \"\\u0041}],[{\\\"\" }";
  const std::string two = "{\"device_id\":\"b\",\"nested\":{\"x\":[1,[2,{}]]},\"n\":null}";
  for (const auto& body : {"[" + one + "," + two + "]", " \n[\n " + one + " ,\r\n" + two + "\n]\n"}) {
    const auto got = parse_readings(body, BodyFormat::json);
    ASSERT_TRUE(got) << got.error().detail;
    ASSERT_EQ(got->size(), 2U);
    EXPECT_EQ((*got)[0].object, one);
    EXPECT_EQ((*got)[1].object, two);
    EXPECT_EQ((*got)[1].device, "b");
  }
  const auto body = one + "\r\n\n" + two;
  const auto lines = parse_readings(body, BodyFormat::ndjson);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_EQ((*lines)[0].object, one);
  EXPECT_EQ((*lines)[1].object, two);
  const auto padded = "  " + one + "\n";
  EXPECT_EQ(parse_readings(padded, BodyFormat::json)->front().object, one);
}

TEST(ReadingsIn, TakesTimesAsDevicesSendThem) {
  for (const auto* time :
       {"0", "1767225600", "1767225600.5", "1767225600000", "\"2026-01-31T23:59:59Z\"", "\"2026-01-31 23:59:59\"",
        "\"1970-01-01T00:00:00Z\"", "\"2126-01-31T23:59:59+02:00\"", "null"}) {
    EXPECT_TRUE(parse_readings(std::string(R"({"device_id":"a","timestamp":)") + time + "}", BodyFormat::json)) << time;
  }
}

struct Bad {
  const char* name;
  std::string body;
  std::size_t index;
  std::string field;
  BodyFormat format = BodyFormat::json;
};

class Refused : public testing::TestWithParam<Bad> {};

TEST_P(Refused, NamingThePlace) {
  const auto got = parse_readings(GetParam().body, GetParam().format);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().index, GetParam().index) << got.error().detail;
  EXPECT_EQ(got.error().field, GetParam().field) << got.error().detail;
  EXPECT_FALSE(got.error().detail.empty());
}

const std::string good = R"({"device_id":"a","x":1})";

std::string nested(int depth) {
  return R"({"device_id":"a","x":)" + std::string(static_cast<std::size_t>(depth), '[') +
         std::string(static_cast<std::size_t>(depth), ']') + "}";
}

std::string many(int count) {
  std::string body = "[" + good;
  for (int i = 1; i < count; ++i) body += "," + good;
  return body + "]";
}

INSTANTIATE_TEST_SUITE_P(
    Bodies, Refused,
    testing::Values(
        Bad{"empty", "", 0, ""}, Bad{"blank", " \n\t", 0, ""}, Bad{"empty_array", "[]", 0, ""},
        Bad{"no_json", "hello", 0, ""}, Bad{"number", "1", 0, ""}, Bad{"text", "\"a\"", 0, ""},
        Bad{"cut_off", R"({"device_id":"a")", 0, ""}, Bad{"nan", R"({"device_id":"a","x":NaN})", 0, ""},
        Bad{"infinity", R"({"device_id":"a","x":-Infinity})", 0, ""},
        Bad{"number_too_big", R"({"device_id":"a","x":1e999})", 0, ""},
        Bad{"single_quotes", "{'device_id':'a'}", 0, ""}, Bad{"trailing_comma", R"({"device_id":"a",})", 0, ""},
        Bad{"comment", R"({"device_id":"a"}//x)", 0, ""}, Bad{"two_objects", good + good, 0, ""},
        Bad{"not_utf8", "{\"device_id\":\"a\",\"x\":\"\xff\"}", 0, ""},
        Bad{"nul", std::string("{\"device_id\":\"a\0\"}", 18), 0, ""},
        Bad{"lone_surrogate", R"({"device_id":"a\ud800"})", 0, ""}, Bad{"array_of_numbers", "[1]", 0, ""},
        Bad{"second_is_null", "[" + good + ",null]", 1, ""},
        Bad{"second_is_array", "[" + good + ",[" + good + "]]", 1, ""}, Bad{"no_device", R"({"x":1})", 0, "device_id"},
        Bad{"device_null", R"({"device_id":null})", 0, "device_id"},
        Bad{"device_number", R"({"device_id":5})", 0, "device_id"},
        Bad{"device_empty", R"({"device_id":""})", 0, "device_id"},
        Bad{"device_slash", R"({"device_id":"a/b"})", 0, "device_id"},
        Bad{"device_wildcard", R"({"device_id":"+"})", 0, "device_id"},
        Bad{"device_control", R"({"device_id":"a\u0000"})", 0, "device_id"},
        Bad{"device_long", R"({"device_id":")" + std::string(129, 'x') + "\"}", 0, "device_id"},
        Bad{"third_bad", "[" + good + "," + good + R"(,{"device_id":"a","timestamp":"soon"}])", 2, "timestamp"},
        Bad{"time_bool", R"({"device_id":"a","timestamp":true})", 0, "timestamp"},
        Bad{"time_object", R"({"device_id":"a","timestamp":{}})", 0, "timestamp"},
        Bad{"time_month_13", R"({"device_id":"a","timestamp":"2026-13-01T00:00:00Z"})", 0, "timestamp"},
        Bad{"time_huge", R"({"device_id":"a","timestamp":1e300})", 0, "timestamp"},
        Bad{"device_twice", R"({"device_id":"a","device_id":"b"})", 0, "device_id"},
        Bad{"key_twice", R"({"device_id":"a","temperature":1,"temperature":2})", 0, "temperature"},
        Bad{"key_twice_escaped", R"({"device_id":"a","x":1,"\u0078":2})", 0, "x"}, Bad{"deep", nested(100), 0, ""},
        Bad{"very_deep", nested(400'000), 0, ""}, Bad{"too_many", many(10'001), 10'000, ""},
        Bad{"line_two", good + "\n{\n", 1, "", BodyFormat::ndjson},
        Bad{"lines_array", "[" + good + "]", 0, "", BodyFormat::ndjson},
        Bad{"lines_blank", "\n\n", 0, "", BodyFormat::ndjson}),
    [](const testing::TestParamInfo<Bad>& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skerry::api
