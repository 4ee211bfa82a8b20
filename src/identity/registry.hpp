// The registry: devices, their certificates, claim codes and sessions, as they result from the journal's lines.
//
// Pure: apply() takes lines in order. A line it does not know changes nothing. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "identity/certificate.hpp"

namespace skerry::identity {

struct Issued {
  std::string serial;
  std::string key_id;
  std::string public_key;  // PEM
  Role role = Role::device;
  Wall not_before{};
  Wall not_after{};
  std::string replaces;  // serial of the one it renews; dropped when this one has proven to work
  bool revoked = false;
  Wall revoked_at{};
  std::string reason;
};

struct Device {
  std::string id;
  std::string name;
  std::string type;
  std::string location;
  std::string clearance = "basic";
  std::string attributes = "{}";      // a JSON object, as registered
  std::string status = "registered";  // registered, revoked, quarantined
  std::string password;               // how scrypt hashed it; empty: none
  std::string psk_salt;               // what its pre-shared key is derived with; empty: it has none
  Wall registered_at{};
  std::vector<std::string> serials;  // in order of issue
};

// What a person with an account may do on the page and in the API: look; also work on alerts, send commands and name
// devices; everything.
enum class AccountRole : std::uint8_t { viewer, operator_, admin };
std::string_view name(AccountRole role);
std::optional<AccountRole> account_role_named(std::string_view name);

struct Account {
  std::string name;
  AccountRole role = AccountRole::viewer;
  std::string password;   // how scrypt hashed it
  std::string totp_salt;  // what its second factor is derived with; empty: it has none
};

struct ClaimCode {
  std::string hash;  // SHA-256 of the code, hex
  std::string id;    // the only device it is for; empty: any new one
  Wall expires{};
  bool used = false;
};

struct Session {
  std::string id;
  std::string device;
  std::string level;
  double risk = 0;
  Wall expires{};
  std::string from;
  bool away = false;  // opened elsewhere than at the device's usual location
};

// Somebody logged in at a browser; over restarts.
struct KeptLogin {
  std::string account;
  Wall ends{};
};

class Registry {
 public:
  void apply(std::string_view line);

  const Device* device(std::string_view id) const;
  const Issued* certificate(std::string_view serial) const;
  // Whose key it is, when it stands in a certificate that is neither revoked nor replaced; empty: nobody's.
  std::string owner_of_key(std::string_view key_id) const;
  std::string subject_of(std::string_view serial) const;
  const Account* account(std::string_view name) const;
  std::vector<Account> accounts() const;
  const ClaimCode* code(std::string_view hash) const;
  const Session* session(std::string_view id) const;
  std::vector<Session> sessions(Wall now) const;
  std::vector<Session> sessions_after(std::string_view id, std::size_t most) const;  // in order of their ids
  const KeptLogin* login(std::string_view token_hash) const;
  void forget_login(std::string_view token_hash);
  std::vector<const Device*> devices() const;
  std::vector<std::pair<std::string, Issued>> certificates() const;  // with whose they are
  std::vector<Revocation> revoked() const;
  // Grows whenever something that a door was told may no longer hold: revocation, quarantine, the end of a session.
  std::uint64_t revision() const { return revision_; }
  std::uint64_t revocations() const { return revocations_; }
  Wall newest() const { return newest_; }  // time of the newest line; what a clock that had run ahead wrote, left out
  // Whether evidence of that time came of a clock that had run ahead (`clock` lines).
  bool ran_ahead(Wall at) const;
  std::uint64_t clock_lines() const { return clock_lines_; }
  void forget_sessions(Wall now);  // those that are over, and log-ins

 private:
  struct Line;
  bool apply_account(const Line& line);
  void issue(const Line& line);
  void revoke(const Line& line);
  void register_device(const Line& line);

  std::map<std::string, Device, std::less<>> devices_;
  std::map<std::string, Issued, std::less<>> certificates_;
  std::map<std::string, std::string, std::less<>> keys_;      // key id -> subject
  std::map<std::string, std::string, std::less<>> subjects_;  // serial -> subject
  std::map<std::string, ClaimCode, std::less<>> codes_;
  std::map<std::string, Account, std::less<>> accounts_;
  std::map<std::string, Session, std::less<>> sessions_;
  std::map<std::string, KeptLogin, std::less<>> logins_;  // by the SHA-256 of their tokens
  std::uint64_t revision_ = 0;
  std::uint64_t revocations_ = 0;
  Wall newest_{};
  std::vector<std::pair<Wall, Wall>> ahead_;  // after, up to and with
  std::uint64_t clock_lines_ = 0;
};

}  // namespace skerry::identity
