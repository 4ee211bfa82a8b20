// Who is it: by certificate, token or password; and whether it still may.
#include <arpa/inet.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "identity/identity_impl.hpp"
#include "identity/password.hpp"

namespace skerry::identity {
namespace {

constexpr std::size_t known_max = 20'000;
constexpr std::size_t passwords_max = 20'000;

}  // namespace

bool is_loopback(std::string_view address) {
  return address == "::1" || address.starts_with("127.") || address == "local" || address.starts_with("::ffff:127.");
}

bool in_network(std::string_view address, std::string_view network) {
  const auto slash = network.find('/');
  const std::string base(network.substr(0, slash));
  const std::string text(address);
  unsigned char a[16];
  unsigned char b[16];
  for (const auto& [family, size] : {std::pair{AF_INET, 4}, std::pair{AF_INET6, 16}}) {
    if (::inet_pton(family, text.c_str(), a) != 1 || ::inet_pton(family, base.c_str(), b) != 1) continue;
    int bits = size * 8;
    if (slash != std::string_view::npos) {
      bits = std::atoi(std::string(network.substr(slash + 1)).c_str());
      if (bits < 0 || bits > size * 8) return false;
    }
    for (int i = 0; i < bits; ++i) {
      const unsigned mask = 0x80U >> (i % 8);
      if (((a[i / 8] ^ b[i / 8]) & mask) != 0) return false;
    }
    return true;
  }
  return false;
}

bool IdentityImpl::revoked(const std::string& serial) const {
  const auto* const issued = registry_.certificate(serial);
  return (issued != nullptr && issued->revoked) || crl_serials_.contains(serial);
}

// The part that does not depend on the registry is remembered: a chain is proven once an hour.
Verdict IdentityImpl::check(Bytes der, bool renewing, Certificate& certificate) {
  auto at = time();
  const std::string print(as_text(sha256(der)));
  const auto found = known_.find(print);
  if (found != known_.end() && at >= found->second.certificate.not_before() && at < found->second.until) {
    certificate = found->second.certificate;
  } else {
    auto parsed = Certificate::from_der(der);
    if (!parsed) return {Fault::malformed, parsed.error().what};
    certificate = std::move(*parsed);
    VerifyOptions options{.now = at, .suffix = options_.pki.name_suffix, .ignore_expiry = renewing};
    const auto trusted = pki_->authorities();
    auto verdict = verify(certificate, trusted, std::span(trusted).first(1), options);
    const bool ahead = registry_.ran_ahead(certificate.not_before());
    if (verdict.fault == Fault::not_yet_valid && (ahead || known_time_.state() == KnownTime::State::behind)) {
      // Our own authority signed it at that time: it is at least that late, or the clock that it signed by ran ahead.
      options.now = certificate.not_before();
      verdict = verify(certificate, trusted, std::span(trusted).first(1), options);
      if (verdict.good() && !ahead) {
        known_time_.raise(certificate.not_before());
        at = std::max(at, certificate.not_before());
      }
    }
    if (!verdict.good()) return verdict;
    if (at < certificate.not_after()) {
      if (known_.size() >= known_max) known_.clear();
      known_[print] = {certificate, std::min<Wall>(certificate.not_after(), at + std::chrono::hours{1})};
    }
  }
  return check_registered(certificate, renewing);
}

Verdict IdentityImpl::check_registered(const Certificate& certificate, bool renewing) {
  if (revoked(certificate.serial())) return {Fault::revoked, "the certificate is revoked"};
  const auto at = time();
  if (options_.refuse_stale_crl && crl_is_stale(at))
    return {Fault::bad, "the revocation list is stale, and pki.crl_stale is refuse"};
  const auto* const device = certificate.role() == Role::device ? registry_.device(certificate.common_name()) : nullptr;
  if (device != nullptr && device->status == "revoked") return {Fault::revoked, "the device is revoked"};
  if (renewing && at >= certificate.not_after()) {
    const auto* const issued = registry_.certificate(certificate.serial());
    if (issued == nullptr) return {Fault::expired, "the certificate has expired, and this gateway did not issue it"};
    if (at >= certificate.not_after() + options_.renew_after_expiry)
      return {Fault::expired, "the certificate expired too long ago to renew"};
  }
  return {};
}

Verdict IdentityImpl::judge(Bytes leaf_der, bool renewing) {
  const auto held = lock();
  look();
  Certificate certificate;
  return check(leaf_der, renewing, certificate);
}

// A renewed certificate has worked: the one it replaces goes.
void IdentityImpl::prove(const Certificate& certificate, const Origin& from) {
  const auto* const issued = registry_.certificate(certificate.serial());
  if (issued == nullptr || issued->replaces.empty() || revoked(issued->replaces)) return;
  // No file is written here, on a door's thread: tick() signs the list and syncs the journal within a second.
  const nlohmann::ordered_json data{{"serials", {issued->replaces}}, {"reason", "superseded"}};
  (void)record({{"gateway", from.address, "revoke", certificate.common_name(), "ok", data.dump()}}, false);
  metrics_.counter("skerry_pki_revoked_total", "certificates revoked", {{"reason", "superseded"}}).add();
}

Answer<Caller> IdentityImpl::caller_of(const Certificate& certificate) {
  Caller caller{.id = certificate.common_name(), .role = certificate.role(), .serial = certificate.serial()};
  caller.until = certificate.not_after();
  if (caller.role != Role::device) {
    caller.level = name(caller.role);
    return caller;
  }
  const auto* const device = registry_.device(caller.id);
  if (device == nullptr) return refuse(Kind::unauthenticated, "device_not_found", "no device of that id is registered");
  if (device->status == "quarantined")
    return refuse(Kind::forbidden, "device_quarantined", "the device is in quarantine; an operator can release it");
  caller.type = device->type;
  caller.level = device->clearance;
  return caller;
}

std::optional<Refusal> IdentityImpl::waits(std::string_view name, const Origin& from) {
  const auto wait = guard_.locked(name, from.address, clock_.mono());
  if (wait.count() == 0) return {};
  return Refusal{Kind::too_often, "locked_out",
                 "too many failures; try again in " + std::to_string(wait.count()) + " s"};
}

std::optional<Refusal> IdentityImpl::hurries(std::string_view identity, const Origin& from) {
  if (guard_.take("i " + std::string(identity), options_.per_minute_identity, clock_.mono())) return {};
  Refusal refusal{Kind::too_often, "rate_limited", "too often within a minute; see security.identity_rate"};
  refused(refusal, identity, from, identity);
  return refusal;
}

std::optional<Refusal> IdentityImpl::hurries_from(const Origin& from) {
  if (is_loopback(from.address) || guard_.take("a " + from.address, options_.per_minute_address, clock_.mono()))
    return {};
  Refusal refusal{Kind::too_often, "rate_limited", "too much from one address; see security.address_rate"};
  refused(refusal, "anonymous", from, {});
  return refusal;
}

Answer<> IdentityImpl::paced(const Caller& caller, const Origin& from) {
  const auto held = lock();
  if (auto refusal = hurries(caller.text(), from)) return std::unexpected(std::move(*refusal));
  return {};
}

Answer<Caller> IdentityImpl::fail_login(Refusal refusal, std::string_view who, const Origin& from, bool guessable) {
  if (guessable && guard_.failed(who, from.address, clock_.mono())) {
    logger::warn("identity", "locked out after too many failures", {{"who", who}, {"from", from.address}});
    (void)record({{"gateway", from.address, "lock_out", std::string(who.substr(0, 160)), "told", {}}}, false);
  }
  refused(refusal, who, from, who);
  return std::unexpected(std::move(refusal));
}

Answer<Caller> IdentityImpl::by_certificate(Bytes leaf_der, const Origin& from, bool renewing) {
  const auto held = lock();
  look();
  Certificate certificate;
  const auto verdict = check(leaf_der, renewing, certificate);
  if (!verdict.good())
    return fail_login(
        {Kind::unauthenticated, std::string(name(verdict.fault)), "the client certificate is refused: " + verdict.what},
        certificate.handle() == nullptr ? "unknown" : certificate.common_name(), from, false);
  auto caller = caller_of(certificate);
  if (!caller) return fail_login(caller.error(), certificate.common_name(), from, false);
  if (time() < certificate.not_after()) prove(certificate, from);
  return caller;
}

Answer<Caller> IdentityImpl::by_token(std::string_view token, const Origin& from) {
  const auto held = lock();
  look();
  const auto claims = tokens_->verify(token, time());
  if (!claims)
    return fail_login({Kind::unauthenticated, "token_" + claims.error().where, claims.error().what}, "token", from,
                      false);
  Caller caller{.id = claims->device_id, .type = claims->device_type, .until = claims->expires_at};
  const auto* const device = registry_.device(caller.id);
  if (device == nullptr)
    return fail_login({Kind::unauthenticated, "device_not_found", "no device of that id is registered"}, caller.id,
                      from, false);
  if (device->status == "revoked")
    return fail_login({Kind::unauthenticated, "certificate_revoked", "the device is revoked"}, caller.id, from, false);
  if (device->status == "quarantined")
    return fail_login({Kind::forbidden, "device_quarantined", "the device is in quarantine"}, caller.id, from, false);
  caller.level = claims->access_level.empty() ? device->clearance : claims->access_level;
  if (!claims->access_level.empty()) {
    const auto* const session = registry_.session(claims->id);
    if (session == nullptr)
      return fail_login({Kind::unauthenticated, "session_ended", "the token's session has ended"}, caller.id, from,
                        false);
    caller.session = claims->id;
    caller.level = session->level;  // it may have fallen since the token was signed
  }
  return caller;
}

bool IdentityImpl::password_is_right(std::string_view password, const std::string& stored) {
  static const std::string nobodys = hash_password("nobody", chance_);
  Buffer keyed = password_salt_;
  append_bytes(keyed, as_bytes(password));
  const auto print = std::string(as_text(sha256(keyed)));
  const auto& text = stored.empty() ? nobodys : stored;
  {
    const auto held = lock();
    const auto kept = passwords_.find(text);
    if (kept != passwords_.end() && same_secret(as_bytes(kept->second), as_bytes(print))) return !stored.empty();
  }
  if (!password_matches(password, text) || stored.empty()) return false;
  const auto held = lock();
  if (passwords_.size() >= passwords_max) passwords_.clear();
  passwords_[text] = print;
  return true;
}

Answer<Caller> IdentityImpl::by_password(std::string_view id, std::string_view password, const Origin& from) {
  std::string stored;
  {
    const auto held = lock();
    look();
    if (auto fast = hurries_from(from)) return std::unexpected(*fast);
    if (auto wait = waits(id, from)) {
      refused(*wait, id, from, id);
      return std::unexpected(*wait);
    }
    if (const auto* const device = registry_.device(id)) stored = device->password;
  }
  const bool right = password_is_right(password, stored);
  const auto held = lock();
  look();
  const auto* const device = registry_.device(id);
  if (!right || device == nullptr || device->password != stored)
    return fail_login({Kind::unauthenticated, "bad_credentials", "user name or password is wrong"}, id, from);
  guard_.succeeded(id, from.address);
  if (device->status == "revoked")
    return fail_login({Kind::unauthenticated, "certificate_revoked", "the device is revoked"}, id, from);
  if (device->status == "quarantined")
    return fail_login({Kind::forbidden, "device_quarantined", "the device is in quarantine"}, id, from);
  return Caller{.id = device->id, .type = device->type, .level = device->clearance, .until = Wall::max()};
}

bool IdentityImpl::may_be_anonymous(std::string_view address) const {
  return options_.allow_anonymous && is_loopback(address);
}

bool IdentityImpl::still(const Caller& caller) {
  const auto held = lock();
  look();
  if (time() >= caller.until) return false;
  if (!caller.serial.empty() && revoked(caller.serial)) {
    const auto* const issued = registry_.certificate(caller.serial);
    // One that was replaced by a newer one of the same device may finish what it began.
    if (issued == nullptr || !issued->revoked || issued->reason != "superseded") return false;
  }
  if (!caller.session.empty()) {
    const auto* const session = registry_.session(caller.session);
    if (session == nullptr || session->level != caller.level) return false;
  }
  if (caller.role != Role::device) return true;
  const auto* const device = registry_.device(caller.id);
  if (device != nullptr && !caller.psk_salt.empty() && device->psk_salt != caller.psk_salt) return false;
  return device != nullptr && device->status == "registered";
}

Decision IdentityImpl::may(const Caller& caller, Action action, std::string_view target) {
  const auto held = lock();
  return policy_.decide(caller.subject(), action, target);
}

}  // namespace skerry::identity
