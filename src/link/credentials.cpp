// Reading certificates from files, judging a gateway's, and telling what went wrong with one.
#include "link/credentials.hpp"

#include <algorithm>

#include "link/limits.hpp"

namespace skerry::link {
namespace {

Result<std::string> read_pem(Files& files, const std::string& path, std::string_view what, std::string_view marker) {
  auto bytes = read_file(files, path, credential_bytes_max);
  if (!bytes) {
    auto error = bytes.error();
    error.what = "the " + std::string(what) + " cannot be read: " + error.what;
    error.where = path;
    return std::unexpected(std::move(error));
  }
  std::string text(as_text(*bytes));
  if (text.find(marker) == std::string::npos)
    return fail(Code::invalid, "holds no PEM block of a " + std::string(what), path);
  return text;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

Result<Credentials> load_credentials(Files& files, const CredentialFiles& paths) {
  Credentials all;
  all.trusted = TRY(read_pem(files, paths.trusted, "authority's certificate", "-----BEGIN CERTIFICATE-----"));
  all.certificate = TRY(read_pem(files, paths.certificate, "certificate", "-----BEGIN CERTIFICATE-----"));
  all.key = TRY(read_pem(files, paths.key, "private key", "PRIVATE KEY-----"));
  if (!paths.revoked.empty())
    all.revoked = TRY(read_pem(files, paths.revoked, "revocation list", "-----BEGIN X509 CRL-----"));
  return all;
}

Result<Judge> Judge::make(const Credentials& credentials, bool any_role) {
  Judge judge;
  judge.any_role_ = any_role;
  judge.all_ = TRY(identity::Certificate::all_from_pem(credentials.trusted));
  for (const auto& each : judge.all_) {
    if (each.subject() == each.issuer()) judge.roots_.push_back(each);
  }
  if (judge.roots_.empty())
    return fail(Code::invalid,
                "there is no self-signed certificate among the authorities to trust: the root is missing");
  if (credentials.revoked.empty()) return judge;
  for (auto& list : TRY(identity::RevocationList::all_from_pem(credentials.revoked))) {
    const bool ours = std::ranges::any_of(judge.all_, [&](const auto& each) { return list.signed_by(each); });
    if (!ours)
      return fail(Code::invalid, "a revocation list is signed by none of the authorities to trust: " + list.issuer());
    judge.lists_.push_back(std::move(list));
  }
  return judge;
}

Judge::Verdict Judge::judge(Bytes leaf_der, Wall now) const {
  const auto refused = [](identity::Fault fault, std::string_view reason, std::string what) {
    return Verdict{fault, std::string(reason), std::move(what), {}};
  };
  const auto leaf = identity::Certificate::from_der(leaf_der);
  if (!leaf)
    return refused(identity::Fault::malformed, identity::name(identity::Fault::malformed), leaf.error().text());
  // Device names below a site's suffix are not looked at: a gateway is not one, and other authorities have other ways.
  const auto verdict = identity::verify(*leaf, all_, roots_, {.now = now, .client = true, .own_names = false});
  if (!verdict.good()) return refused(verdict.fault, identity::name(verdict.fault), verdict.what);
  for (const auto& list : lists_) {
    if (list.issuer() != leaf->issuer()) continue;
    const auto serials = list.serials();
    if (std::ranges::find(serials, leaf->serial()) == serials.end()) continue;
    return refused(identity::Fault::revoked, identity::name(identity::Fault::revoked), "the certificate is revoked");
  }
  if (leaf->common_name().empty())
    return refused(identity::Fault::name_mismatch, identity::name(identity::Fault::name_mismatch),
                   "the certificate has no common name, or more than one");
  if (!any_role_ && leaf->role() != identity::Role::gateway)
    return refused(identity::Fault::wrong_use, "not_a_gateway",
                   "the certificate does not say that it is a gateway's (OU=gateway; link.any_role lets others in)");
  return {identity::Fault::none, "ok", {}, leaf->common_name()};
}

Trouble trouble_of(const Error& error, bool tls) {
  const auto text = error.text();
  if (contains(text, "the server's certificate is refused")) {
    auto said =
        "the cloud's certificate is refused" + error.what.substr(std::min(error.what.size(), error.what.find(": ", 0)));
    if (contains(text, "mismatch")) said += "; it must name the host of cloud.url, or cloud.server_name";
    if (contains(text, "issuer") || contains(text, "self-signed")) said += "; its authority is not in cloud.ca";
    return {"cloud_certificate", std::move(said)};
  }
  if (tls && contains(text, " alert ")) {
    const auto alert = text.substr(text.rfind(" alert ") + 7);
    return {"own_certificate", "the cloud refuses this gateway's certificate (cloud.certificate): " + alert};
  }
  if (error.code == Code::not_found || contains(text, "cannot connect")) return {"unreachable", text};
  if (contains(text, "TLS")) return {"tls", text};
  return {"closed", text};
}

}  // namespace skerry::link
