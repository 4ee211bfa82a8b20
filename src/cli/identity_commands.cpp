// What the commands about identity do.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/metrics.hpp"
#include "base/secret_file.hpp"
#include "cli/identity_options.hpp"
#include "edge/security.hpp"
#include "identity/identity.hpp"

namespace skerry::cli {
namespace {

using identity::Identity;
using identity::Role;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t input_bytes_max = 64 * MiB;

metrics::Registry& registry() {
  static metrics::Registry all;  // commands count for nobody
  return all;
}

Result<std::unique_ptr<Identity>> open(const IdentityCommand& o) {
  const auto config = TRY(load_config(o.start));
  const auto options = TRY(edge::identity_options(config, "cli"));
  TRY(system_files().make_dirs(o.start.data_dir));
  return Identity::open(system_files(), system_clock(), system_chance(), registry(), o.start.data_dir, options);
}

// Runs it, seals the journal, prints what it gave.
template <typename Work>
int with_identity(const IdentityCommand& o, Work work) {
  auto opened = open(o);
  if (!opened) return failed(opened.error());
  auto& identity = **opened;
  const auto done = work(identity);
  if (!done) return failed({Code::denied, done.error().what, done.error().reason});
  if (const auto sealed = identity.seal(); !sealed) return failed(sealed.error());
  std::fputs(done->c_str(), stdout);
  return 0;
}

using Text = identity::Answer<std::string>;

std::unexpected<identity::Refusal> wrong(const Error& error) {
  return identity::refuse(identity::Kind::invalid, "invalid", error.text());
}

identity::Caller commander() {
  const char* const user = ::getenv("USER");
  return {.id = user == nullptr ? "cli" : user, .role = Role::operator_};
}
const identity::Origin here{"local", "cli"};

Role role_of(const std::string& name) {
  return name == "operator" ? Role::operator_ : name == "gateway" ? Role::gateway : Role::device;
}

Result<std::string> read_text(const std::string& path) {
  const auto bytes = TRY(read_file(system_files(), path, input_bytes_max));
  return std::string(as_text(bytes));
}

std::string time_text(Wall at) { return format_rfc3339(to_event(at)); }

// The key to certify, and its private half where it is made here.
Result<identity::Key> key_for(const IdentityCommand& o, bool& made) {
  made = false;
  if (!o.csr.empty()) {
    const auto pem = TRY(read_text(o.csr));
    const auto request = TRY(identity::read_request_pem(pem));
    if (!request.common_name.empty() && request.common_name != o.id)
      return fail(Code::invalid, "its common name is " + request.common_name + ", not " + o.id, o.csr);
    return request.key;
  }
  if (!o.public_key.empty()) {
    const auto pem = TRY(read_text(o.public_key));
    return identity::Key::from_public_pem(pem);
  }
  made = true;
  return identity::Key::make_p256();
}

}  // namespace

int pki_init(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    if (const auto files = identity.server_files(); !files) return wrong(files.error());
    if (const auto list = identity.crl_pem(); !list) return wrong(list.error());
    const auto dir = identity::pki_dir(o.start.data_dir);
    if (o.json) return Json{{"ca", join_path(dir, "ca.pem")}}.dump() + "\n";
    return "The site's root and issuer: " + join_path(dir, "ca.pem") + "\n";
  });
}

int pki_issue(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    bool made_key = false;
    const auto key = key_for(o, made_key);
    if (!key) return wrong(key.error());
    const auto made = TRY(identity.issue(o.id, role_of(o.role), *key, std::chrono::seconds{o.days * 86400}));
    if (const auto good = system_files().make_dirs(o.out); !good) return wrong(good.error());
    const auto certificate = join_path(o.out, o.id + ".pem");
    const auto private_key = join_path(o.out, o.id + ".key");
    if (made_key) {
      if (const auto good = replace_secret_file(system_files(), private_key, as_bytes(key->private_pem())); !good)
        return wrong(good.error());
    }
    if (const auto good = replace_file(system_files(), certificate, as_bytes(made.certificate)); !good)
      return wrong(good.error());
    Json json{{"id", o.id},
              {"role", o.role},
              {"serial", made.leaf.serial()},
              {"not_after", time_text(made.leaf.not_after())},
              {"certificate", certificate}};
    if (made_key) json["key"] = private_key;
    if (o.json) return json.dump() + "\n";
    return certificate + (made_key ? "\n" + private_key : "") + "\nvalid until " + time_text(made.leaf.not_after()) +
           "\n";
  });
}

int pki_renew(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto made = TRY(identity.renew_by_operator(o.id, here));
    const auto certificate = join_path(o.out, o.id + ".pem");
    if (const auto good = system_files().make_dirs(o.out); !good) return wrong(good.error());
    if (const auto good = replace_file(system_files(), certificate, as_bytes(made.certificate)); !good)
      return wrong(good.error());
    return certificate + "\nvalid until " + time_text(made.leaf.not_after()) +
           "; the certificate before it goes when this one has been used\n";
  });
}

int identity_revoke(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    TRY(identity.revoke(o.id, o.reason, commander(), here));
    return o.json ? Json{{"id", o.id}, {"status", "revoked"}}.dump() + "\n" : o.id + " is revoked\n";
  });
}

int pki_crl(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto valid = o.valid_s == 0 ? 7 * 86400 : o.valid_s;
    if (const auto written = identity.write_crl(std::chrono::seconds{valid}); !written) return wrong(written.error());
    const auto text = read_text(join_path(identity::pki_dir(o.start.data_dir), "crl.pem"));
    if (!text) return wrong(text.error());
    return *text;
  });
}

int pki_show(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    Json authorities = Json::array();
    std::string text;
    for (const auto& each : identity.authorities()) {
      authorities.push_back({{"subject", each.subject()},
                             {"serial", each.serial()},
                             {"not_after", time_text(each.not_after())},
                             {"sha256", each.fingerprint()}});
      text += "authority  " + each.subject() + "  until " + time_text(each.not_after()) + "\n           SHA-256 " +
              each.fingerprint() + "\n";
    }
    Json certificates = Json::array();
    for (const auto& [id, each] : identity.certificates()) {
      const char* const state = each.revoked ? "revoked" : each.not_after < identity.now() ? "expired" : "valid";
      certificates.push_back({{"id", id},
                              {"role", identity::name(each.role)},
                              {"serial", each.serial},
                              {"not_after", time_text(each.not_after)},
                              {"state", state},
                              {"reason", each.reason}});
      text += std::string(state) + std::string(11 - std::string_view(state).size(), ' ') + id + "  " +
              std::string(identity::name(each.role)) + "  serial " + each.serial + "  until " +
              time_text(each.not_after) + "\n";
    }
    if (o.json) return Json{{"authorities", authorities}, {"certificates", certificates}}.dump(2) + "\n";
    return text;
  });
}

int pki_clock(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    if (o.trust) TRY(identity.trust_clock(commander(), here));
    const auto time = identity.clockwork();
    if (o.json)
      return Json{{"clock", time_text(time.clock)},
                  {"judged_by", time_text(time.judged_by)},
                  {"floor", time_text(time.floor)},
                  {"state", time.state},
                  {"synchronised", time.synchronised}}
                 .dump() +
             "\n";
    return "clock      " + time_text(time.clock) + "  " + time.state +
           (time.synchronised ? ", synchronised\n" : ", not synchronised\n") + "judged by  " +
           time_text(time.judged_by) + "\nfloor      " + time_text(time.floor) + "\n";
  });
}

// Needs no data folder where the roots are named.
int pki_verify(const IdentityCommand& o) {
  const auto pem = read_text(o.csr);
  if (!pem) return failed(pem.error());
  const auto chain = identity::Certificate::all_from_pem(*pem);
  if (!chain) return failed(chain.error());
  const auto roots_file = o.trusted.empty() ? join_path(identity::pki_dir(o.start.data_dir), "ca.pem") : o.trusted;
  const auto roots_pem = read_text(roots_file);
  if (!roots_pem) return failed(roots_pem.error());
  auto roots = identity::Certificate::all_from_pem(*roots_pem);
  if (!roots) return failed(roots.error());
  identity::VerifyOptions options{
      .now = system_clock().wall(), .client = !o.server, .own_names = o.trusted.empty() && !o.server};
  if (!o.at.empty()) {
    const auto at = parse_time(o.at);
    if (!at) return failed({Code::invalid, "is no time as RFC 3339 writes it", "--at " + o.at});
    options.now = Wall(*at);
  }
  std::vector<identity::Certificate> others(chain->begin() + 1, chain->end());
  auto trusted = std::span(*roots);
  if (o.trusted.empty()) {  // the site's root alone is trusted; its issuers are part of the chain
    others.insert(others.end(), roots->begin() + 1, roots->end());
    trusted = trusted.first(1);
  }
  const auto verdict = identity::verify(chain->front(), others, trusted, options);
  if (o.json) {
    std::printf("%s\n",
                Json{{"good", verdict.good()}, {"reason", identity::name(verdict.fault)}, {"what", verdict.what}}
                    .dump()
                    .c_str());
  } else if (verdict.good()) {
    std::puts("good");
  } else {
    std::printf("%s: %s\n", std::string(identity::name(verdict.fault)).c_str(), verdict.what.c_str());
  }
  return verdict.good() ? 0 : 1;
}

// ---- devices ----

namespace {

Text add_from_csv(Identity& identity, const std::string& path) {
  const auto text = read_text(path);
  if (!text) return wrong(text.error());
  std::istringstream lines(*text);
  std::string line;
  std::size_t number = 0;
  std::vector<identity::Secret> all;
  while (std::getline(lines, line)) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || (number == 1 && line == "id,secret")) continue;
    const auto comma = line.find(',');
    if (comma == std::string::npos || comma == 0)
      return wrong({Code::invalid, "is no line as id,secret", path + ":" + std::to_string(number)});
    all.push_back({line.substr(0, comma), line.substr(comma + 1)});
  }
  TRY(identity.preregister(all));
  return std::to_string(all.size()) + " devices may enrol, each once with its secret as claim code\n";
}

}  // namespace

int device_add(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    if (!o.csv.empty()) return add_from_csv(identity, o.csv);
    if (o.id.empty()) return wrong({Code::invalid, "name a device, or a file with --csv", {}});
    std::string password;
    if (o.password_stdin) {
      std::getline(std::cin, password);
    } else {
      password = identity::random_code(system_chance(), 5);
    }
    TRY(identity.add_device(
        {.id = o.id, .name = o.name, .type = o.type, .location = o.location, .clearance = o.clearance}));
    TRY(identity.set_password(o.id, password));
    if (o.json) {
      Json json{{"id", o.id}, {"status", "registered"}};
      if (!o.password_stdin) json["password"] = password;
      return json.dump() + "\n";
    }
    return o.id + " is registered" + (o.password_stdin ? "\n" : "; its password, shown once: " + password + "\n");
  });
}

int device_claim(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto valid = std::chrono::seconds{o.valid_s == 0 ? 30 * 86400 : o.valid_s};
    const auto codes = TRY(identity.make_codes(o.count, o.id, valid));
    Json all = Json::array();
    std::string text;
    for (const auto& each : codes) {
      all.push_back({{"code", each.code},
                     {"id", each.id.empty() ? Json() : Json(each.id)},
                     {"expires", time_text(each.expires)}});
      text +=
          each.code + (each.id.empty() ? "" : "  only for " + each.id) + "  until " + time_text(each.expires) + "\n";
    }
    return o.json ? Json{{"codes", all}}.dump() + "\n" : text;
  });
}

// ---- accounts ----

namespace {

std::string new_password(const IdentityCommand& o) {
  std::string password;
  if (!o.password_stdin) return identity::random_code(system_chance(), 4);
  std::getline(std::cin, password);
  return password;
}

std::string told(const IdentityCommand& o, Json json, const std::string& password, const std::string& text) {
  if (o.json) {
    if (!o.password_stdin) json["password"] = password;
    return json.dump() + "\n";
  }
  return text + (o.password_stdin ? "\n" : "; the password, shown once: " + password + "\n");
}

}  // namespace

int account_add(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto password = new_password(o);
    TRY(identity.add_account(o.id, o.account_role, password));
    return told(o, Json{{"name", o.id}, {"role", o.account_role}}, password, o.id + " may log in as " + o.account_role);
  });
}

int account_list(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    Json all = Json::array();
    std::string text;
    for (const auto& each : identity.accounts()) {
      const auto role = std::string(identity::name(each.role));
      all.push_back({{"name", each.name}, {"role", role}, {"second_factor", !each.totp_salt.empty()}});
      text += each.name + "  " + role + (each.totp_salt.empty() ? "\n" : "  second factor\n");
    }
    return o.json ? Json{{"accounts", all}}.dump() + "\n" : text;
  });
}

int account_remove(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    TRY(identity.remove_account(o.id));
    return o.id + " is no account any more\n";
  });
}

int account_password(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto password = new_password(o);
    TRY(identity.set_account_password(o.id, password));
    return told(o, Json{{"name", o.id}}, password, o.id + " has a new password");
  });
}

int account_totp(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto uri = TRY(identity.set_second_factor(o.id, !o.off));
    if (o.json) return Json{{"name", o.id}, {"uri", uri}}.dump() + "\n";
    return o.off ? o.id + " has no second factor any more\n" : uri + "\n";
  });
}

int device_psk(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    const auto key = TRY(identity.make_psk(o.id));
    if (o.json) return Json{{"id", o.id}, {"psk", key}}.dump() + "\n";
    return o.id + "'s pre-shared key, these 32 characters, shown once: " + key + "\n";
  });
}

int device_release(const IdentityCommand& o) {
  return with_identity(o, [&](Identity& identity) -> Text {
    TRY(identity.release(o.id));
    return o.id + " is out of quarantine\n";
  });
}

// ---- policy and audit ----

int policy_show(const IdentityCommand&) {
  std::fputs(std::string(identity::Policy::standard_text()).c_str(), stdout);
  return 0;
}

int policy_test(const IdentityCommand& o) {
  auto policy = identity::Policy::standard();
  if (!o.csv.empty()) {
    const auto text = read_text(o.csv);
    if (!text) return failed(text.error());
    auto parsed = identity::Policy::parse(*text);
    if (!parsed) return failed({parsed.error().code, parsed.error().what, o.csv + ": " + parsed.error().where});
    policy = std::move(*parsed);
  }
  const identity::Subject who{o.id.empty() ? "device" : o.id, o.type, o.clearance.empty() ? "basic" : o.clearance,
                              o.role};
  int asked = 0;
  int bad = 0;
  for (const auto& [word, target] : o.targets) {
    if (target.empty()) continue;
    ++asked;
    const auto decision = policy.decide(who, *identity::action_named(word), target);
    bad += decision.allowed ? 0 : 1;
    if (o.json) {
      std::printf("%s\n",
                  Json{{"action", word}, {"target", target}, {"allowed", decision.allowed}, {"rule", decision.rule}}
                      .dump()
                      .c_str());
    } else {
      std::printf("%s %s: %s%s\n", word.c_str(), target.c_str(), decision.allowed ? "allowed" : "denied",
                  decision.rule.empty() ? " (no rule allows it)" : (" by rule " + decision.rule).c_str());
    }
  }
  if (asked != 0) return bad == 0 ? 0 : 1;
  for (const auto& each : policy.cases()) {
    if (policy.decide(each.subject, each.action, each.target).allowed == each.allowed) continue;
    ++bad;
    std::printf("line %d: %s %s as %s is %s\n", each.line, std::string(identity::name(each.action)).c_str(),
                each.target.c_str(), each.subject.id.c_str(), each.allowed ? "denied" : "allowed");
  }
  std::printf("%zu passed, %d failed\n", policy.cases().size() - static_cast<std::size_t>(bad), bad);
  return bad == 0 ? 0 : 1;
}

int audit_verify(const IdentityCommand& o) {
  const auto dir = identity::pki_dir(o.start.data_dir);
  const auto pem = read_text(join_path(dir, "ca.pem"));
  if (!pem) return failed(pem.error());
  const auto authorities = identity::Certificate::all_from_pem(*pem);
  if (!authorities) return failed(authorities.error());
  std::vector<identity::Key> keys;
  for (const auto& each : *authorities) keys.push_back(each.key());
  const auto report = identity::verify_journal(system_files(), dir, keys);
  if (!report) return failed(report.error());
  if (o.json) {
    std::printf("%s\n", Json{{"entries", report->entries},
                             {"sealed", report->sealed},
                             {"sealed_at", report->sealed_at},
                             {"problems", report->problems}}
                            .dump()
                            .c_str());
  } else {
    for (const auto& each : report->problems) std::printf("%s\n", each.c_str());
    std::printf("%llu entries, %llu of them under the signed head, %zu problems\n",
                static_cast<unsigned long long>(report->entries), static_cast<unsigned long long>(report->sealed_at),
                report->problems.size());
  }
  return report->problems.empty() ? 0 : 1;
}

}  // namespace skerry::cli
