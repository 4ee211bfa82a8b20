// Topics and filters: the examples of MQTT 5.0 section 4.7, and names that are none.
#include <gtest/gtest.h>

#include "record/record.hpp"

namespace skerry::record {
namespace {

TEST(Topic, MatchesAsSection471Says) {
  for (const auto* topic :
       {"sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"}) {
    EXPECT_TRUE(matches("sport/tennis/player1/#", topic)) << topic;
  }
  EXPECT_TRUE(matches("sport/#", "sport"));  // # includes the parent level
  EXPECT_TRUE(matches("#", "a/b/c"));
  EXPECT_TRUE(matches("sport/tennis/+", "sport/tennis/player1"));
  EXPECT_FALSE(matches("sport/tennis/+", "sport/tennis/player1/ranking"));
  EXPECT_FALSE(matches("sport/+", "sport"));
  EXPECT_TRUE(matches("sport/+", "sport/"));
  EXPECT_TRUE(matches("+/+", "/finance"));
  EXPECT_TRUE(matches("/+", "/finance"));
  EXPECT_FALSE(matches("+", "/finance"));
  EXPECT_TRUE(matches("+/tennis/#", "sport/tennis"));
  EXPECT_TRUE(matches("sport/+/player1", "sport/tennis/player1"));
}

TEST(Topic, DollarIsNotForWildcardsAtTheFront) {  // section 4.7.2
  EXPECT_FALSE(matches("#", "$SYS/uptime"));
  EXPECT_FALSE(matches("+/monitor/Clients", "$SYS/monitor/Clients"));
  EXPECT_TRUE(matches("$SYS/#", "$SYS/"));
  EXPECT_TRUE(matches("$SYS/#", "$SYS"));
  EXPECT_TRUE(matches("$SYS/monitor/+", "$SYS/monitor/Clients"));
  EXPECT_TRUE(matches("a/#", "a/$SYS"));
}

TEST(Topic, LevelsAreExact) {
  EXPECT_FALSE(matches("accounts", "Accounts"));  // 4.7.3: case counts
  EXPECT_FALSE(matches("a", "a/"));
  EXPECT_FALSE(matches("a/", "a"));
  EXPECT_TRUE(matches("a//b", "a//b"));
  EXPECT_TRUE(matches("a/+/b", "a//b"));
  EXPECT_FALSE(matches("a/b", "a/b/c"));
  EXPECT_FALSE(matches("a/b/c", "a/b"));
  EXPECT_FALSE(matches("a/+/#", "a"));
  EXPECT_TRUE(matches("a/+/#", "a/b"));
  EXPECT_TRUE(matches("Accounts payable", "Accounts payable"));
}

TEST(Topic, GoodNames) {
  for (const auto* topic : {"a", "/", "a/", "/a", "a//b", "sensors/t-1/data", "Ä/ö", "a b", "$SYS/x"}) {
    EXPECT_TRUE(check_topic(topic)) << topic;
    EXPECT_TRUE(check_filter(topic)) << topic;
  }
}

TEST(Topic, BadNamesSayWhy) {
  const auto why = [](std::string_view topic) {
    auto result = check_topic(topic);
    return result ? std::string() : result.error().what;
  };
  EXPECT_NE(why("").find("empty"), std::string::npos);
  EXPECT_NE(why("a/+").find("must not contain"), std::string::npos);
  EXPECT_NE(why("a/#").find("must not contain"), std::string::npos);
  EXPECT_NE(why(std::string_view("a\0b", 3)).find("NUL"), std::string::npos);
  EXPECT_NE(why("a/\xff").find("UTF-8"), std::string::npos);
  EXPECT_NE(why(std::string(topic_bytes_max + 1, 'a')).find("1025 bytes"), std::string::npos);
  EXPECT_EQ(why(std::string(topic_bytes_max, 'a')), "");
  EXPECT_NE(why(std::string(topic_levels_max, '/')).find("129 levels"), std::string::npos);
  EXPECT_EQ(why(std::string(topic_levels_max - 1, '/')), "");
}

TEST(Topic, TenThousandLevelsAreAnsweredNotWalked) {
  EXPECT_FALSE(check_topic(std::string(10'000, '/')));
  EXPECT_FALSE(check_filter(std::string(10'000, '/')));
}

TEST(Topic, BadFilters) {
  for (const auto* filter :
       {"", "sport+", "sport/tennis#", "sport/tennis/#/ranking", "a/+b", "#/", "a/b+/c", "##", "++"}) {
    EXPECT_FALSE(check_filter(filter)) << filter;
  }
  for (const auto* filter : {"#", "+", "+/+", "+/tennis/#", "sport/+/player1", "/#"})
    EXPECT_TRUE(check_filter(filter)) << filter;
}

TEST(Topic, TheDeviceIsTheSecondLevel) {
  EXPECT_EQ(device_of("sensors/t1/data"), "t1");
  EXPECT_EQ(device_of("alerts/t1"), "t1");
  EXPECT_EQ(device_of("alerts"), "");
  EXPECT_EQ(device_of("alerts/"), "");
  EXPECT_EQ(device_of("a//b"), "");
  EXPECT_EQ(device_of(""), "");
}

TEST(Topic, DeviceIds) {
  for (const auto* id : {"t1", "mote-20", "Zähler 3", "a.b:c", "$x"}) EXPECT_TRUE(check_device_id(id)) << id;
  for (const auto* id : {"", "a/b", "a+", "#", "a\nb", "a\x7f", "\xc3"}) EXPECT_FALSE(check_device_id(id)) << id;
  EXPECT_TRUE(check_device_id(std::string(128, 'a')));
  EXPECT_FALSE(check_device_id(std::string(129, 'a')));
}

TEST(Utf8, AsRfc3629Says) {
  for (const auto* text : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(text));
  }
  for (const auto* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe0\xa0", "\xf0\x90\x80",
        "\xc2"
        "a",
        "\xfe", "\xff"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace skerry::record
