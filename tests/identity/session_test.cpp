// Risk, levels, challenges, sessions and the attacks on tokens.
#include <nlohmann/json.hpp>

#include "identity/guard.hpp"
#include "identity/password.hpp"
#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

// ---- requirement 7's table ----

TEST(Risk, HoursAtEveryBoundary) {
  for (const auto& [hour, adds] : {std::pair{0, true}, {5, true}, {6, false}, {12, false}, {22, false}, {23, true}}) {
    const auto risk = assess({.local_hour = hour});
    EXPECT_EQ(risk.score, adds ? 0.2 : 0.0) << hour;
  }
}

TEST(Risk, EachFactorAddsItsShareAndSaysSo) {
  EXPECT_EQ(assess({.usual_location = "a", .location = "b"}).score, 0.3);
  EXPECT_EQ(assess({.usual_location = "a", .location = "a"}).score, 0.0);
  EXPECT_EQ(assess({.usual_location = "", .location = "b"}).score, 0.0);
  EXPECT_EQ(assess({.suspicious_address = true}).score, 0.4);
  EXPECT_EQ(assess({.behaviour_anomaly = 0.5}).score, 0.0);
  EXPECT_EQ(assess({.behaviour_anomaly = 0.51}).score, 0.51);
  const auto all = assess(
      {.usual_location = "a", .location = "b", .local_hour = 3, .suspicious_address = true, .behaviour_anomaly = 0.9});
  EXPECT_EQ(all.score, 1.0);  // 1.8, capped
  ASSERT_EQ(all.factors.size(), 4U);
  EXPECT_EQ(all.factors[0].name, "location");
  EXPECT_EQ(all.factors[0].value, 0.3);
  EXPECT_EQ(all.factors[3].value, 0.9);
  EXPECT_EQ(
      assess({.usual_location = "a", .location = "b", .suspicious_address = true, .behaviour_anomaly = 0.3}).score,
      0.7);
}

TEST(Risk, LevelsAtEveryBoundary) {
  EXPECT_EQ(access_level(0, "basic"), "basic");
  EXPECT_EQ(access_level(0.199999, "elevated"), "elevated");
  EXPECT_EQ(access_level(0.2, "elevated"), "restricted");
  EXPECT_EQ(access_level(0.499999, "basic"), "restricted");
  EXPECT_EQ(access_level(0.5, "basic"), "minimal");
  EXPECT_EQ(access_level(1, "basic"), "minimal");
  EXPECT_EQ(access_level(assess({.usual_location = "a", .location = "b", .local_hour = 23}).score, "basic"), "minimal");
}

// ---- sessions ----

TEST(Session, ChallengeResponseOpensASessionWithItsRisk) {
  Rig rig;
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key, R"({"location":"hall-a"})");
  const auto opened = rig.session("dev-1", key, {.location = "hall-b"});
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_EQ(opened->access_level, "restricted");
  EXPECT_EQ(opened->risk.score, 0.3);
  EXPECT_EQ(opened->expires_in, hours{1});
  const auto caller = rig.identity->by_token(opened->session_token, rig.from);
  ASSERT_TRUE(caller) << caller.error().what;
  EXPECT_EQ(caller->id, "dev-1");
  EXPECT_EQ(caller->level, "restricted");
  const auto body = nlohmann::json::parse(as_text(*from_base64url(opened->session_token.substr(
      opened->session_token.find('.') + 1, opened->session_token.rfind('.') - opened->session_token.find('.') - 1))));
  for (const char* name : {"device_id", "access_level", "risk_score", "iat", "exp"})
    EXPECT_TRUE(body.contains(name)) << name;
  EXPECT_EQ(body["exp"].get<long>() - body["iat"].get<long>(), 3600);
  EXPECT_EQ(rig.identity->sessions().size(), 1U);
  EXPECT_NE(rig.journal().find(R"("factor":"location","value":0.3)"), std::string::npos);
}

TEST(Session, TheHourIsTheSitesOwn) {
  Options options;
  options.time_zone = "+11:30";  // 12:00 UTC is 23:30 there
  Rig rig(options);
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  EXPECT_EQ(rig.session("dev-1", key)->risk.score, 0.2);
}

TEST(Session, AListedAddressIsSuspicious) {
  Options options;
  options.suspicious = {"198.51.100.0/24", "2001:db8::/32"};
  Rig rig(options);
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  EXPECT_EQ(rig.session("dev-1", key, {.ip_address = "198.51.100.9"})->risk.score, 0.4);
  EXPECT_EQ(rig.session("dev-1", key, {.ip_address = "198.51.101.9"})->risk.score, 0.0);
  EXPECT_EQ(rig.session("dev-1", key, {.ip_address = "2001:db8:1::5"})->risk.score, 0.4);
}

TEST(Session, AStaleRevocationListAddsRisk) {
  Options options;
  options.renew_crl = false;
  Rig rig(options);
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  EXPECT_EQ(rig.session("dev-1", key)->risk.score, 0.0);
  ASSERT_TRUE(rig.identity->write_crl(seconds{-60}));
  const auto stale = rig.session("dev-1", key);
  ASSERT_TRUE(stale);
  EXPECT_EQ(stale->risk.score, 0.1);
  EXPECT_EQ(stale->risk.factors.front().name, "crl_stale");
}

TEST(Session, TakesSignaturesOfEveryKindOfKeyAndOverTheTextAsWell) {
  Rig rig;
  const auto rsa = *Key::make_rsa(2048);
  rig.enrolled("dev-r", rsa);
  EXPECT_TRUE(rig.session("dev-r", rsa));
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  const auto challenge = *rig.identity->challenge("dev-1", rig.from);
  EXPECT_TRUE(rig.identity->open_session("dev-1", challenge, base64(*key.sign(as_bytes(challenge))), {}, rig.from));
}

TEST(Session, Refusals) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto other = *Key::make_p256();
  rig.enrolled("dev-1", key);
  rig.enrolled("dev-2", other);
  EXPECT_EQ(rig.session("dev-9", key).error().reason, "device_not_found");
  EXPECT_EQ(rig.identity->open_session("dev-9", "x", "y", {}, rig.from).error().reason, "device_not_found");
  EXPECT_EQ(rig.session("dev-1", other).error().reason, "invalid_challenge");
  const auto challenge = *rig.identity->challenge("dev-1", rig.from);
  const auto answer = base64(*key.sign(*from_base64(challenge)));
  EXPECT_TRUE(rig.identity->open_session("dev-1", challenge, answer, {}, rig.from));
  EXPECT_EQ(rig.identity->open_session("dev-1", challenge, answer, {}, rig.from).error().reason, "invalid_challenge")
      << "a replay";
  const auto late = *rig.identity->challenge("dev-1", rig.from);
  rig.clock.pass(seconds{61});
  EXPECT_EQ(
      rig.identity->open_session("dev-1", late, base64(*key.sign(*from_base64(late))), {}, rig.from).error().reason,
      "invalid_challenge");
  const auto of_two = *rig.identity->challenge("dev-2", rig.from);
  EXPECT_EQ(
      rig.identity->open_session("dev-1", of_two, base64(*key.sign(*from_base64(of_two))), {}, rig.from).error().reason,
      "invalid_challenge");
  ASSERT_TRUE(rig.identity->revoke("dev-1", "key_compromise", {.id = "ann", .role = Role::operator_}, rig.from));
  EXPECT_EQ(rig.session("dev-1", key).error().reason, "certificate_revoked");
}

TEST(Session, EndsByHandByTimeByRevocationAndStaysEndedAfterARestart) {
  Rig rig;
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  const auto one = *rig.session("dev-1", key);
  const auto two = *rig.session("dev-1", key);
  const Caller stranger{.id = "dev-2"};
  EXPECT_EQ(rig.identity->end_session(one.session_id, stranger, rig.from).error().kind, Kind::forbidden);
  EXPECT_TRUE(rig.identity->end_session(one.session_id, {.id = "dev-1"}, rig.from));
  EXPECT_EQ(rig.identity->by_token(one.session_token, rig.from).error().reason, "session_ended");
  rig.open();
  EXPECT_FALSE(rig.identity->by_token(one.session_token, rig.from));
  EXPECT_TRUE(rig.identity->by_token(two.session_token, rig.from));
  rig.clock.pass(hours{1});
  EXPECT_EQ(rig.identity->by_token(two.session_token, rig.from).error().reason, "token_expired");
  const auto three = *rig.session("dev-1", key);
  ASSERT_TRUE(rig.identity->revoke("dev-1", "unspecified", {.id = "ann", .role = Role::operator_}, rig.from));
  EXPECT_FALSE(rig.identity->by_token(three.session_token, rig.from));
}

TEST(Token, DayTokenNeedsTheOwnCertificate) {
  Rig rig;
  const auto one = *rig.show(rig.enrolled("dev-1", *Key::make_p256()).leaf);
  rig.enrolled("dev-2", *Key::make_p256());
  const auto token = rig.identity->authenticate("dev-1", one, rig.from);
  ASSERT_TRUE(token) << token.error().what;
  EXPECT_EQ(token->expires_in, seconds{86400});
  EXPECT_EQ(token->device.type, "sensor");
  EXPECT_EQ(rig.identity->authenticate("dev-2", one, rig.from).error().kind, Kind::unauthenticated);
  EXPECT_EQ(rig.identity->authenticate("dev-9", one, rig.from).error().kind, Kind::not_found);
  rig.clock.pass(seconds{86399});
  EXPECT_TRUE(rig.identity->by_token(token->token, rig.from));
  rig.clock.pass(seconds{1});
  EXPECT_EQ(rig.identity->by_token(token->token, rig.from).error().reason, "token_expired");
}

// ---- attacks on tokens (RFC 8725) ----

struct Forge : ::testing::Test {
  Forge() {
    one = *rig.show(rig.enrolled("dev-1", *Key::make_p256()).leaf);
    good = rig.identity->authenticate("dev-1", one, rig.from)->token;
    const auto dot = good.find('.');
    header = nlohmann::json::parse(as_text(*from_base64url(good.substr(0, dot))));
    body = nlohmann::json::parse(as_text(*from_base64url(good.substr(dot + 1, good.rfind('.') - dot - 1))));
    const auto files = *system_files().list(pki_dir(rig.dir) + "/tokens");
    for (const auto& entry : files)
      own = *Key::from_private_pem(as_text(*read_file(system_files(), pki_dir(rig.dir) + "/tokens/" + entry.name)));
  }
  std::string sign(const nlohmann::json& h, const nlohmann::json& b, const Key& key) const {
    const auto text = base64url(as_bytes(h.dump())) + "." + base64url(as_bytes(b.dump()));
    return text + "." + base64url(*key.sign(as_bytes(text)));
  }
  std::string why(const std::string& token) {
    const auto got = rig.identity->by_token(token, rig.from);
    return got ? "taken" : got.error().reason;
  }
  Rig rig;
  Caller one;
  std::string good;
  nlohmann::json header;
  nlohmann::json body;
  Key own;
};

TEST_F(Forge, WhatIsGoodIsTaken) {
  EXPECT_EQ(why(good), "taken");
  EXPECT_EQ(why(sign(header, body, own)), "taken");
}
TEST_F(Forge, AlgorithmNone) {
  for (const char* alg : {"none", "None", "NONE", ""}) {
    header["alg"] = alg;
    EXPECT_EQ(why(base64url(as_bytes(header.dump())) + "." + base64url(as_bytes(body.dump())) + "."),
              "token_algorithm");
  }
}
TEST_F(Forge, HmacWithThePublicKey) {
  header["alg"] = "HS256";
  EXPECT_EQ(why(sign(header, body, own)), "token_algorithm");
  for (const char* alg : {"RS384", "PS256", "ES256", "RS1", "rs256"}) {
    header["alg"] = alg;
    EXPECT_EQ(why(sign(header, body, own)), "token_algorithm") << alg;
  }
}
TEST_F(Forge, KeyIdsThatArePathsQueriesOrMissing) {
  for (const char* kid : {"../../etc/passwd", "/dev/null", "' OR 1=1", "http://evil.example/k", ""}) {
    header["kid"] = kid;
    EXPECT_EQ(why(sign(header, body, own)), "token_key") << kid;
  }
  header.erase("kid");
  EXPECT_EQ(why(sign(header, body, own)), "token_key");
  header["kid"] = {"a"};
  EXPECT_EQ(why(sign(header, body, own)), "token_key");
}
TEST_F(Forge, KeysTheTokenBringsAreNotLookedAt) {
  const auto evil = *Key::make_rsa(2048);
  const auto numbers = *evil.rsa_numbers();
  header["jwk"] = {{"kty", "RSA"}, {"n", base64url(numbers.n)}, {"e", base64url(numbers.e)}};
  header["jku"] = "https://evil.example/jwks";
  header["x5u"] = "https://evil.example/x";
  EXPECT_EQ(why(sign(header, body, evil)), "token_signature");
}
TEST_F(Forge, CriticalExtensions) {
  header["crit"] = {"b64"};
  header["b64"] = false;
  EXPECT_EQ(why(sign(header, body, own)), "token_critical");
}
TEST_F(Forge, AudienceIssuerAndTimes) {
  auto b = body;
  b["aud"] = "other";
  EXPECT_EQ(why(sign(header, b, own)), "token_audience");
  b.erase("aud");
  EXPECT_EQ(why(sign(header, b, own)), "token_audience");
  b = body;
  b["iss"] = "another-gateway";
  EXPECT_EQ(why(sign(header, b, own)), "token_issuer");
  b = body;
  b["exp"] = b["iat"];
  EXPECT_EQ(why(sign(header, b, own)), "token_expired");
  b.erase("exp");
  EXPECT_EQ(why(sign(header, b, own)), "token_expired");
  b["exp"] = "9999999999";
  EXPECT_EQ(why(sign(header, b, own)), "token_expired");
  b = body;
  b["iat"] = b["iat"].get<long>() + 3600;
  EXPECT_EQ(why(sign(header, b, own)), "token_not_yet_valid");
  b = body;
  b["nbf"] = b["iat"].get<long>() + 3600;
  EXPECT_EQ(why(sign(header, b, own)), "token_not_yet_valid");
}
TEST_F(Forge, ChangedBytesNamesTwiceAndMalformedParts) {
  for (std::size_t at : {std::size_t{5}, good.find('.') + 5, good.rfind('.') + 5}) {
    auto token = good;
    token[at] = token[at] == 'A' ? 'B' : 'A';
    EXPECT_NE(why(token), "taken");
  }
  const std::string twice = R"({"alg":"none","alg":"RS256","kid":")" + header["kid"].get<std::string>() + R"("})";
  const auto text = base64url(as_bytes(twice)) + "." + base64url(as_bytes(body.dump()));
  EXPECT_EQ(why(text + "." + base64url(*own.sign(as_bytes(text)))), "token_malformed");
  for (const char* bad : {"", ".", "..", "a.b.c", "e30.e30.e30", "a.b", "a.b.c.d", "ey!.e30.x"})
    EXPECT_NE(why(bad), "taken") << bad;
  EXPECT_EQ(why(good + "="), "token_signature");
}
TEST_F(Forge, LevelsCannotBeRaisedByAnEndedSession) {
  body["access_level"] = "elevated";
  EXPECT_EQ(why(sign(header, body, own)), "session_ended") << "a session token's session must be known";
}
TEST_F(Forge, OldKeysVerifyUntilWhatTheySignedIsOver) {
  ASSERT_TRUE(rig.identity->rotate_tokens());
  EXPECT_EQ(why(good), "taken");
  EXPECT_EQ(nlohmann::json::parse(rig.identity->jwks())["keys"].size(), 2U);
  rig.clock.pass(hours{25});
  ASSERT_TRUE(rig.identity->tick());
  EXPECT_EQ(nlohmann::json::parse(rig.identity->jwks())["keys"].size(), 1U);
}

// ---- passwords, lock-out, clones ----

TEST(Password, IsHashedCheckedAndLockedOut) {
  Rig rig;
  ASSERT_TRUE(rig.identity->add_device({.id = "dev-1"}));
  ASSERT_TRUE(rig.identity->set_password("dev-1", "correct horse"));
  EXPECT_EQ(rig.journal().find("correct horse"), std::string::npos);
  EXPECT_TRUE(rig.identity->by_password("dev-1", "correct horse", rig.from));
  EXPECT_TRUE(rig.identity->by_password("dev-1", "correct horse", rig.from));
  EXPECT_EQ(rig.identity->by_password("nobody", "x", rig.from).error().what,
            rig.identity->by_password("dev-1", "x", rig.from).error().what);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(rig.identity->by_password("dev-1", "wrong", rig.from));
  EXPECT_EQ(rig.identity->by_password("dev-1", "correct horse", rig.from).error().reason, "locked_out");
  EXPECT_TRUE(rig.identity->by_password("dev-1", "correct horse", {"203.0.113.4", "mqtts"}))
      << "a stranger cannot lock it out elsewhere";
  rig.clock.pass(seconds{61});
  EXPECT_TRUE(rig.identity->by_password("dev-1", "correct horse", rig.from));
}

TEST(Guard, DoublesAndNeverLocksLoopbackAsAWhole) {
  Guard guard;
  Mono now{};
  for (int i = 0; i < 50; ++i) guard.failed("", "127.0.0.1", now);
  EXPECT_EQ(guard.locked("a", "127.0.0.1", now).count(), 0);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) guard.failed("", "203.0.113.4", now);
    EXPECT_EQ(guard.locked("any", "203.0.113.4", now).count(), 60 << round);
    now += guard.locked("any", "203.0.113.4", now);
  }
}

TEST(Guard, GivesSoManyAMinuteWhichRefillEvenly) {
  Guard guard;
  const Mono start{std::chrono::hours{1}};
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(guard.take("a", 60, start));
  EXPECT_FALSE(guard.take("a", 60, start));
  EXPECT_TRUE(guard.take("b", 60, start)) << "each has its own";
  EXPECT_FALSE(guard.take("a", 60, start + std::chrono::milliseconds{900}));
  EXPECT_TRUE(guard.take("a", 60, start + std::chrono::milliseconds{1100}));
  EXPECT_FALSE(guard.take("a", 60, start + std::chrono::milliseconds{1200}));
  int later = 0;
  while (guard.take("a", 60, start + std::chrono::hours{2})) ++later;
  EXPECT_EQ(later, 60) << "no more than a minute's are saved up";
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(guard.take("a", 0, start));
}

TEST(Rates, AnIdentityAndAnAddressWaitAndOthersDoNot) {
  Rig rig({.per_minute_identity = 5, .per_minute_address = 6});
  const auto key = *Key::make_p256();
  const auto caller = *rig.show(rig.enrolled("dev-1", key).leaf);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(rig.identity->paced(caller, rig.from));
  const auto refused = rig.identity->paced(caller, rig.from);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "rate_limited");
  EXPECT_TRUE(rig.identity->paced({.id = "dev-2"}, rig.from));
  EXPECT_FALSE(rig.identity->authenticate("dev-1", caller, rig.from));
  rig.clock.pass(seconds{12});
  EXPECT_TRUE(rig.identity->paced(caller, rig.from));
  int asked = 0;
  while (rig.identity->by_password("nobody-" + std::to_string(asked), "wrong", rig.from).error().reason !=
         "rate_limited")
    ASSERT_LT(++asked, 100);
  EXPECT_LE(asked, 6);
  EXPECT_FALSE(rig.enrol("dev-3", *Key::make_p256(), rig.code()));
  const Origin elsewhere{"192.0.2.8", "https"};
  EXPECT_EQ(rig.identity->by_password("x", "wrong", elsewhere).error().reason, "bad_credentials");
  const Origin here{"127.0.0.1", "https"};
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(rig.identity->by_password("y" + std::to_string(i), "wrong", here).error().reason, "bad_credentials");
  EXPECT_NE(rig.journal().find("rate_limited"), std::string::npos);
}

TEST(Guard, MoreThanThreeTakeOversInFiveMinutesAreAClone) {
  Guard guard;
  Mono now{};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(guard.taken_over("d", now));
  EXPECT_TRUE(guard.taken_over("d", now));
  EXPECT_TRUE(guard.cloned("d", now));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(guard.taken_over("slow", now += std::chrono::minutes{2}));
}

TEST(Clone, AddsRiskAndIsQuarantinedWhereSet) {
  Options options;
  options.quarantine_clones = true;
  Rig rig(options);
  const auto key = *Key::make_p256();
  const auto made = rig.enrolled("dev-1", key);
  for (int i = 0; i < 4; ++i) rig.identity->taken_over("dev-1", rig.from);
  EXPECT_EQ(rig.show(made.leaf).error().reason, "device_quarantined");
  ASSERT_TRUE(rig.identity->release("dev-1"));
  EXPECT_TRUE(rig.show(made.leaf));
  EXPECT_EQ(rig.session("dev-1", key)->risk.score, 0.4);
}

// ---- nothing secret is told ----

TEST(Canary, NoSecretInTheJournalOrInRefusals) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto code = rig.code();
  ASSERT_TRUE(rig.enrol("dev-1", key, code));
  ASSERT_TRUE(rig.identity->set_password("dev-1", "canary-password-1"));
  ASSERT_TRUE(rig.identity->preregister({{"dev-2", "canary-secret-22"}}));
  const auto opened = *rig.session("dev-1", key);
  const auto wrong = rig.identity->by_password("dev-1", "canary-wrong-333", rig.from);
  const auto bad_code = rig.enrol("dev-3", *Key::make_p256(), "canary-code-4444");
  std::string told = rig.journal() + wrong.error().what + bad_code.error().what + rig.metrics.prometheus_text();
  for (const auto& secret : {code, std::string("canary"), opened.session_token})
    EXPECT_EQ(told.find(secret), std::string::npos) << secret;
  EXPECT_EQ(told.find("PRIVATE"), std::string::npos);
}

}  // namespace
}  // namespace skerry::identity::test
