// Which Host and Origin may speak.
#include "http/guard.hpp"

#include <gtest/gtest.h>

namespace skerry::http {
namespace {

TEST(Guard, OnLoopbackOnlyLoopbackNamesAndListedOnes) {
  EXPECT_TRUE(host_allowed("localhost:8080", true, {}));
  EXPECT_TRUE(host_allowed("127.0.0.1", true, {}));
  EXPECT_TRUE(host_allowed("[::1]:8080", true, {}));
  EXPECT_FALSE(host_allowed("gateway.example", true, {}));
  EXPECT_TRUE(host_allowed("Gateway.Example:8080", true, {"gateway.example"}));
  EXPECT_TRUE(host_allowed("anything", true, {"*"}));
  EXPECT_FALSE(host_allowed("192.168.1.7", true, {}));
}

TEST(Guard, ElsewhereAnyNameUntilSomeAreListed) {
  EXPECT_TRUE(host_allowed("gateway.example", false, {}));
  EXPECT_FALSE(host_allowed("gateway.example", false, {"other.example"}));
  EXPECT_TRUE(host_allowed("192.168.1.7:8080", false, {"other.example"}));
  EXPECT_TRUE(host_allowed("[fe80::1]:8080", false, {"other.example"}));
  EXPECT_TRUE(host_allowed("localhost", false, {"other.example"}));
}

TEST(Guard, AnOriginMustBeTheHostItAsks) {
  EXPECT_TRUE(origin_allowed("http://localhost:8080", "localhost:8080", {}));
  EXPECT_FALSE(origin_allowed("http://localhost:9999", "localhost:8080", {}));
  EXPECT_FALSE(origin_allowed("null", "localhost:8080", {}));
  EXPECT_FALSE(origin_allowed("", "localhost:8080", {}));
  EXPECT_TRUE(origin_allowed("https://page.example", "localhost:8080", {"https://page.example"}));
}

}  // namespace
}  // namespace skerry::http
