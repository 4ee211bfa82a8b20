// Making and loading the site's authorities, and issuing below them.
#include "identity/pki.hpp"

#include <algorithm>

#include "base/secret_file.hpp"
#include "identity/journal.hpp"
#include "identity/limits.hpp"

namespace skerry::identity {
namespace {

Error with_where(Error error, const std::string& where) {
  error.where = error.where.empty() ? where : where + ": " + error.where;
  return error;
}

bool is_address(std::string_view name) {
  return name.find(':') != std::string_view::npos || name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string Pki::path(std::string_view file) const { return join_path(dir_, file); }

Result<Pki> Pki::open(Files& files, std::string_view dir, const PkiOptions& options, Wall now, Chance& chance) {
  TRY(files.make_dirs(dir));
  const auto lock = TRY(lock_folder(files, dir));
  Pki pki(files, std::string(dir), options, chance);
  TRY(pki.load_or_make_root(now));
  TRY(pki.load_or_make_issuer(now));
  const auto all = pki.ca_pem();
  const auto kept = read_file(files, pki.path("ca.pem"), limits::pem_bytes_max);
  if (!kept || as_text(*kept) != all) TRY(replace_file(files, pki.path("ca.pem"), as_bytes(all)));
  return pki;
}

Result<Key> Pki::load_key(const char* file) const {
  if (!TRY(files_->exists(path(file)))) return Key();
  const auto pem = TRY(read_file(*files_, path(file), limits::pem_bytes_max));
  auto key = Key::from_private_pem(as_text(pem));
  if (!key) return std::unexpected(with_where(key.error(), path(file)));
  return key;
}

Result<> Pki::load_or_make_root(Wall now) {
  root_key_ = TRY(load_key("ca.key"));
  if (TRY(files_->exists(path("ca.pem")))) {
    const auto pem = TRY(read_file(*files_, path("ca.pem"), limits::pem_bytes_max));
    auto root = Certificate::from_pem(as_text(pem));
    if (!root) return std::unexpected(with_where(root.error(), path("ca.pem")));
    root_ = std::move(*root);
    if (!root_key_.empty() && root_key_.id() != root_.key().id())
      return fail(Code::damaged, "is not the key of ca.pem", path("ca.key"));
    return {};
  }
  // The key is stored before the certificate: a cut between both leaves a key that the next start uses.
  if (root_key_.empty()) {
    root_key_ = TRY(Key::make_rsa(options_.root_rsa_bits));
    TRY(replace_secret_file(*files_, path("ca.key"), as_bytes(root_key_.private_pem())));
  }
  Wanted wanted{.purpose = Purpose::root,
                .subject = TRY(parse_name(options_.ca_subject)),
                .key = root_key_,
                .not_before = now - limits::backdated,
                .not_after = now + limits::root_valid,
                .serial = random_bytes(*chance_, 16)};
  root_ = TRY(make_certificate(wanted, nullptr, root_key_));
  return replace_file(*files_, path("ca.pem"), as_bytes(root_.pem()));
}

Result<> Pki::load_or_make_issuer(Wall now) {
  issuer_key_ = TRY(load_key("issuer.key"));
  if (TRY(files_->exists(path("issuer.pem")))) {
    const auto pem = TRY(read_file(*files_, path("issuer.pem"), limits::pem_bytes_max));
    issuers_ = TRY(Certificate::all_from_pem(as_text(pem)));
  }
  const bool usable = !issuers_.empty() && !issuer_key_.empty() && issuer_key_.id() == issuers_.front().key().id();
  // A new one at two thirds of its life. None when the root has expired, or the clock only says so.
  const bool due = !usable || issuers_.front().not_after() - limits::issuer_valid / 3 < now;
  if (options_.flat || !due || root_key_.empty() || (usable && now >= root_.not_after())) return {};
  issuer_key_ = TRY(Key::make_p256());
  auto subject = TRY(parse_name(options_.ca_subject));
  subject.emplace_back("CN", "Edge IoT Issuer " + hex(random_bytes(*chance_, 3)));
  Wanted wanted{.purpose = Purpose::issuer,
                .subject = std::move(subject),
                .key = issuer_key_,
                .not_before = root_.not_before(),  // not the clock's word: it may have run ahead
                .not_after = std::min(now + Wall::duration(limits::issuer_valid), root_.not_after()),
                .serial = random_bytes(*chance_, 16)};
  issuers_.insert(issuers_.begin(), TRY(make_certificate(wanted, &root_, root_key_)));
  if (issuers_.size() > limits::issuers_max) issuers_.resize(limits::issuers_max);
  std::string pem;
  for (const auto& each : issuers_) pem += each.pem();
  TRY(replace_secret_file(*files_, path("issuer.key"), as_bytes(issuer_key_.private_pem())));
  return replace_file(*files_, path("issuer.pem"), as_bytes(pem));
}

std::vector<Certificate> Pki::authorities() const {
  std::vector<Certificate> all{root_};
  all.insert(all.end(), issuers_.begin(), issuers_.end());
  return all;
}

std::string Pki::ca_pem() const {
  std::string pem;
  for (const auto& each : authorities()) pem += each.pem();
  return pem;
}

std::string Pki::chain_pem(const Certificate& leaf) const {
  for (const auto& each : issuers_) {
    if (each.subject() == leaf.issuer()) return leaf.pem() + each.pem();
  }
  return leaf.pem();
}

Result<Certificate> Pki::issue(const Order& order) {
  if (signing_key().empty())
    return fail(Code::denied, "the key that issues certificates is not on this gateway", path("issuer.key"));
  NameParts subject{{"CN", order.id}};
  for (auto& part : TRY(parse_name(options_.device_subject))) subject.push_back(std::move(part));
  if (order.role != Role::device) subject.emplace_back("OU", name(order.role));
  Wanted wanted{.purpose = Purpose::client,
                .subject = std::move(subject),
                .key = order.key,
                .not_before = order.not_before,
                .not_after = std::min(order.not_after, signer().not_after()),
                .dns_names = {order.id + "." + options_.name_suffix},
                .addresses = {"127.0.0.1", "::1"},
                .serial = random_bytes(*chance_, 16)};
  return make_certificate(wanted, &signer(), signing_key());
}

Result<> Pki::write_crl(const std::vector<Revocation>& revoked, Wall now, std::chrono::seconds valid) {
  if (signing_key().empty()) return {};
  const auto number =
      static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  auto pem = TRY(make_crl(revoked, signer(), signing_key(), now, now + valid, number)).pem();
  if (!flat() && !root_key_.empty()) pem += TRY(make_crl({}, root_, root_key_, now, now + valid, number)).pem();
  return replace_file(*files_, path("crl.pem"), as_bytes(pem));
}

// ---- the server's own certificate ----

std::pair<std::vector<std::string>, std::vector<std::string>> Pki::server_names() const {
  std::vector<std::string> names{"localhost"};
  std::vector<std::string> addresses{"127.0.0.1", "::1"};
  for (const auto& each : options_.server_names) (is_address(each) ? addresses : names).push_back(each);
  return {names, addresses};
}

bool Pki::server_is_fresh(const Certificate& certificate, Wall now) const {
  const auto authorities = this->authorities();
  const bool known =
      std::ranges::any_of(authorities, [&](const auto& a) { return a.subject() == certificate.issuer(); });
  const auto [names, addresses] = server_names();
  const auto third = (certificate.not_after() - certificate.not_before()) / 3;
  return known && certificate.dns_names() == names && certificate.addresses() == addresses &&
         certificate.crl_url() == options_.server_crl_url && now < certificate.not_after() - third &&
         certificate.not_before() <= now + limits::clock_leap_max;  // else a clock that ran ahead
}

Result<ServerFiles> Pki::server(Wall now) {
  const bool there = TRY(files_->exists(path("server.pem"))) && TRY(files_->exists(path("server.key")));
  if (there && !signing_key().empty()) {
    const auto pem = TRY(read_file(*files_, path("server.pem"), limits::pem_bytes_max));
    const auto kept = Certificate::from_pem(as_text(pem));
    if (!kept || !server_is_fresh(*kept, now)) TRY(make_server(now));
  } else if (!there) {
    TRY(make_server(now));
  }
  const auto chain = TRY(read_file(*files_, path("server.pem"), limits::pem_bytes_max));
  const auto key = TRY(read_file(*files_, path("server.key"), limits::pem_bytes_max));
  return ServerFiles{std::string(as_text(chain)), std::string(as_text(key))};
}

Result<> Pki::make_server(Wall now) {
  if (signing_key().empty()) return fail(Code::denied, "no key to sign the server's certificate with", dir_);
  const auto [names, addresses] = server_names();
  const auto key = TRY(Key::make_p256());
  Wanted wanted{.purpose = Purpose::server,
                .subject = {{"CN", names.front()}},
                .key = key,
                .not_before = now - limits::backdated,
                .not_after = std::min(now + Wall::duration(limits::server_valid), signer().not_after()),
                .dns_names = names,
                .addresses = addresses,
                .crl_url = options_.server_crl_url,
                .serial = random_bytes(*chance_, 16)};
  const auto certificate = TRY(make_certificate(wanted, &signer(), signing_key()));
  TRY(replace_secret_file(*files_, path("server.key"), as_bytes(key.private_pem())));
  return replace_file(*files_, path("server.pem"), as_bytes(chain_pem(certificate)));
}

}  // namespace skerry::identity
