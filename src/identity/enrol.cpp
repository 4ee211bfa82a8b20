// Enrolment: who gets a certificate, and how it is taken away again.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "identity/identity_impl.hpp"
#include "identity/password.hpp"

namespace skerry::identity {
namespace {

using Json = nlohmann::ordered_json;

std::string hash_of_code(std::string_view code) {
  std::string plain;
  for (const char c : code) {
    if (c == '-' || c == ' ') continue;
    plain += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return hex(sha256(as_bytes(plain)));
}

Refusal invalid(const Error& error) { return {Kind::invalid, "invalid", error.text()}; }

std::string time_text(Wall at) { return format_rfc3339(to_event(at)); }

}  // namespace

Answer<Key> IdentityImpl::key_of(const Enrolment& wanted) const {
  if (wanted.csr.empty() == wanted.public_key.empty())
    return refuse(Kind::invalid, "invalid", "one of csr and public_key is needed, in PEM");
  if (!wanted.csr.empty()) {
    auto request = read_request_pem(wanted.csr);
    if (!request)
      return refuse(Kind::invalid, request.error().code == Code::denied ? "weak_or_unproven_key" : "invalid",
                    "csr: " + request.error().what);
    if (!request->common_name.empty() && request->common_name != wanted.id)
      return refuse(Kind::invalid, "name_mismatch", "csr: its common name is not the id");
    return request->key;
  }
  auto key = Key::from_public_pem(wanted.public_key);
  if (!key) return refuse(Kind::invalid, "invalid", "public_key: " + key.error().what);
  if (const auto strong = key->check_strength(); !strong)
    return refuse(Kind::invalid, "weak_or_unproven_key", "public_key: " + strong.error().what);
  return *key;
}

// The hash of the code that is used up, or empty where `by` vouches.
Answer<std::string> IdentityImpl::admit(const Enrolment& wanted, const Caller* by, const Origin& from) {
  const auto* const device = registry_.device(wanted.id);
  const bool vouched = by != nullptr && by->role != Role::device;
  if (vouched && wanted.claim_code.empty()) {
    if (device != nullptr && device->status != "revoked" && by->role != Role::operator_)
      return refuse(Kind::exists, "exists", "a device of that id is registered already");
    return std::string();
  }
  if (auto fast = hurries_from(from)) return std::unexpected(*fast);
  if (wanted.claim_code.empty())
    return refuse(Kind::unauthenticated, "claim_code_needed",
                  "a claim code, or the client certificate of an operator or gateway, is needed");
  if (auto wait = waits(wanted.id, from)) return std::unexpected(*wait);
  const auto hash = hash_of_code(wanted.claim_code);
  const auto* const code = registry_.code(hash);
  const Refusal wrong{Kind::unauthenticated, "claim_code_invalid",
                      "the claim code is unknown, used, expired or for another device"};
  const bool good = code != nullptr && same_secret(as_bytes(code->hash), as_bytes(hash)) && !code->used &&
                    code->expires > time() && (code->id.empty() || code->id == wanted.id);
  if (!good) {
    auto failed = fail_login(wrong, wanted.id, from);
    return std::unexpected(failed.error());
  }
  // A code made for this id opens it again, for a device that was reset; a free one does not.
  if (device != nullptr && code->id.empty() && !device->serials.empty())
    return refuse(Kind::exists, "exists",
                  "a device of that id is registered already; an operator can make a code for it");
  return hash;
}

Answer<Certificate> IdentityImpl::sign(std::string_view id, Role role, const Key& key, std::chrono::seconds valid) {
  const auto owner = registry_.owner_of_key(key.id());
  if (!owner.empty() && owner != id)
    return refuse(Kind::exists, "key_in_use", "that key is another identity's already");
  const auto at = time();
  if (at >= pki_->signer().not_after())
    return refuse(Kind::unavailable, "authority_expired",
                  "the site's authority has expired, or the clock is far ahead");
  auto made = pki_->issue(
      {.id = std::string(id), .role = role, .key = key, .not_before = at - limits::backdated, .not_after = at + valid});
  if (!made) {
    logger::error("identity", "cannot issue a certificate", {{"why", made.error().text()}});
    return refuse(Kind::unavailable, "cannot_issue", "this gateway cannot issue certificates: " + made.error().what);
  }
  metrics_.counter("skerry_pki_issued_total", "certificates issued", {{"role", std::string(name(role))}}).add();
  return *made;
}

Entry IdentityImpl::issue_entry(const Certificate& certificate, std::string_view who, const Origin& from,
                                std::string_view id, std::string_view replaces) const {
  Json data{{"serial", certificate.serial()},
            {"key", certificate.key().id()},
            {"public_key", certificate.key().public_pem()},
            {"role", name(certificate.role())},
            {"not_before", time_text(certificate.not_before())},
            {"not_after", time_text(certificate.not_after())},
            {"issuer", certificate.issuer()}};
  if (!replaces.empty()) data["replaces"] = replaces;
  return {std::string(who), from.address, "issue", std::string(id), "ok", data.dump()};
}

Entry IdentityImpl::register_entry(const Enrolment& wanted, std::string_view who, const Origin& from,
                                   std::string_view code_hash) const {
  Json data{{"name", wanted.name}, {"type", wanted.type}, {"location", wanted.location}};
  data["attributes"] = Json::parse(wanted.attributes, nullptr, false);
  if (!wanted.clearance.empty()) data["clearance"] = wanted.clearance;
  if (!code_hash.empty()) data["code"] = code_hash;
  return {std::string(who), from.address, "register", wanted.id, "ok", data.dump()};
}

Answer<Enrolled> IdentityImpl::enrol(const Enrolment& asked, const Caller* by, const Origin& from) {
  return durably([&]() -> Answer<Enrolled> {
    auto wanted = asked;
    if (const auto good = check_id(wanted.id); !good) return std::unexpected(invalid(good.error()));
    const auto attributes = Json::parse(wanted.attributes, nullptr, false);
    if (!attributes.is_object() || wanted.attributes.size() > limits::attributes_bytes_max)
      return refuse(Kind::invalid, "invalid", "attributes is a JSON object of at most 16 KiB");
    if (wanted.location.empty() && attributes.contains("location") && attributes["location"].is_string())
      wanted.location = attributes["location"].get<std::string>();
    if (by == nullptr || by->role != Role::operator_) wanted.clearance.clear();  // nobody raises itself
    const auto code = admit(wanted, by, from);
    if (!code) {
      if (code.error().reason != "claim_code_invalid" && code.error().reason != "rate_limited")
        refused(code.error(), wanted.id, from, wanted.id);
      return std::unexpected(code.error());
    }
    const auto key = key_of(wanted);
    if (!key) {
      refused(key.error(), wanted.id, from, wanted.id);
      return std::unexpected(key.error());
    }
    auto certificate = sign(wanted.id, Role::device, *key, options_.pki.device_valid);
    if (!certificate) return std::unexpected(certificate.error());
    const auto who = by != nullptr ? by->text() : "device:" + wanted.id;
    std::vector<Entry> entries;
    std::vector<std::string> old;
    if (const auto* const device = registry_.device(wanted.id)) {
      for (const auto& serial : device->serials) {
        if (!revoked(serial)) old.push_back(serial);
      }
      if (wanted.name.empty()) wanted.name = device->name;
      if (wanted.type.empty()) wanted.type = device->type;
    }
    if (!old.empty())
      entries.push_back(
          {who, from.address, "revoke", wanted.id, "ok", Json{{"serials", old}, {"reason", "cessation"}}.dump()});
    entries.push_back(register_entry(wanted, who, from, *code));
    entries.push_back(issue_entry(*certificate, who, from, wanted.id, {}));
    if (auto done = record(std::move(entries)); !done) return std::unexpected(done.error());
    return Enrolled{*registry_.device(wanted.id), pki_->chain_pem(*certificate), *certificate};
  });
}

Answer<Enrolled> IdentityImpl::renew(const Caller& caller, std::string_view csr_pem, const Origin& from) {
  return durably([&]() -> Answer<Enrolled> {
    const auto request = read_request_pem(csr_pem);
    if (!request) return refuse(Kind::invalid, "invalid", "csr: " + request.error().what);
    if (!request->common_name.empty() && request->common_name != caller.id)
      return refuse(Kind::forbidden, "name_mismatch", "the request is for another name than the client certificate's");
    const auto* const device = registry_.device(caller.id);
    if (device == nullptr) return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    const auto* const old = registry_.certificate(caller.serial);
    const bool expired = time() >= caller.until;
    if (expired && (old == nullptr || request->key.id() != old->key_id))
      return refuse(Kind::forbidden, "key_mismatch", "an expired certificate renews with its own key only");
    auto certificate = sign(caller.id, Role::device, request->key, options_.pki.device_valid);
    if (!certificate) return std::unexpected(certificate.error());
    auto entry = issue_entry(*certificate, caller.text(), from, caller.id, caller.serial);
    if (expired) {
      auto data = Json::parse(entry.data);
      data["after_expiry"] = true;
      entry.data = data.dump();
    }
    if (auto done = record({std::move(entry)}); !done) return std::unexpected(done.error());
    return Enrolled{*registry_.device(caller.id), pki_->chain_pem(*certificate), *certificate};
  });
}

Answer<> IdentityImpl::revoke_serials(const std::vector<std::string>& serials, std::string_view id,
                                      std::string_view reason, std::string_view who, const Origin& from) {
  const Json data{{"serials", serials}, {"reason", reason}};
  if (auto done = record({{std::string(who), from.address, "revoke", std::string(id), "ok", data.dump()}}); !done)
    return done;
  metrics_.counter("skerry_pki_revoked_total", "certificates revoked", {{"reason", std::string(reason)}})
      .add(serials.size());
  if (const auto written = keep_crl(); !written)
    logger::error("identity", "the revocation list cannot be written", {{"why", written.error().text()}});
  return {};
}

Answer<> IdentityImpl::revoke(std::string_view id, std::string_view reason, const Caller& by, const Origin& from) {
  return durably([&]() -> Answer<> {
    if (by.role == Role::device && by.id != id)
      return refuse(Kind::forbidden, "forbidden", "a device may revoke itself only");
    static constexpr std::string_view known[] = {"unspecified", "key_compromise", "cessation"};
    if (std::ranges::find(known, reason) == std::end(known))
      return refuse(Kind::invalid, "invalid", "reason is one of unspecified, key_compromise, cessation");
    std::vector<std::string> serials;
    if (const auto* const device = registry_.device(id)) {
      for (const auto& serial : device->serials) {
        if (!revoked(serial)) serials.push_back(serial);
      }
      if (device->status == "revoked" && serials.empty()) return {};
    } else if (registry_.certificate(id) != nullptr) {  // a serial: one certificate, of an operator for instance
      const auto serial = std::string(id);
      if (revoked(serial)) return {};
      return revoke_serials({serial}, "certificate:" + serial, reason, by.text(), from);
    } else {
      return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    }
    return revoke_serials(serials, id, reason, by.text(), from);
  });
}

// ---- the commands' side ----

namespace {

const Origin here{"local", "cli"};
const std::string commander = "cli";

}  // namespace

Answer<std::vector<NewCode>> IdentityImpl::make_codes(std::size_t count, std::string_view id,
                                                      std::chrono::seconds valid) {
  return durably([&]() -> Answer<std::vector<NewCode>> {
    if (count == 0 || count > limits::codes_per_call_max)
      return refuse(Kind::invalid, "invalid", "between 1 and 100000 codes can be made at once");
    if (!id.empty()) {
      if (const auto good = check_id(id); !good) return std::unexpected(invalid(good.error()));
    }
    std::vector<NewCode> codes;
    std::vector<Entry> entries;
    const auto expires = time() + valid;
    for (std::size_t i = 0; i < count; ++i) {
      auto code = random_code(chance_, 4);
      Json data{{"hash", hash_of_code(code)}, {"id", id}, {"expires", time_text(expires)}};
      entries.push_back({commander, here.address, "claim", std::string(id), "ok", data.dump()});
      codes.push_back({std::move(code), std::string(id), expires});
    }
    if (auto done = record(std::move(entries)); !done) return std::unexpected(done.error());
    return codes;
  });
}

Answer<> IdentityImpl::preregister(const std::vector<Secret>& all) {
  return durably([&]() -> Answer<> {
    std::vector<Entry> entries;
    for (const auto& [id, secret] : all) {
      if (const auto good = check_id(id); !good)
        return refuse(Kind::invalid, "invalid", "\"" + id + "\": " + good.error().what);
      if (secret.size() < 12 || secret.size() > 256)
        return refuse(Kind::invalid, "invalid", id + ": a secret has 12 to 256 characters");
      const Json data{{"hash", hash_of_code(secret)}, {"id", id}, {"expires", "9999-12-31T23:59:59Z"}};
      entries.push_back({commander, here.address, "claim", id, "ok", data.dump()});
    }
    return record(std::move(entries));
  });
}

Answer<> IdentityImpl::set_password(std::string_view id, std::string_view password) {
  return durably([&]() -> Answer<> {
    if (registry_.device(id) == nullptr)
      return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    if (password.size() < 8 || password.size() > 1024)
      return refuse(Kind::invalid, "invalid", "a password has 8 to 1024 characters");
    const Json data{{"hash", hash_password(password, chance_)}};
    return record({{commander, here.address, "password", std::string(id), "ok", data.dump()}});
  });
}

Answer<> IdentityImpl::add_device(const Enrolment& wanted) {
  return durably([&]() -> Answer<> {
    if (const auto good = check_id(wanted.id); !good) return std::unexpected(invalid(good.error()));
    if (registry_.device(wanted.id) != nullptr)
      return refuse(Kind::exists, "exists", "a device of that id is registered already");
    return record({register_entry(wanted, commander, here, {})});
  });
}

Answer<Enrolled> IdentityImpl::issue(std::string_view id, Role role, const Key& key, std::chrono::seconds valid) {
  return durably([&]() -> Answer<Enrolled> {
    if (const auto good = check_id(id); !good) return std::unexpected(invalid(good.error()));
    if (const auto strong = key.check_strength(); !strong) return std::unexpected(invalid(strong.error()));
    auto certificate = sign(id, role, key, valid.count() == 0 ? options_.pki.device_valid : valid);
    if (!certificate) return std::unexpected(certificate.error());
    std::vector<Entry> entries;
    Device device{.id = std::string(id)};
    if (role == Role::device) {
      if (const auto* const known = registry_.device(id); known == nullptr || known->status == "revoked") {
        Enrolment wanted{.id = std::string(id)};
        if (known != nullptr)
          wanted = {.id = known->id,
                    .name = known->name,
                    .type = known->type,
                    .attributes = known->attributes,
                    .location = known->location};
        entries.push_back(register_entry(wanted, commander, here, {}));
      }
    }
    entries.push_back(issue_entry(*certificate, commander, here, id, {}));
    if (auto done = record(std::move(entries)); !done) return std::unexpected(done.error());
    if (role == Role::device) device = *registry_.device(id);
    return Enrolled{device, pki_->chain_pem(*certificate), *certificate};
  });
}

Answer<Enrolled> IdentityImpl::renew_by_operator(std::string_view id, const Origin& from) {
  return durably([&]() -> Answer<Enrolled> {
    const auto* const device = registry_.device(id);
    if (device == nullptr) return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    const auto newest = std::ranges::find_if(device->serials.rbegin(), device->serials.rend(),
                                             [this](const auto& serial) { return !revoked(serial); });
    if (newest == device->serials.rend())
      return refuse(Kind::not_found, "no_certificate",
                    "the device has no certificate that is not revoked; make a claim code for it");
    const auto key = Key::from_public_pem(registry_.certificate(*newest)->public_key);
    if (!key) return refuse(Kind::unavailable, "no_key", "the device's key is not known");
    auto certificate = sign(id, Role::device, *key, options_.pki.device_valid);
    if (!certificate) return std::unexpected(certificate.error());
    if (auto done = record({issue_entry(*certificate, commander, from, id, *newest)}); !done)
      return std::unexpected(done.error());
    return Enrolled{*registry_.device(id), pki_->chain_pem(*certificate), *certificate};
  });
}

Answer<> IdentityImpl::release(std::string_view id) {
  return durably([&]() -> Answer<> {
    if (registry_.device(id) == nullptr)
      return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    return record({{commander, here.address, "release", std::string(id), "ok", {}}});
  });
}

}  // namespace skerry::identity
