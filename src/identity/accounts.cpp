// Accounts of people: names, roles, passwords, a second factor, and the sessions of browsers.
#include <openssl/crypto.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "identity/identity_impl.hpp"
#include "identity/password.hpp"
#include "identity/totp.hpp"

namespace skerry::identity {
namespace {

using Json = nlohmann::ordered_json;

const Origin here{"local", "cli"};

Refusal wrong_login() { return {Kind::unauthenticated, "bad_credentials", "name, password or code is wrong"}; }
Refusal no_account() { return {Kind::not_found, "account_not_found", "there is no account of that name"}; }
Answer<> good_password(std::string_view password) {
  if (password.size() < 8 || password.size() > 1024)
    return refuse(Kind::invalid, "invalid", "a password has 8 to 1024 characters");
  return {};
}

}  // namespace

Result<Buffer> IdentityImpl::totp_secret(const Account& account) {
  const auto secret = TRY(site_secret());
  auto mac = hmac_sha256(secret, as_bytes("skerry totp 1\n" + account.name + "\n" + account.totp_salt));
  mac.resize(20);  // RFC 4226 4: 160 bits
  return mac;
}

Answer<> IdentityImpl::add_account(std::string_view name, std::string_view role, std::string_view password) {
  TRY(good_password(password));
  const auto hash = hash_password(password, chance_);
  return durably([&]() -> Answer<> {
    if (const auto good = check_id(name); !good) return refuse(Kind::invalid, "invalid", good.error().what);
    if (!account_role_named(role)) return refuse(Kind::invalid, "invalid", "a role is viewer, operator or admin");
    if (registry_.account(name) != nullptr)
      return refuse(Kind::exists, "exists", "there is an account of that name already");
    const Json data{{"role", role}, {"hash", hash}};
    return record({{"cli", here.address, "account", std::string(name), "ok", data.dump()}});
  });
}

Answer<> IdentityImpl::remove_account(std::string_view name) {
  return durably([&]() -> Answer<> {
    if (registry_.account(name) == nullptr) return std::unexpected(no_account());
    return record({{"cli", here.address, "account_remove", std::string(name), "ok", {}}});
  });
}

Answer<> IdentityImpl::set_account_password(std::string_view name, std::string_view password) {
  TRY(good_password(password));
  const auto hash = hash_password(password, chance_);
  return durably([&]() -> Answer<> {
    if (registry_.account(name) == nullptr) return std::unexpected(no_account());
    const Json data{{"hash", hash}};
    return record({{"cli", here.address, "account_password", std::string(name), "ok", data.dump()}});
  });
}

Answer<std::string> IdentityImpl::set_second_factor(std::string_view name, bool on) {
  return durably([&]() -> Answer<std::string> {
    const auto* account = registry_.account(name);
    if (account == nullptr) return std::unexpected(no_account());
    const auto salt = on ? base64url(random_bytes(chance_, 16)) : std::string();
    const Json data{{"salt", salt}};
    TRY(record({{"cli", here.address, "account_totp", std::string(name), "ok", data.dump()}}));
    if (!on) return std::string();
    const auto secret = totp_secret(*registry_.account(name));
    if (!secret) return refuse(Kind::unavailable, "no_secret", secret.error().text());
    return totp_uri(*secret, name, options_.gateway_id);
  });
}

std::vector<Account> IdentityImpl::accounts() {
  const auto held = lock();
  look();
  return registry_.accounts();
}

bool IdentityImpl::code_is_right(const Account& account, std::string_view code) {
  const auto secret = totp_secret(account);
  if (!secret) return false;
  const auto step = totp_step_of(*secret, code, time());
  auto& used = totp_used_[account.name];
  if (!step || *step <= used) return false;  // RFC 6238 5.2: a code is taken once
  used = *step;
  return true;
}

Answer<Login> IdentityImpl::login(std::string_view name, std::string_view password, std::string_view code,
                                  const Origin& from) {
  const std::string who = "account " + std::string(name.substr(0, 64));  // apart from a device of that name
  std::string stored;
  {
    const auto held = lock();
    look();
    if (auto fast = hurries_from(from)) return std::unexpected(*fast);
    if (auto wait = waits(who, from)) {
      refused(*wait, name, from, name);
      return std::unexpected(*wait);
    }
    if (const auto* const account = registry_.account(name)) stored = account->password;
  }
  const bool right = password_is_right(password, stored);
  return durably([&]() -> Answer<Login> {
    const auto* const account = registry_.account(name);
    const auto no = [&](const Refusal& refusal) -> Answer<Login> {
      return std::unexpected(fail_login(refusal, who, from).error());
    };
    if (account == nullptr || account->password != stored || !right) return no(wrong_login());
    if (!account->totp_salt.empty()) {
      if (code.empty()) return refuse(Kind::unauthenticated, "code_needed", "the code of the second factor is needed");
      if (!code_is_right(*account, code)) return no(wrong_login());
    }
    guard_.succeeded(who, from.address);
    const auto mono = clock_.mono();
    std::erase_if(logins_, [mono](const auto& each) { return each.second.ends <= mono; });
    if (logins_.size() >= limits::logins_max)
      return refuse(Kind::unavailable, "too_many_sessions", "too many sessions are open");
    const auto token = base64url(random_bytes(chance_, 32));
    const auto hash = hex(sha256(as_bytes(token)));
    const auto csrf = csrf_of(hash);
    if (!csrf) return refuse(Kind::unavailable, "no_secret", csrf.error().text());
    Login made{token, *csrf, *account};
    logins_[hash] = {account->name, account->password,         account->totp_salt,
                     *csrf,         mono + limits::login_idle, mono + limits::login_valid};
    const Json data{
        {"door", from.door}, {"token", hash}, {"ends", format_rfc3339(to_event(time() + limits::login_valid))}};
    TRY(record({{"user:" + account->name, from.address, "login", account->name, "ok", data.dump()}}));
    return made;
  });
}

Result<std::string> IdentityImpl::csrf_of(std::string_view token_hash) {
  const auto secret = TRY(site_secret());
  auto mac = hmac_sha256(secret, as_bytes("skerry csrf 1\n" + std::string(token_hash)));
  mac.resize(16);
  return base64url(mac);
}

// One of a run before: it goes on until its day is over. How long nobody asked is not known, and counts anew.
void IdentityImpl::take_up_login(const std::string& token_hash, Mono mono) {
  const auto* const kept = registry_.login(token_hash);
  const auto* const account = kept == nullptr ? nullptr : registry_.account(kept->account);
  const auto left = kept == nullptr ? Wall::duration{} : kept->ends - time();
  if (account == nullptr || left <= Wall::duration{} || logins_.size() >= limits::logins_max) return;
  const auto csrf = csrf_of(token_hash);
  if (!csrf) return;
  const auto ends = mono + std::min<std::chrono::nanoseconds>(left, limits::login_valid);
  logins_[token_hash] = {account->name, account->password, account->totp_salt, *csrf, mono + limits::login_idle, ends};
}

Answer<Login> IdentityImpl::by_login(std::string_view token) {
  const auto held = lock();
  look();
  const auto mono = clock_.mono();
  const auto hash = hex(sha256(as_bytes(token)));
  if (!logins_.contains(hash)) take_up_login(hash, mono);
  const auto found = logins_.find(hash);
  const auto* const account = found == logins_.end() ? nullptr : registry_.account(found->second.account);
  // A changed password or second factor ends what was opened with the one before.
  if (account == nullptr || found->second.idle <= mono || found->second.ends <= mono ||
      found->second.password != account->password || found->second.totp_salt != account->totp_salt) {
    if (found != logins_.end()) end_login(found, "gateway", "local");
    return refuse(Kind::unauthenticated, "login_needed", "log in");
  }
  found->second.idle = mono + limits::login_idle;
  return Login{std::string(token), found->second.csrf, *account};
}

void IdentityImpl::end_login(Logins::iterator login, std::string_view who, std::string_view from) {
  const Json data{{"token", login->first}};
  (void)record({{std::string(who), std::string(from), "logout", login->second.account, "ok", data.dump()}}, false);
  logins_.erase(login);
}

void IdentityImpl::logout(std::string_view token, const Origin& from) {
  const auto held = lock();
  look();
  const auto hash = hex(sha256(as_bytes(token)));
  if (!logins_.contains(hash)) take_up_login(hash, clock_.mono());
  if (const auto found = logins_.find(hash); found != logins_.end())
    end_login(found, "user:" + found->second.account, from.address);
}

}  // namespace skerry::identity
