// Pre-shared keys of devices: HMAC-SHA256 of the device's id and a salt, by a secret of the site in DATA/pki/site.key.
// The journal holds the salt alone; a new salt is a new key.
#include <nlohmann/json.hpp>

#include "base/logger.hpp"
#include "base/secret_file.hpp"
#include "identity/identity_impl.hpp"

namespace skerry::identity {
namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t key_bytes = 16;  // RFC 7925 4.2 asks for no less; as text twice as long

std::string key_text(Bytes secret, std::string_view id, std::string_view salt) {
  const auto message = "skerry psk 1\n" + std::string(id) + "\n" + std::string(salt);
  return hex(Bytes(hmac_sha256(secret, as_bytes(message))).first(key_bytes));
}

Refusal no_such_key() { return {Kind::unauthenticated, "psk_unknown", "no device of that name has a pre-shared key"}; }

}  // namespace

Result<Buffer> IdentityImpl::site_secret() {
  if (!site_secret_.empty()) return site_secret_;
  const auto path = join_path(dir_, "site.key");
  const auto folder = TRY(lock_folder(files_, dir_));
  if (!TRY(files_.exists(path))) TRY(replace_secret_file(files_, path, random_bytes(chance_, secret_bytes)));
  auto bytes = TRY(read_file(files_, path, secret_bytes + 1));
  if (bytes.size() != secret_bytes) return fail(Code::damaged, "is no secret of 32 bytes", path);
  site_secret_ = std::move(bytes);
  return site_secret_;
}

Answer<std::string> IdentityImpl::make_psk(std::string_view id) {
  return durably([&]() -> Answer<std::string> {
    const auto* const device = registry_.device(id);
    if (device == nullptr) return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    if (device->status == "revoked") return refuse(Kind::forbidden, "certificate_revoked", "the device is revoked");
    const auto secret = site_secret();
    if (!secret) return refuse(Kind::unavailable, "no_secret", secret.error().text());
    const auto salt = base64url(random_bytes(chance_, 16));
    const nlohmann::ordered_json data{{"salt", salt}};
    TRY(record({{"cli", "local", "psk", std::string(id), "ok", data.dump()}}));
    return key_text(*secret, id, salt);
  });
}

Buffer IdentityImpl::psk_of(std::string_view id) {
  const auto held = lock();
  look();
  const auto* const device = registry_.device(id);
  const auto secret = site_secret();
  if (!secret) logger::error("identity", "pre-shared keys cannot be derived", {{"why", secret.error().text()}});
  const bool known = device != nullptr && device->status == "registered" && !device->psk_salt.empty() && secret;
  const auto text = known ? key_text(*secret, id, device->psk_salt) : hex(random_bytes(chance_, key_bytes));
  const auto bytes = as_bytes(text);
  return Buffer(bytes.begin(), bytes.end());
}

Answer<Caller> IdentityImpl::by_psk(std::string_view id, const Origin& from) {
  const auto held = lock();
  look();
  const auto* const device = registry_.device(id);
  if (device == nullptr || device->psk_salt.empty()) return fail_login(no_such_key(), id, from, false);
  if (device->status == "revoked")
    return fail_login({Kind::unauthenticated, "certificate_revoked", "the device is revoked"}, id, from, false);
  if (device->status == "quarantined")
    return fail_login({Kind::forbidden, "device_quarantined", "the device is in quarantine"}, id, from, false);
  return Caller{.id = device->id,
                .type = device->type,
                .level = device->clearance,
                .psk_salt = device->psk_salt,
                .until = Wall::max()};
}

void IdentityImpl::psk_failed(std::string_view id, const Origin& from) {
  const auto held = lock();
  look();
  const auto* const device = registry_.device(id);
  const bool known = device != nullptr && !device->psk_salt.empty();
  (void)fail_login(known ? Refusal{Kind::unauthenticated, "psk_wrong", "the pre-shared key is wrong"} : no_such_key(),
                   id, from, false);
}

}  // namespace skerry::identity
