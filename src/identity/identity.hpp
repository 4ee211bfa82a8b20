// Identity: who speaks, and what it may. One object a data folder; doors, the API and the commands share it.
//
// What is so is read from the audit journal in DATA/pki (journal.hpp), which other processes may append to: everything
// here first looks whether they did, so a code made by `skerry device claim` or a revocation holds at once. What is
// granted (a registration, a session, a revocation) is on disk before it is answered; refusals are counted, audited
// with a limit on their rate, and told apart by `reason`. Any thread; a lock is held for each call. Not on the way of
// every message: a door asks may() and keeps what identity told it at CONNECT.
//
// Time: now() is the system's wall clock where known_time.hpp believes it. Its floor: the program's build, the newest
// line of the journal and record of the log, and, while the clock is behind, the notBefore of certificates that our own
// authority signed. A clock battery that died, or a clock that ran ahead, therefore refuses nobody who is known, and
// lets nobody in who is not.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/chance.hpp"
#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"
#include "base/zone.hpp"
#include "identity/behaviour.hpp"
#include "identity/certificate.hpp"
#include "identity/journal.hpp"
#include "identity/pki.hpp"
#include "identity/policy.hpp"
#include "identity/registry.hpp"
#include "identity/risk.hpp"
#include "identity/token.hpp"
#include "identity/verify.hpp"

namespace skerry::identity {

struct Options {
  PkiOptions pki;
  std::string gateway_id = "skerry";
  RiskWeights weights;
  std::string time_zone;                // site.time_zone; empty: UTC
  std::vector<std::string> suspicious;  // addresses and networks: 203.0.113.0/24
  std::string policy_file;              // empty: the standard policy
  bool allow_anonymous = true;          // on loopback only
  bool quarantine_clones = false;
  bool refuse_stale_crl = false;      // crl_stale: refuse
  unsigned per_minute_identity = 60;  // connections, challenges, sessions and tokens of one; 0: no limit
  unsigned per_minute_address = 600;  // of one that is not loopback: what a stranger may ask for; 0: no limit
  bool renew_crl = true;              // sign the site's own list again before it is stale
  std::chrono::seconds renew_after_expiry{90L * 86400};
};

enum class Kind : std::uint8_t { unauthenticated, forbidden, not_found, invalid, exists, too_often, unavailable };

// What a peer is told. `reason` is for programs, `what` for people; neither holds a secret.
struct Refusal {
  Kind kind = Kind::invalid;
  std::string reason;
  std::string what;
};
template <typename T = void>
using Answer = std::expected<T, Refusal>;
inline std::unexpected<Refusal> refuse(Kind kind, std::string reason, std::string what) {
  return std::unexpected(Refusal{kind, std::move(reason), std::move(what)});
}

struct Origin {
  std::string address;  // without the port; `local` for a command
  std::string door;     // mqtt, mqtts, coaps, http, https, cli
};

// Somebody who has shown who it is.
struct Caller {
  std::string id;
  Role role = Role::device;
  std::string type;
  std::string level = "basic";
  std::string serial;    // of the certificate; empty: none
  std::string session;   // of the token; empty: none
  std::string psk_salt;  // of the pre-shared key; empty: none
  Wall until{};          // it must show again who it is
  Subject subject() const { return {id, type, level, std::string(name(role))}; }
  std::string text() const { return std::string(name(role)) + ":" + id; }
};

struct Enrolment {
  std::string id;
  std::string name;
  std::string type;
  std::string csr;         // PEM, or
  std::string public_key;  // PEM
  std::string claim_code;
  std::string attributes = "{}";  // a JSON object; its `location` is the usual one
  std::string location;
  std::string clearance;
};

struct Enrolled {
  Device device;
  std::string certificate;  // PEM: the leaf, then its issuer
  Certificate leaf;
};

struct Token {
  std::string token;
  std::chrono::seconds expires_in{};
  Device device;
};

struct Opened {
  std::string session_id;
  std::string session_token;
  std::string access_level;
  std::chrono::seconds expires_in{};
  Risk risk;
};

// Somebody logged in at a browser.
struct Login {
  std::string token;  // in its cookie
  std::string csrf;   // in a header of every request that changes something
  Account account;
};

struct Context {
  std::string location;
  std::string ip_address;  // as the device sees itself; what the connection shows counts as well
  double behaviour_anomaly = 0;
};

struct Secret {
  std::string id;
  std::string secret;
};

struct NewCode {
  std::string code;
  std::string id;
  Wall expires{};
};

// What is known of the time.
struct Clockwork {
  Wall clock{};
  Wall judged_by{};
  Wall floor{};
  std::string state;  // sure, behind, ahead
  bool synchronised = false;
};

class Identity {
 public:
  static Result<std::unique_ptr<Identity>> open(Files& files, Clock& clock, Chance& chance, metrics::Registry& metrics,
                                                std::string_view data_dir, const Options& options);
  virtual ~Identity() = default;

  // ---- who is it ----
  // What a TLS handshake is told: Fault::none, or why it ends. `renewing` lets a certificate pass that expired lately.
  virtual Verdict judge(Bytes leaf_der, bool renewing) = 0;
  virtual Answer<Caller> by_certificate(Bytes leaf_der, const Origin& from, bool renewing = false) = 0;
  virtual Answer<Caller> by_token(std::string_view token, const Origin& from) = 0;
  virtual Answer<Caller> by_password(std::string_view id, std::string_view password, const Origin& from) = 0;
  // The pre-shared key of a device (DTLS), or one that nobody knows, where there is none.
  virtual Buffer psk_of(std::string_view id) = 0;
  // Of a peer that has shown to know it.
  virtual Answer<Caller> by_psk(std::string_view id, const Origin& from) = 0;
  // Somebody tried a key under that name, and it was wrong, or the peer went away.
  virtual void psk_failed(std::string_view id, const Origin& from) = 0;
  virtual bool may_be_anonymous(std::string_view address) const = 0;
  // Whether what it was told at its beginning still holds: not revoked, not quarantined, not over.
  virtual bool still(const Caller& caller) = 0;
  virtual Decision may(const Caller& caller, Action action, std::string_view target) = 0;
  virtual void refused(const Refusal& refusal, std::string_view who, const Origin& from, std::string_view to) = 0;
  virtual void connected(const Caller& caller, const Origin& from) = 0;
  // What a device has sent since this was last told, for comparison with its past (behaviour.hpp).
  virtual void sent(const Caller& caller, const Traffic& traffic) = 0;
  virtual Deviation deviation(std::string_view device) = 0;
  // Before it is let in at a door of connections: whether it came too often lately. Counted, audited.
  virtual Answer<> paced(const Caller& caller, const Origin& from) = 0;
  // A person, or a command, was let do something that changes the gateway: `POST /api/v1/config/reload`.
  virtual void asked(std::string_view who, const Origin& from, std::string_view what) = 0;
  // A session of this identity was taken over by another connection.
  virtual void taken_over(std::string_view id, const Origin& from) = 0;

  // ---- enrolment ----
  // `by`: an operator or gateway, in place of a claim code.
  virtual Answer<Enrolled> enrol(const Enrolment& wanted, const Caller* by, const Origin& from) = 0;
  // EST simplereenroll: the same id, a key of the device's choice; the old certificate goes when the new one has
  // worked.
  virtual Answer<Enrolled> renew(const Caller& caller, std::string_view csr_pem, const Origin& from) = 0;
  virtual Answer<> revoke(std::string_view id, std::string_view reason, const Caller& by, const Origin& from) = 0;

  // ---- tokens and sessions ----
  virtual Answer<Token> authenticate(std::string_view id, const Caller& caller, const Origin& from) = 0;
  virtual Answer<std::string> challenge(std::string_view id, const Origin& from) = 0;  // base64
  virtual Answer<Opened> open_session(std::string_view id, std::string_view challenge, std::string_view signature,
                                      const Context& context, const Origin& from) = 0;
  virtual Answer<> end_session(std::string_view session, const Caller& by, const Origin& from) = 0;
  virtual std::vector<Session> sessions() = 0;

  // ---- accounts of people ----
  virtual Answer<> add_account(std::string_view name, std::string_view role, std::string_view password) = 0;
  virtual Answer<> remove_account(std::string_view name) = 0;
  virtual Answer<> set_account_password(std::string_view name, std::string_view password) = 0;
  // On: a new secret, as the URI that authenticator apps take. Off: empty.
  virtual Answer<std::string> set_second_factor(std::string_view name, bool on) = 0;
  virtual std::vector<Account> accounts() = 0;
  // `code` is of the second factor, where the account has one (`code_needed` when it is empty).
  virtual Answer<Login> login(std::string_view name, std::string_view password, std::string_view code,
                              const Origin& from) = 0;
  virtual Answer<Login> by_login(std::string_view token) = 0;
  virtual void logout(std::string_view token, const Origin& from) = 0;

  // ---- what is public ----
  virtual std::string jwks() = 0;
  virtual Result<std::string> crl_pem() = 0;
  virtual Result<Buffer> crl_der() = 0;  // of who signs certificates now
  virtual std::string ca_pem() = 0;      // root, then issuers
  virtual std::vector<Certificate> authorities() = 0;
  virtual Result<ServerFiles> server_files() = 0;

  // ---- the commands' side ----
  virtual Answer<std::vector<NewCode>> make_codes(std::size_t count, std::string_view id,
                                                  std::chrono::seconds valid) = 0;
  virtual Answer<> preregister(
      const std::vector<Secret>& all) = 0;  // each secret is a claim code for its id; all or none
  virtual Answer<> set_password(std::string_view id, std::string_view password) = 0;
  // A new pre-shared key, as text: its characters are the key. The one before holds no longer.
  virtual Answer<std::string> make_psk(std::string_view id) = 0;
  virtual Answer<> add_device(const Enrolment& wanted) = 0;  // without a certificate
  // For a key made elsewhere. An operator's or gateway's certificate needs no registered device.
  virtual Answer<Enrolled> issue(std::string_view id, Role role, const Key& key, std::chrono::seconds valid) = 0;
  // For the key that the device has now; the certificate before goes when the new one has worked.
  virtual Answer<Enrolled> renew_by_operator(std::string_view id, const Origin& from) = 0;
  virtual Answer<> release(std::string_view id) = 0;
  virtual Result<> write_crl(std::chrono::seconds valid) = 0;
  virtual Result<> rotate_tokens() = 0;
  virtual Result<> seal() = 0;

  // ---- time passes ----
  // About four times a second: reads what other processes did, signs the journal's head and the revocation list, turns
  // keys, reads a changed policy. Grows revision() when doors should look at their connections again.
  virtual Result<> tick() = 0;
  virtual std::uint64_t revision() const = 0;
  virtual std::uint64_t server_revision() const = 0;  // grows when server_files() has something new
  virtual void raise_floor(Wall at) = 0;              // time of the newest record known
  virtual Wall now() = 0;
  virtual bool clock_unsure() const = 0;
  virtual Clockwork clockwork() = 0;
  // An operator says that the clock is right: evidence of a later time no longer counts.
  virtual Answer<> trust_clock(const Caller& by, const Origin& from) = 0;
  virtual const Device* device(std::string_view id) = 0;  // valid until the next call
  virtual std::vector<Device> devices() = 0;
  virtual std::vector<std::pair<std::string, Issued>> certificates() = 0;  // with whose they are
};

// A-Z a-z 0-9 . _ : -, beginning with a letter or digit, at most 64: what may stand in a certificate and a topic.
Result<> check_id(std::string_view id);
// An address, or a network as 203.0.113.0/24.
bool in_network(std::string_view address, std::string_view network);
bool is_loopback(std::string_view address);  // of this machine; `local`, as commands are, too

inline constexpr int challenge_seconds = 60;

inline std::string pki_dir(std::string_view data_dir) { return join_path(data_dir, "pki"); }

}  // namespace skerry::identity
