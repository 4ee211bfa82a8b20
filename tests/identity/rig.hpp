// An Identity in a folder of its own, with a clock that tests turn and a root that is quick to make.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/metrics.hpp"
#include "base/secret_file.hpp"
#include "identity/identity.hpp"

namespace skerry::identity::test {

using std::chrono::hours;
using std::chrono::seconds;

struct TurnedClock final : Clock {
  Wall wall() override { return at; }
  Mono mono() override { return Mono{} + std::chrono::nanoseconds{ns}; }
  bool synchronised() override { return right; }
  void pass(seconds s) {
    at += s;
    ns += std::chrono::nanoseconds(s).count();
  }
  Wall at = Wall(*parse_time("2027-03-01T12:00:00Z"));
  std::int64_t ns = 1'000'000'000;
  bool right = false;
};

struct Rig {
  // `own_root`: not the one that the other rigs share, to save the time that RSA takes.
  explicit Rig(Options o = {}, bool own_root = false) : options(std::move(o)) {
    char name[] = "/tmp/skerry-identity-XXXXXX";
    dir = ::mkdtemp(name);
    static const std::string shared_root = Key::make_rsa(2048)->private_pem();
    if (!own_root) {
      EXPECT_TRUE(system_files().make_dirs(pki_dir(dir)));
      EXPECT_TRUE(replace_secret_file(system_files(), pki_dir(dir) + "/ca.key", as_bytes(shared_root)));
    }
    options.pki.root_rsa_bits = 2048;
    options.gateway_id = "gw";
    open();
  }
  ~Rig() {
    identity.reset();
    std::filesystem::remove_all(dir);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  void open() {
    identity.reset();
    auto opened = Identity::open(system_files(), clock, system_chance(), metrics, dir, options);
    if (!opened) {
      ADD_FAILURE() << opened.error().text();
      std::abort();
    }
    identity = std::move(*opened);
  }
  // A second process on the same folder.
  std::unique_ptr<Identity> other() {
    return *Identity::open(system_files(), clock, system_chance(), metrics, dir, options);
  }
  std::string code(std::string_view id = {}) { return identity->make_codes(1, id, hours{24})->front().code; }
  Answer<Enrolled> enrol(const std::string& id, const Key& key, const std::string& with,
                         const std::string& attributes = "{}") {
    Enrolment wanted{.id = id, .name = "a " + id, .type = "sensor", .claim_code = with, .attributes = attributes};
    wanted.csr = *make_request_pem(key, id);
    return identity->enrol(wanted, nullptr, from);
  }
  Enrolled enrolled(const std::string& id, const Key& key, const std::string& attributes = "{}") {
    auto made = enrol(id, key, code(), attributes);
    if (!made) {
      ADD_FAILURE() << made.error().what;
      std::abort();
    }
    return *made;
  }
  Answer<Opened> session(const std::string& id, const Key& key, const Context& context = {}) {
    const auto challenge = identity->challenge(id, from);
    if (!challenge) return std::unexpected(challenge.error());
    return identity->open_session(id, *challenge, base64(*key.sign(*from_base64(*challenge))), context, from);
  }
  Answer<Caller> show(const Certificate& certificate, bool renewing = false) {
    return identity->by_certificate(certificate.der(), from, renewing);
  }
  std::string journal() {
    const auto bytes = read_file(system_files(), pki_dir(dir) + "/journal.ndjson");
    return std::string(as_text(*bytes));
  }

  Options options;
  std::string dir;
  TurnedClock clock;
  metrics::Registry metrics;
  Origin from{"192.0.2.7", "https"};
  std::unique_ptr<Identity> identity;
};

}  // namespace skerry::identity::test
