// What the commands about identity take, and what each does. Exit codes as in cli.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/cli.hpp"

namespace skerry::cli {

struct IdentityCommand {
  StartOptions start;
  std::string id;
  std::string role = "device";
  std::string account_role = "viewer";
  std::string csr;
  std::string public_key;
  std::string out = ".";
  std::string reason = "unspecified";
  std::string trusted;
  std::string at;
  std::string csv;
  std::string name;
  std::string type;
  std::string location;
  std::string clearance;
  std::map<std::string, std::string> targets;  // action -> topic or path
  std::uint64_t count = 1;
  std::int64_t days = 0;
  std::int64_t valid_s = 0;  // 0: the command's own default
  bool server = false;
  bool password_stdin = false;
  bool trust = false;
  bool off = false;
  bool json = false;
};

int pki_init(const IdentityCommand& options);
int pki_issue(const IdentityCommand& options);
int pki_renew(const IdentityCommand& options);
int pki_crl(const IdentityCommand& options);
int pki_show(const IdentityCommand& options);
int pki_clock(const IdentityCommand& options);
int pki_verify(const IdentityCommand& options);
int identity_revoke(const IdentityCommand& options);
int device_add(const IdentityCommand& options);
int device_claim(const IdentityCommand& options);
int device_psk(const IdentityCommand& options);
int device_release(const IdentityCommand& options);
int device_behaviour(const IdentityCommand& options);
int policy_test(const IdentityCommand& options);
int policy_show(const IdentityCommand& options);
int account_add(const IdentityCommand& options);
int account_list(const IdentityCommand& options);
int account_remove(const IdentityCommand& options);
int account_password(const IdentityCommand& options);
int account_totp(const IdentityCommand& options);
int audit_verify(const IdentityCommand& options);

}  // namespace skerry::cli
