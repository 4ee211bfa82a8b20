// Messages in every format: what JSON says comes back, `auto` loses nothing, hostile bytes get an answer.
#include <gtest/gtest.h>

#include "codec/formats.hpp"
#include "codec/limits.hpp"
#include "sim/world.hpp"

namespace skerry::codec {
namespace {

using enum MessageFormat;

std::string back(std::string_view json, MessageFormat format) {
  const auto bytes = from_json(json, format);
  if (!bytes) return "not written: " + bytes.error().text();
  const auto text = to_json(*bytes, format, 1 * MiB);
  return text ? *text : "not read: " + text.error().text();
}

Buffer hex(std::string_view digits) {
  Buffer bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  return bytes;
}

std::string read(std::string_view digits, MessageFormat format) {
  const auto text = to_json(hex(digits), format, 1000);
  return text ? *text : text.error().text();
}

TEST(Formats, JsonComesBack) {
  for (const std::string_view json :
       {R"({"device_id":"m1","timestamp":1700000000000,"temperature":21.5,"ok":true,"none":null})",
        R"([0,127,128,255,256,65535,65536,4294967295,4294967296,18446744073709551615])",
        R"([-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9223372036854775808])",
        R"([0.1,1.5,-2.25,1e+300,3.4e+38])", R"({"a":{"b":[[],{}]}})", R"("text \" and \\ ü")",
        R"({"":"","long":"0123456789012345678901234567890123456789"})"}) {
    for (const auto format : {MessageFormat::json, msgpack, cbor}) EXPECT_EQ(back(json, format), json);
  }
  const std::string long_text = "\"" + std::string(70'000, 'x') + "\"";
  std::string many = "[0";
  for (int i = 0; i < 70'000; ++i) many += ",1";
  many += "]";
  for (const auto format : {msgpack, cbor}) {
    EXPECT_EQ(back(long_text, format), long_text);
    EXPECT_EQ(back(many, format), many);
  }
}

// RFC 8949 appendix A, and the MessagePack specification.
TEST(Formats, PublishedExamplesAreRead) {
  EXPECT_EQ(read("1bffffffffffffffff", cbor), "18446744073709551615");
  EXPECT_EQ(read("3903e7", cbor), "-1000");
  EXPECT_EQ(read("3bf943388105000000", cbor), "-1.7961261865669493e+19");  // found by the fuzzer: once digits only
  EXPECT_EQ(read("f93c00", cbor), "1");
  EXPECT_EQ(read("f90001", cbor), "5.960464477539063e-08");
  EXPECT_EQ(read("f97c00", cbor), "null");  // infinity
  EXPECT_EQ(read("c074323031332d30332d32315432303a30343a30305a", cbor), "\"2013-03-21T20:04:00Z\"");
  EXPECT_EQ(read("a26161016162820203", cbor), R"({"a":1,"b":[2,3]})");
  EXPECT_EQ(read("9f018202039f0405ffff", cbor), "[1,[2,3],[4,5]]");
  EXPECT_EQ(read("bf61610161629f0203ffff", cbor), R"({"a":1,"b":[2,3]})");
  EXPECT_EQ(read("82a7636f6d70616374c3a6736368656d6100", msgpack), R"({"compact":true,"schema":0})");
}

TEST(Formats, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_EQ(read("", msgpack), "byte 0: the message ends too early");
  EXPECT_EQ(read("92c3", msgpack), "byte 1: the message ends too early");
  EXPECT_EQ(read("c3c3", msgpack), "byte 1: something stands behind the message");
  EXPECT_EQ(read("c1", msgpack), "byte 1: the byte c1, which MessagePack never uses");
  EXPECT_EQ(read("c403010203", msgpack), "byte 1: bytes or an extension type, which JSON cannot say");
  EXPECT_EQ(read("810102", msgpack), "byte 2: a key that is no text");
  EXPECT_EQ(read("a2fffe", msgpack), "byte 3: a text that is not UTF-8");
  EXPECT_EQ(read("ff", cbor), "byte 1: a break outside of an array or map");
  EXPECT_EQ(read("430102", cbor), "byte 1: bytes, which JSON cannot say");
  EXPECT_EQ(read("7b7fffffffffffffff", cbor), "byte 9: the message ends too early");
  EXPECT_EQ(to_json(Buffer(100'000, std::byte{0x91}), msgpack, 1 * MiB).error().what, "nested more than 64 deep");
  EXPECT_EQ(to_json(Buffer(100'000, std::byte{0xc1}), cbor, 1 * MiB).error().what, "nested more than 64 deep");
  EXPECT_EQ(to_json(*from_json("\"" + std::string(2000, 'x') + "\"", msgpack), msgpack, 1000).error().code, Code::full);
  EXPECT_EQ(from_json("{", msgpack).error().code, Code::invalid);
}

TEST(Formats, CustomBinaryHasItsBytes) {
  const auto bytes = from_json(
      R"({"device_id":"mote-7","timestamp":1700000000000,"temperature":-21.5,"humidity":40,"alarm":true,"online":false})",
      custom_binary);
  ASSERT_TRUE(bytes) << bytes.error().text();
  EXPECT_EQ(*bytes, hex("06"
                        "6d6f74652d3700000000000000000000"
                        "0000018bcfe56800"
                        "ff29"
                        "0190"
                        "8000"
                        "8000"
                        "32"));
  EXPECT_EQ(
      *to_json(*bytes, custom_binary, 1000),
      R"({"device_id":"mote-7","timestamp":1700000000000,"temperature":-21.5,"humidity":40,"online":false,"alarm":true})");
  EXPECT_EQ(back(R"({"device_id":"a","timestamp":"2026-01-01T00:00:00Z","temperature":1.26,"pressure":1013.25,"x":1})",
                 custom_binary),
            R"({"device_id":"a","timestamp":1767225600000,"temperature":1.3,"pressure":1013.3})");
  for (const std::string_view json :
       {R"({"device_id":"a","timestamp":1,"temperature":1})", R"({"timestamp":1,"temperature":1,"humidity":1})",
        R"({"device_id":"a-name-of-seventeen","timestamp":1,"temperature":1,"humidity":1})",
        R"({"device_id":"a","timestamp":1,"temperature":4000,"humidity":1})", "[]", "1"}) {
    EXPECT_EQ(from_json(json, custom_binary).error().code, Code::unsupported) << json;
  }
  auto wrong = *bytes;
  wrong.pop_back();
  EXPECT_FALSE(to_json(wrong, custom_binary, 1000));
  wrong = *bytes;
  wrong[0] = std::byte{17};
  EXPECT_FALSE(to_json(wrong, custom_binary, 1000));
}

TEST(Formats, AutoTakesCustomBinaryOnlyForWhatComesBackEqual) {
  const auto chosen = [](std::string_view json) { return name(choose_format(json)); };
  EXPECT_EQ(chosen(R"({"device_id":"m","timestamp":1700000000000,"temperature":21.5,"humidity":40.1})"),
            "custom_binary");
  EXPECT_EQ(chosen(R"({"device_id":"m","timestamp":1700000000000,"temperature":21.5,"voltage":3,"online":true})"),
            "custom_binary");
  for (const std::string_view json :
       {R"({"device_id":"m","timestamp":1700000000000,"temperature":21.55,"humidity":40.1})",
        R"({"device_id":"m","timestamp":"2026-01-01T00:00:00Z","temperature":21.5,"humidity":40.1})",
        R"({"device_id":"m","timestamp":1700000000000,"temperature":21.5,"humidity":40.1,"co2":400})",
        R"({"device_id":"m","timestamp":1700000000000,"temperature":21.5,"humidity":null})",
        R"({"device_id":"m","timestamp":1700000000000,"temperature":21.5,"temperature":21.5,"humidity":1})",
        R"({"device_id":"m","timestamp":1700000000000,"temperature":-0.0,"humidity":1})",
        R"({"device_id":"m","timestamp":1700000000.5,"temperature":1,"humidity":1})", "hello"}) {
    EXPECT_EQ(chosen(json), "json") << json;
  }
  EXPECT_EQ(chosen("[\"" + std::string(600, 'x') + "\"]"), "msgpack");
}

TEST(Formats, FramesComeBack) {
  const std::string small = R"({"a":1})", large = "[\"" + std::string(5000, 'x') + "\"]";
  for (const auto& json : {small, large}) {
    const auto framed = frame(as_bytes(json), msgpack);
    ASSERT_TRUE(framed);
    EXPECT_EQ(std::to_integer<int>((*framed)[0]), json == large ? 3 : 2);
    EXPECT_LT(framed->size(), json == large ? 100U : 20U);
    const auto got = unframe(*framed, 10'000);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->format, msgpack);
    EXPECT_EQ(as_text(got->message), json);
  }
  EXPECT_EQ(unframe(*frame(as_bytes(large), json), 1000).error().code, Code::full);
  EXPECT_EQ(unframe(hex("000005aa"), 1000).error().text(), "byte 1: the head says 5 bytes, 1 follow");
  EXPECT_EQ(unframe(hex("80000100"), 1000).error().code, Code::invalid);
  sim::SeededChance chance(1);
  Buffer noise(70'000);
  for (auto& b : noise) b = static_cast<std::byte>(chance.next());
  EXPECT_EQ(frame(noise, msgpack).error().code, Code::full);
}

TEST(Formats, MediaTypesAreKnown) {
  EXPECT_EQ(format_of("application/msgpack"), msgpack);
  EXPECT_EQ(format_of("Application/CBOR; charset=x"), cbor);
  EXPECT_EQ(format_of("application/json"), json);
  EXPECT_EQ(format_of("application/vnd.skerry.custom-binary"), custom_binary);
  EXPECT_EQ(format_of("text/plain"), std::nullopt);
}

}  // namespace
}  // namespace skerry::codec
