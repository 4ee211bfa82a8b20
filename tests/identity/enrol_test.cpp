// Enrolment, renewal and revocation: certificates as required, codes used once, one key one identity.
#include <sys/stat.h>

#include "tests/identity/rig.hpp"

namespace skerry::identity::test {
namespace {

TEST(Pki, MakesRootIssuerAndServerAsRequired) {
  Rig rig;
  const auto all = *Certificate::all_from_pem(rig.identity->ca_pem());
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].subject(), "L=San Francisco,C=US,O=Edge IoT CA");
  EXPECT_EQ(all[0].issuer(), all[0].subject());
  EXPECT_TRUE(all[0].key().is_rsa());
  EXPECT_FALSE(all[1].key().is_rsa());
  EXPECT_EQ(all[1].issuer(), all[0].subject());
  EXPECT_EQ(all[0].not_after() - rig.clock.at, Wall::duration(std::chrono::days{3652}));
  const auto server = rig.identity->server_files();
  ASSERT_TRUE(server);
  const auto leaf = *Certificate::from_pem(server->chain_pem);
  EXPECT_EQ(leaf.dns_names(), std::vector<std::string>{"localhost"});
  EXPECT_EQ(leaf.addresses(), (std::vector<std::string>{"127.0.0.1", "::1"}));
  for (const char* file : {"ca.key", "issuer.key", "server.key", "journal.ndjson"}) {
    struct stat st {};
    ASSERT_EQ(::stat((pki_dir(rig.dir) + "/" + file).c_str(), &st), 0) << file;
    EXPECT_EQ(st.st_mode & 0777U, 0600U) << file;
  }
}

TEST(Pki, FlatLayoutIssuesByTheRoot) {
  Options options;
  options.pki.flat = true;
  Rig rig(options);
  const auto key = *Key::make_p256();
  const auto made = rig.enrolled("dev-1", key);
  EXPECT_EQ(made.leaf.issuer(), "L=San Francisco,C=US,O=Edge IoT CA");
  EXPECT_TRUE(rig.show(made.leaf));
}

TEST(Pki, RestartKeepsWhatItMade) {
  Rig rig;
  const auto before = rig.identity->ca_pem();
  const auto key = *Key::make_p256();
  const auto made = rig.enrolled("dev-1", key);
  rig.open();
  EXPECT_EQ(rig.identity->ca_pem(), before);
  EXPECT_TRUE(rig.show(made.leaf));
}

TEST(Enrol, GivesACertificateAsRequired) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto made = rig.enrolled("dev-1", key, R"({"location":"hall-a"})");
  EXPECT_EQ(made.device.status, "registered");
  EXPECT_EQ(made.device.location, "hall-a");
  const auto& leaf = made.leaf;
  EXPECT_EQ(leaf.common_name(), "dev-1");
  EXPECT_EQ(leaf.subject(), "L=Edge,C=US,O=Edge IoT Device,CN=dev-1");
  EXPECT_EQ(leaf.dns_names(), std::vector<std::string>{"dev-1.edge.local"});
  EXPECT_EQ(leaf.addresses(), (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(leaf.not_after() - rig.clock.at, Wall::duration(std::chrono::days{365}));
  EXPECT_EQ(leaf.key().id(), key.id());
  EXPECT_EQ(Certificate::all_from_pem(made.certificate)->size(), 2U);
  const auto caller = rig.show(leaf);
  ASSERT_TRUE(caller) << caller.error().what;
  EXPECT_EQ(caller->id, "dev-1");
  EXPECT_EQ(caller->level, "basic");
}

TEST(Enrol, TakesAPublicKey) {
  Rig rig;
  const auto key = *Key::make_rsa(2048);
  Enrolment wanted{.id = "dev-1", .public_key = key.public_pem(), .claim_code = rig.code()};
  const auto made = rig.identity->enrol(wanted, nullptr, rig.from);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_EQ(made->leaf.key().id(), key.id());
}

TEST(Enrol, RefusesWithoutOrWithAWrongCode) {
  Rig rig;
  const auto key = *Key::make_p256();
  EXPECT_EQ(rig.enrol("dev-1", key, "").error().kind, Kind::unauthenticated);
  EXPECT_EQ(rig.enrol("dev-1", key, "AAAAA-BBBBB-CCCCC-DDDDD").error().reason, "claim_code_invalid");
  const auto for_other = rig.code("dev-2");
  EXPECT_EQ(rig.enrol("dev-1", key, for_other).error().reason, "claim_code_invalid");
  const auto once = rig.code();
  EXPECT_TRUE(rig.enrol("dev-1", key, once));
  EXPECT_EQ(rig.enrol("dev-3", *Key::make_p256(), once).error().reason, "claim_code_invalid");
  const auto late = rig.code();
  rig.clock.pass(hours{25});
  EXPECT_EQ(rig.enrol("dev-4", *Key::make_p256(), late).error().reason, "claim_code_invalid");
}

TEST(Enrol, ACodeOfAnotherProcessHoldsAtOnceAndIsUsedOnceByBoth) {
  Rig rig;
  const auto commands = rig.other();
  const auto code = commands->make_codes(1, "", hours{1})->front().code;
  EXPECT_TRUE(rig.enrol("dev-1", *Key::make_p256(), code));
  Enrolment wanted{.id = "dev-2", .csr = *make_request_pem(*Key::make_p256(), "dev-2"), .claim_code = code};
  EXPECT_EQ(commands->enrol(wanted, nullptr, rig.from).error().reason, "claim_code_invalid");
}

TEST(Enrol, CodesAreTakenInAnyCaseAndWithoutDashes) {
  Rig rig;
  auto code = rig.code();
  std::erase(code, '-');
  for (auto& c : code) c = static_cast<char>(std::tolower(c));
  EXPECT_TRUE(rig.enrol("dev-1", *Key::make_p256(), code));
}

TEST(Enrol, RefusesWeakKeysOtherNamesAndBadIds) {
  Rig rig;
  EXPECT_EQ(rig.enrol("dev-1", *Key::make_rsa(1024), rig.code()).error().reason, "weak_or_unproven_key");
  Enrolment other{.id = "dev-1", .csr = *make_request_pem(*Key::make_p256(), "dev-2"), .claim_code = rig.code()};
  EXPECT_EQ(rig.identity->enrol(other, nullptr, rig.from).error().reason, "name_mismatch");
  for (const char* id : {"", "a/b", "a+b", "-a", "a b", "ä", "a\n"}) {
    Enrolment bad{.id = id, .csr = "x", .claim_code = rig.code()};
    EXPECT_EQ(rig.identity->enrol(bad, nullptr, rig.from).error().kind, Kind::invalid) << id;
  }
  Enrolment nothing{.id = "dev-1", .claim_code = rig.code()};
  EXPECT_EQ(rig.identity->enrol(nothing, nullptr, rig.from).error().kind, Kind::invalid);
}

TEST(Enrol, AFailedAttemptDoesNotUseTheCodeUp) {
  Rig rig;
  const auto code = rig.code();
  EXPECT_FALSE(rig.enrol("dev-1", *Key::make_rsa(1024), code));
  EXPECT_TRUE(rig.enrol("dev-1", *Key::make_p256(), code));
}

TEST(Enrol, OneKeyIsOneIdentity) {
  Rig rig;
  const auto key = *Key::make_p256();
  rig.enrolled("dev-1", key);
  EXPECT_EQ(rig.enrol("dev-2", key, rig.code()).error().reason, "key_in_use");
}

TEST(Enrol, AnIdIsTakenUnlessACodeWasMadeForIt) {
  Rig rig;
  const auto first = rig.enrolled("dev-1", *Key::make_p256());
  EXPECT_EQ(rig.enrol("dev-1", *Key::make_p256(), rig.code()).error().kind, Kind::exists);
  EXPECT_TRUE(rig.show(first.leaf));
  const auto second = rig.enrol("dev-1", *Key::make_p256(), rig.code("dev-1"));
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_TRUE(rig.show(second->leaf));
  EXPECT_EQ(rig.show(first.leaf).error().reason, "certificate_revoked");  // of the device before its reset
}

TEST(Enrol, AnOperatorsCertificateReplacesTheCode) {
  Rig rig;
  const auto issued = rig.identity->issue("ann", Role::operator_, *Key::make_p256(), seconds{0});
  ASSERT_TRUE(issued) << issued.error().what;
  const auto ann = rig.show(issued->leaf);
  ASSERT_TRUE(ann) << ann.error().what;
  EXPECT_EQ(ann->role, Role::operator_);
  Enrolment wanted{.id = "dev-1", .csr = *make_request_pem(*Key::make_p256(), "dev-1"), .clearance = "elevated"};
  EXPECT_TRUE(rig.identity->enrol(wanted, &*ann, rig.from));
  EXPECT_EQ(rig.identity->device("dev-1")->clearance, "elevated");
  const auto device = rig.show(rig.enrolled("dev-2", *Key::make_p256()).leaf);
  wanted.id = "dev-3";
  wanted.csr = *make_request_pem(*Key::make_p256(), "dev-3");
  EXPECT_EQ(rig.identity->enrol(wanted, &*device, rig.from).error().kind,
            Kind::unauthenticated);  // a device vouches not
}

TEST(Enrol, ADeviceCannotRaiseItself) {
  Rig rig;
  Enrolment wanted{.id = "dev-1",
                   .csr = *make_request_pem(*Key::make_p256(), "dev-1"),
                   .claim_code = rig.code(),
                   .clearance = "elevated"};
  ASSERT_TRUE(rig.identity->enrol(wanted, nullptr, rig.from));
  EXPECT_EQ(rig.identity->device("dev-1")->clearance, "basic");
}

TEST(Renew, TheOldCertificateGoesWhenTheNewOneHasWorked) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto first = rig.enrolled("dev-1", key);
  const auto caller = rig.show(first.leaf);
  const auto second = rig.identity->renew(*caller, *make_request_pem(*Key::make_p256(), "dev-1"), rig.from);
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_TRUE(rig.show(first.leaf)) << "the new one has not worked yet";
  EXPECT_TRUE(rig.show(second->leaf));
  EXPECT_EQ(rig.show(first.leaf).error().reason, "certificate_revoked");
  EXPECT_EQ(rig.identity->device("dev-1")->status, "registered");
  EXPECT_TRUE(rig.identity->still(*caller)) << "an open connection may end what it began";
}

TEST(Renew, ForNinetyDaysAfterExpiryWithTheSameKeyOnly) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto first = rig.enrolled("dev-1", key);
  rig.clock.pass(std::chrono::days{365 + 89});
  EXPECT_EQ(rig.show(first.leaf).error().reason, "certificate_expired");
  const auto caller = rig.show(first.leaf, true);
  ASSERT_TRUE(caller) << caller.error().what;
  EXPECT_EQ(rig.identity->renew(*caller, *make_request_pem(*Key::make_p256(), "dev-1"), rig.from).error().reason,
            "key_mismatch");
  const auto second = rig.identity->renew(*caller, *make_request_pem(key, "dev-1"), rig.from);
  ASSERT_TRUE(second) << second.error().what;
  EXPECT_NE(rig.journal().find("after_expiry"), std::string::npos);
  EXPECT_TRUE(rig.show(second->leaf));
  rig.clock.pass(std::chrono::days{2});
  EXPECT_FALSE(rig.show(first.leaf, true));
}

TEST(Renew, NotOfARevokedKeyNorAfterNinetyDays) {
  Rig rig;
  const auto first = rig.enrolled("dev-1", *Key::make_p256());
  const auto second = rig.enrolled("dev-2", *Key::make_p256());
  ASSERT_TRUE(rig.identity->revoke("dev-1", "key_compromise", {.id = "ann", .role = Role::operator_}, rig.from));
  rig.clock.pass(std::chrono::days{366});
  EXPECT_EQ(rig.show(first.leaf, true).error().reason, "certificate_revoked");
  rig.clock.pass(std::chrono::days{90});
  EXPECT_EQ(rig.show(second.leaf, true).error().reason, "certificate_expired");
}

TEST(Revoke, HoldsAtOnceAlsoFromAnotherProcessAndStandsInTheList) {
  Rig rig;
  const auto made = rig.enrolled("dev-1", *Key::make_p256());
  const auto caller = rig.show(made.leaf);
  ASSERT_TRUE(rig.identity->still(*caller));
  const auto before = rig.identity->revision();
  ASSERT_TRUE(rig.other()->revoke("dev-1", "key_compromise", {.id = "ann", .role = Role::operator_}, rig.from));
  EXPECT_EQ(rig.show(made.leaf).error().reason, "certificate_revoked");
  EXPECT_FALSE(rig.identity->still(*caller));
  EXPECT_GT(rig.identity->revision(), before);
  const auto list = RevocationList::from_pem(*rig.identity->crl_pem());
  ASSERT_TRUE(list);
  EXPECT_EQ(list->serials(), std::vector<std::string>{made.leaf.serial()});
  EXPECT_TRUE(list->signed_by(rig.identity->authorities()[1]));
  rig.open();
  EXPECT_EQ(rig.show(made.leaf).error().reason, "certificate_revoked");
}

TEST(Revoke, ADeviceMayRevokeItselfOnly) {
  Rig rig;
  const auto one = *rig.show(rig.enrolled("dev-1", *Key::make_p256()).leaf);
  rig.enrolled("dev-2", *Key::make_p256());
  EXPECT_EQ(rig.identity->revoke("dev-2", "unspecified", one, rig.from).error().kind, Kind::forbidden);
  EXPECT_TRUE(rig.identity->revoke("dev-1", "unspecified", one, rig.from));
  EXPECT_EQ(rig.identity->revoke("dev-9", "unspecified", {.id = "ann", .role = Role::operator_}, rig.from).error().kind,
            Kind::not_found);
}

TEST(Crl, StaleWarnsOrRefusesAsSet) {
  Options options;
  options.renew_crl = false;
  Rig rig(options);
  const auto made = rig.enrolled("dev-1", *Key::make_p256());
  ASSERT_TRUE(rig.identity->write_crl(seconds{60}));
  rig.clock.pass(seconds{120});
  ASSERT_TRUE(rig.identity->tick());
  EXPECT_TRUE(rig.show(made.leaf));
  EXPECT_EQ(rig.metrics.gauge("skerry_pki_crl_stale", "").value(), 1);
  rig.options.refuse_stale_crl = true;
  rig.open();
  EXPECT_FALSE(rig.show(made.leaf));
}

TEST(Clock, AClockOf1970RefusesNobodyKnownAndLetsNobodyIn) {
  Rig rig;
  const auto made = rig.enrolled("dev-1", *Key::make_p256());
  rig.clock.pass(std::chrono::days{300});
  const auto late = rig.enrolled("dev-2", *Key::make_p256());
  const auto there = rig.clock.at;
  rig.clock.at = Wall{};
  rig.open();
  EXPECT_TRUE(rig.show(made.leaf));
  EXPECT_TRUE(rig.show(late.leaf));
  EXPECT_TRUE(rig.identity->clock_unsure());
  Rig stranger({}, true);
  EXPECT_FALSE(rig.show(stranger.enrolled("dev-1", *Key::make_p256()).leaf));
  rig.clock.at = there + std::chrono::days{80};
  EXPECT_EQ(rig.show(made.leaf).error().reason, "certificate_expired");
  EXPECT_FALSE(rig.identity->clock_unsure());
}

// A root's life is ten years: none of what it signed is renewed, or thrown away, on the word of such a clock.
TEST(Clock, OneFarAheadAtTheStartLeavesTheAuthoritiesAsTheyAre) {
  Rig rig;
  const auto made = rig.enrolled("dev-1", *Key::make_p256());
  const auto there = rig.clock.at;
  rig.identity.reset();
  rig.clock.at = there + std::chrono::days{9000};
  rig.open();
  rig.identity.reset();
  rig.clock.at = there + std::chrono::days{1};
  rig.open();
  EXPECT_TRUE(rig.show(made.leaf));
  rig.identity.reset();
  rig.clock.at = there + std::chrono::days{1700};  // a new issuer is due; the one before still verifies
  rig.open();
  rig.identity.reset();
  rig.clock.at = there + std::chrono::days{2};
  rig.open();
  EXPECT_TRUE(rig.show(made.leaf));
}

// Ninety days without the cloud: reboots, each with a clock that may have lost its battery.
TEST(Clock, NinetyDaysAloneWithRebootsAndDeadBatteries) {
  Rig rig;
  const auto key = *Key::make_p256();
  const auto known = rig.enrolled("dev-1", key);
  Rig elsewhere({}, true);
  const auto stranger = elsewhere.enrolled("dev-1", *Key::make_p256());
  const auto start = rig.clock.at;
  for (int day = 0; day < 90; ++day) {
    const auto truth = start + std::chrono::days{day};
    rig.clock.at = day % 3 == 0 ? Wall{} + hours{day} : truth;
    if (day % 5 == 0) rig.open();
    EXPECT_TRUE(rig.show(known.leaf)) << day;
    EXPECT_FALSE(rig.show(stranger.leaf)) << day;
    if (day % 7 == 0) rig.enrolled("new-" + std::to_string(day), *Key::make_p256());
    ASSERT_TRUE(rig.identity->tick());
  }
}

}  // namespace
}  // namespace skerry::identity::test
