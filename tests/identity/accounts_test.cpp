// Accounts of people: roles, passwords, second factors, sessions of browsers.
#include "identity/totp.hpp"
#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

// RFC 6238 appendix B, SHA-1, the last six digits.
TEST(Totp, TheVectorsOfItsRfc) {
  const auto secret = as_bytes("12345678901234567890");
  for (const auto& [seconds, code] : {std::pair{59, "287082"},
                                      {1111111109, "081804"},
                                      {1111111111, "050471"},
                                      {1234567890, "005924"},
                                      {2000000000, "279037"}}) {
    EXPECT_EQ(totp_at(secret, static_cast<std::uint64_t>(seconds) / 30), code);
    EXPECT_EQ(totp_step_of(secret, code, Wall{std::chrono::seconds{seconds}}),
              static_cast<std::uint64_t>(seconds) / 30);
  }
  EXPECT_FALSE(totp_step_of(secret, "287082", Wall{std::chrono::seconds{59 + 90}}));
  EXPECT_FALSE(totp_step_of(secret, "", Wall{std::chrono::seconds{59}}));
}

TEST(Account, LogsInAndOutAndIsLockedOut) {
  Rig rig;
  ASSERT_TRUE(rig.identity->add_account("ann", "operator", "correct horse"));
  EXPECT_EQ(rig.identity->add_account("ann", "viewer", "correct horse").error().kind, Kind::exists);
  EXPECT_EQ(rig.identity->add_account("bob", "king", "correct horse").error().kind, Kind::invalid);
  EXPECT_EQ(rig.identity->add_account("bob", "viewer", "short").error().kind, Kind::invalid);
  EXPECT_EQ(rig.journal().find("correct horse"), std::string::npos);
  const auto login = rig.identity->login("ann", "correct horse", "", rig.from);
  ASSERT_TRUE(login) << login.error().what;
  EXPECT_EQ(login->account.role, AccountRole::operator_);
  EXPECT_EQ(rig.identity->by_login(login->token)->csrf, login->csrf);
  EXPECT_FALSE(rig.identity->by_login(login->csrf));
  EXPECT_EQ(rig.journal().find(login->token), std::string::npos);
  rig.identity->logout(login->token, rig.from);
  EXPECT_EQ(rig.identity->by_login(login->token).error().reason, "login_needed");
  EXPECT_EQ(rig.identity->login("nobody", "correct horse", "", rig.from).error().what,
            rig.identity->login("ann", "wrong", "", rig.from).error().what);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(rig.identity->login("ann", "wrong", "", rig.from));
  EXPECT_EQ(rig.identity->login("ann", "correct horse", "", rig.from).error().reason, "locked_out");
  rig.clock.pass(seconds{61});
  EXPECT_TRUE(rig.identity->login("ann", "correct horse", "", rig.from));
}

TEST(Account, SessionsEndByIdlenessByAgeAndByWhatChanges) {
  Rig rig;
  ASSERT_TRUE(rig.identity->add_account("ann", "admin", "correct horse"));
  const auto open = [&] { return rig.identity->login("ann", "correct horse", "", rig.from)->token; };
  const auto idle = open();
  rig.clock.pass(hours{8});
  EXPECT_FALSE(rig.identity->by_login(idle));
  const auto busy = open();
  for (int hour = 0; hour < 23; hour += 4) {
    EXPECT_TRUE(rig.identity->by_login(busy)) << hour;
    rig.clock.pass(hours{4});
  }
  EXPECT_FALSE(rig.identity->by_login(busy)) << "after a day, however busy";
  const auto before = open();
  ASSERT_TRUE(rig.identity->set_account_password("ann", "another horse"));
  EXPECT_FALSE(rig.identity->by_login(before));
  EXPECT_FALSE(rig.identity->login("ann", "correct horse", "", rig.from));
  const auto removed = rig.identity->login("ann", "another horse", "", rig.from)->token;
  ASSERT_TRUE(rig.other()->remove_account("ann")) << "by another process";
  EXPECT_FALSE(rig.identity->by_login(removed));
  EXPECT_TRUE(rig.identity->accounts().empty());
}

TEST(Account, ASessionOutlivesARestartAndNothingThatEndedComesBack) {
  Rig rig;
  for (const char* name : {"ann", "bob", "cid"}) ASSERT_TRUE(rig.identity->add_account(name, "admin", "correct horse"));
  const auto login = [&](const char* name) { return *rig.identity->login(name, "correct horse", "", rig.from); };
  const auto stays = login("ann");
  const auto left = login("ann");
  const auto idle = login("ann");
  const auto changed = login("bob");
  const auto removed = login("cid");
  rig.identity->logout(left.token, rig.from);
  rig.clock.pass(hours{7});
  EXPECT_TRUE(rig.identity->by_login(stays.token));
  rig.clock.pass(hours{1});
  EXPECT_FALSE(rig.identity->by_login(idle.token));
  rig.open();
  const auto again = rig.identity->by_login(stays.token);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->csrf, stays.csrf) << "the page that is open goes on";
  EXPECT_EQ(again->account.name, "ann");
  EXPECT_FALSE(rig.identity->by_login(left.token));
  EXPECT_FALSE(rig.identity->by_login(idle.token));
  EXPECT_TRUE(rig.identity->by_login(changed.token));
  ASSERT_TRUE(rig.identity->set_account_password("bob", "another horse"));
  ASSERT_TRUE(rig.identity->remove_account("cid"));
  rig.open();
  EXPECT_FALSE(rig.identity->by_login(changed.token));
  EXPECT_FALSE(rig.identity->by_login(removed.token));
  rig.identity->logout(stays.token, rig.from);
  rig.open();
  EXPECT_FALSE(rig.identity->by_login(stays.token)) << "left by the run after";
  const auto old = login("ann");
  rig.clock.pass(hours{25});
  rig.open();
  EXPECT_FALSE(rig.identity->by_login(old.token));
}

TEST(Account, TheSecondFactorIsAskedForAndItsCodeTakenOnce) {
  Rig rig;
  ASSERT_TRUE(rig.identity->add_account("ann", "admin", "correct horse"));
  const auto uri = rig.identity->set_second_factor("ann", true);
  ASSERT_TRUE(uri);
  EXPECT_TRUE(uri->starts_with("otpauth://totp/gw:ann?secret=")) << *uri;
  EXPECT_EQ(rig.identity->login("ann", "correct horse", "", rig.from).error().reason, "code_needed");
  EXPECT_EQ(rig.identity->login("ann", "wrong", "", rig.from).error().reason, "bad_credentials")
      << "who does not know the password learns nothing of the second factor";
  EXPECT_EQ(rig.identity->login("ann", "correct horse", "000000", rig.from).error().reason, "bad_credentials");
  const auto secret = uri->substr(uri->find("secret=") + 7, 32);
  Buffer bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : secret) {
    bits = (bits << 5) | static_cast<std::uint32_t>(std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").find(c));
    if (held += 5; held >= 8) bytes.push_back(static_cast<std::byte>((bits >> (held -= 8)) & 255));
  }
  const auto now =
      static_cast<std::uint64_t>(std::chrono::floor<seconds>(rig.clock.at).time_since_epoch().count()) / 30;
  const auto code = totp_at(bytes, now);
  EXPECT_TRUE(rig.identity->login("ann", "correct horse", code, rig.from));
  EXPECT_EQ(rig.identity->login("ann", "correct horse", code, rig.from).error().reason, "bad_credentials")
      << "a replay";
  EXPECT_TRUE(rig.identity->login("ann", "correct horse", totp_at(bytes, now + 1), rig.from));
  EXPECT_EQ(rig.journal().find(secret), std::string::npos);
  ASSERT_TRUE(rig.identity->set_second_factor("ann", false));
  EXPECT_TRUE(rig.identity->login("ann", "correct horse", "", rig.from));
}

}  // namespace
}  // namespace skerry::identity::test
