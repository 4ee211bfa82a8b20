// Verification is stricter than OpenSSL by itself: each kind of wrong certificate is refused, with its own name.
#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

struct Wrong : ::testing::Test {
  Wrong() : root_key(*Key::make_rsa(2048)) {
    Wanted wanted{.purpose = Purpose::root,
                  .subject = {{"O", "R"}},
                  .key = root_key,
                  .not_before = at - hours{1},
                  .not_after = at + hours{9999},
                  .serial = serial()};
    root = *make_certificate(wanted, nullptr, root_key);
    leaf.subject = {{"CN", "dev-1"}};
    leaf.key = *Key::make_p256();
    leaf.not_before = at - hours{1};
    leaf.not_after = at + hours{24};
    leaf.dns_names = {"dev-1.edge.local"};
    leaf.serial = serial();
  }
  static Buffer serial() { return random_bytes(system_chance(), 16); }
  Fault fault(const VerifyOptions& given = {}) {
    auto options = given;
    options.now = at;
    const auto made = make_certificate(leaf, &root, root_key);
    EXPECT_TRUE(made) << made.error().text();
    return verify(*made, {}, std::span(&root, 1), options).fault;
  }
  Wall at = Wall(*parse_time("2027-03-01T12:00:00Z"));
  Key root_key;
  Certificate root;
  Wanted leaf{};
};

TEST_F(Wrong, NothingIsWrong) { EXPECT_EQ(fault(), Fault::none); }
TEST_F(Wrong, Expired) {
  leaf.not_after = at - seconds{1};
  EXPECT_EQ(fault(), Fault::expired);
  EXPECT_EQ(fault({.ignore_expiry = true}), Fault::none);
}
TEST_F(Wrong, NotYetValid) {
  leaf.not_before = at + seconds{1};
  EXPECT_EQ(fault(), Fault::not_yet_valid);
  EXPECT_EQ(fault({.ignore_expiry = true}), Fault::not_yet_valid);
}
TEST_F(Wrong, OtherAuthorityWithTheSameName) {
  const auto key = *Key::make_rsa(2048);
  Wanted wanted{.purpose = Purpose::root,
                .subject = {{"O", "R"}},
                .key = key,
                .not_before = at - hours{1},
                .not_after = at + hours{9999},
                .serial = serial()};
  const auto other = *make_certificate(wanted, nullptr, key);
  const auto made = *make_certificate(leaf, &other, key);
  EXPECT_EQ(verify(made, std::span(&other, 1), std::span(&root, 1), {.now = at}).fault, Fault::unknown_ca);
  EXPECT_EQ(verify(other, {}, std::span(&root, 1), {.now = at}).fault, Fault::unknown_ca);
}
TEST_F(Wrong, NoClientAuth) {
  leaf.purpose = Purpose::server;
  EXPECT_EQ(fault(), Fault::none) << "a server's certificate may speak for it as a client, too";
  leaf.purpose = Purpose::issuer;
  EXPECT_EQ(fault(), Fault::wrong_use);
  leaf.purpose = Purpose::client;
  EXPECT_EQ(fault({.client = false}), Fault::wrong_use);
}
TEST_F(Wrong, WeakKeys) {
  leaf.key = *Key::make_rsa(1024);
  EXPECT_EQ(fault(), Fault::weak);
}
TEST_F(Wrong, NamesThatDisagree) {
  leaf.dns_names = {"dev-2.edge.local"};
  EXPECT_EQ(fault(), Fault::name_mismatch);
  leaf.dns_names = {};
  EXPECT_EQ(fault(), Fault::name_mismatch);
  leaf.dns_names = {"dev-1.edge.local", "dev-2.edge.local"};
  EXPECT_EQ(fault(), Fault::name_mismatch);
  leaf.dns_names = {"dev-1.edge.local", "elsewhere.example"};
  EXPECT_EQ(fault(), Fault::none);
  leaf.subject = {{"O", "x"}};
  EXPECT_EQ(fault(), Fault::name_mismatch) << "no common name";
  leaf.subject = {{"CN", "dev-1"}, {"CN", "dev-2"}};
  EXPECT_EQ(fault(), Fault::name_mismatch) << "two common names";
}
TEST_F(Wrong, SerialTooLong) {
  leaf.serial = random_bytes(system_chance(), 21);
  leaf.serial[0] = std::byte{0x7f};
  EXPECT_EQ(fault(), Fault::bad);
}
TEST_F(Wrong, AChainBelowADevice) {
  const auto device_key = leaf.key;
  const auto device = *make_certificate(leaf, &root, root_key);
  leaf.subject = {{"CN", "dev-2"}};
  leaf.dns_names = {"dev-2.edge.local"};
  leaf.key = *Key::make_p256();
  const auto below = *make_certificate(leaf, &device, device_key);
  EXPECT_FALSE(verify(below, std::span(&device, 1), std::span(&root, 1), {.now = at}).good());
}
TEST_F(Wrong, TwoIssuersBelowPathLengthZero) {
  const auto make = [&](const char* cn, const Certificate& by, const Key& by_key, const Key& key) {
    Wanted w{.purpose = Purpose::issuer,
             .subject = {{"CN", cn}},
             .key = key,
             .not_before = at - hours{1},
             .not_after = at + hours{99},
             .serial = serial()};
    return *make_certificate(w, &by, by_key);
  };
  const auto k1 = *Key::make_p256();
  const auto k2 = *Key::make_p256();
  const auto one = make("one", root, root_key, k1);
  const auto two = make("two", one, k1, k2);
  const std::vector<Certificate> both{one, two};
  EXPECT_TRUE(verify(*make_certificate(leaf, &one, k1), both, std::span(&root, 1), {.now = at}).good());
  EXPECT_FALSE(verify(*make_certificate(leaf, &two, k2), both, std::span(&root, 1), {.now = at}).good());
}
TEST_F(Wrong, BytesThatAreNoCertificate) {
  const auto der = make_certificate(leaf, &root, root_key)->der();
  EXPECT_FALSE(Certificate::from_der({}));
  EXPECT_FALSE(Certificate::from_der(Bytes(der).first(der.size() - 1)));
  auto more = der;
  append_byte(more, 0);
  EXPECT_FALSE(Certificate::from_der(more)) << "bytes after the certificate";
  EXPECT_FALSE(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

TEST(Base64, OneValueOneText) {
  EXPECT_EQ(base64(as_bytes("a")), "YQ==");
  EXPECT_EQ(as_text(*from_base64("YQ==")), "a");
  EXPECT_EQ(as_text(*from_base64("YWJj\nZGVm\r\n")), "abcdef");
  EXPECT_FALSE(from_base64("YR==")) << "bits left over";
  EXPECT_FALSE(from_base64("Y"));
  EXPECT_FALSE(from_base64url("YQ=="));
  EXPECT_FALSE(from_base64url("+w"));
}

}  // namespace
}  // namespace skerry::identity::test
