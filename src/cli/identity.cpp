// Commands about identity, as the user types them.
#include "cli/identity.hpp"

#include <CLI/CLI.hpp>

#include "cli/identity_options.hpp"

namespace skerry::cli {
namespace {

struct Group {
  CLI::App& app;
  IdentityCommand& o;
  int& exit_code;

  // A command over a data folder, also of a running gateway.
  CLI::App* add(const char* name, const char* help, int (*function)(const IdentityCommand&)) const {
    auto* const command = app.add_subcommand(name, help);
    command->add_option("--data", o.start.data_dir, "the gateway's data folder; it may be running")
        ->capture_default_str();
    command->add_option("--config", o.start.config_file, "YAML file with settings")->check(CLI::ExistingFile);
    command->add_option("--set", o.start.sets, "key=value, as for skerry edge")->allow_extra_args(false);
    command->add_flag("--json", o.json, "for machines");
    command->callback([this_o = &o, code = &exit_code, function] { *code = function(*this_o); });
    return command;
  }
};

CLI::App* group(CLI::App& app, const char* name, const char* help) {
  const auto found = app.get_subcommands([name](const CLI::App* each) { return each->get_name() == name; });
  if (!found.empty()) return found.front();
  auto* const made = app.add_subcommand(name, help);
  made->require_subcommand(1);
  return made;
}

void add_pki(const Group& pki) {
  auto& o = pki.o;
  pki.add("init", "makes the site's authorities; a gateway does so on its first start", pki_init);
  auto* issue = pki.add("issue", "a certificate for a device, an operator or a gateway", pki_issue);
  issue->add_option("ID", o.id, "its common name")->required();
  issue->add_option("--role", o.role, "whom it speaks for")
      ->check(CLI::IsMember({"device", "operator", "gateway"}))
      ->capture_default_str();
  auto* csr = issue->add_option("--csr", o.csr, "certificate request, PEM; so that the key stays where it was made")
                  ->check(CLI::ExistingFile);
  issue->add_option("--public-key", o.public_key, "or its public key, PEM")->check(CLI::ExistingFile)->excludes(csr);
  issue->add_option("--out", o.out, "folder for ID.pem, and ID.key where a key is made")->capture_default_str();
  issue->add_option("--days", o.days, "how long it is valid; default: pki.device_valid")->check(CLI::Range(1, 3652));
  auto* renew = pki.add("renew", "a new certificate for the key that a device has now", pki_renew);
  renew->add_option("ID", o.id, "the device")->required();
  renew->add_option("--out", o.out, "folder for ID.pem")->capture_default_str();
  auto* revoke =
      pki.add("revoke", "takes certificates back: all of a device, or one by its serial number", identity_revoke);
  revoke->add_option("ID", o.id, "the device, or a serial number in hex")->required();
  revoke->add_option("--reason", o.reason, "why")
      ->check(CLI::IsMember({"unspecified", "key_compromise", "cessation"}))
      ->capture_default_str();
  auto* crl = pki.add("crl", "signs the revocation list anew and prints it", pki_crl);
  crl->add_option("--valid", o.valid_s, "seconds until its nextUpdate")->capture_default_str();
  pki.add("show", "authorities, and every certificate with its state", pki_show);
  pki.add("clock", "by what time certificates are judged, and why", pki_clock)
      ->add_flag("--trust", o.trust,
                 "the clock is right: what says that it is later came of a clock that had run ahead");
  auto* verify = pki.add("verify", "whether a certificate would be believed, and why not; exit 1 when not", pki_verify);
  verify->add_option("CERTIFICATE", o.csr, "PEM; what follows the first certificate is its chain")
      ->required()
      ->check(CLI::ExistingFile);
  verify->add_option("--trusted", o.trusted, "roots to believe instead of the site's, PEM")->check(CLI::ExistingFile);
  verify->add_option("--at", o.at, "time to judge by, RFC 3339; default: now");
  verify->add_flag("--server", o.server, "as a server's certificate");
}

void add_device(const Group& device) {
  auto& o = device.o;
  auto* add =
      device.add("add", "registers a device that will use a password, or many by their claim codes", device_add);
  auto* id = add->add_option("ID", o.id, "the device");
  add->add_option("--csv", o.csv, "CSV with a header id,secret: each secret enrols its device, once")
      ->check(CLI::ExistingFile)
      ->excludes(id);
  add->add_option("--name", o.name, "for people");
  add->add_option("--type", o.type, "what it is");
  add->add_option("--location", o.location, "where it usually is");
  add->add_option("--clearance", o.clearance, "its level when nothing is unusual; default: basic");
  add->add_flag("--password-stdin", o.password_stdin,
                "read its password from standard input; else one is made and printed");
  auto* claim = device.add("claim", "one-time codes with which devices enrol", device_claim);
  claim->add_option("--id", o.id, "only for this device; opens a registered id again");
  claim->add_option("--count", o.count, "how many")->check(CLI::Range(1, 100000))->capture_default_str();
  claim->add_option("--valid", o.valid_s, "seconds until they expire")->capture_default_str();
  auto* revoke =
      device.add("revoke", "takes a device's certificates back; its connections end within a second", identity_revoke);
  revoke->add_option("ID", o.id, "the device")->required();
  revoke->add_option("--reason", o.reason, "why")
      ->check(CLI::IsMember({"unspecified", "key_compromise", "cessation"}))
      ->capture_default_str();
  device.add("psk", "a new pre-shared key for a registered device (CoAP over DTLS); the one before ends", device_psk)
      ->add_option("ID", o.id, "the device; it is the key's name as well")
      ->required();
  device
      .add("behaviour",
           "reads the log again: how far each device was from its own past, and how often that was above "
           "risk.behaviour_above",
           device_behaviour)
      ->add_option("ID", o.id, "one device; default: all");
  device.add("release", "takes a device out of quarantine", device_release)
      ->add_option("ID", o.id, "the device")
      ->required();
}

void add_account(const Group& account) {
  auto& o = account.o;
  const auto named = [&o](CLI::App* command) {
    command->add_option("NAME", o.id, "whose")->required();
    return command;
  };
  auto* add =
      named(account.add("add", "an account for the page and the API; its password is made and printed", account_add));
  add->add_option("--role", o.account_role, "viewer looks; operator works on alerts and sends commands; admin does all")
      ->check(CLI::IsMember({"viewer", "operator", "admin"}))
      ->capture_default_str();
  add->add_flag("--password-stdin", o.password_stdin, "read the password from standard input");
  account.add("list", "accounts and their roles", account_list);
  named(account.add("remove", "ends an account, and whatever it has open", account_remove));
  named(account.add("password", "a new password; what is open with the one before ends", account_password))
      ->add_flag("--password-stdin", o.password_stdin, "read it from standard input; else one is made and printed");
  named(account.add("totp", "a second factor: prints what an authenticator app takes", account_totp))
      ->add_flag("--off", o.off, "no second factor any more");
}

void add_policy(CLI::App& policy, IdentityCommand& o, int& exit_code) {
  auto* test = policy.add_subcommand("test", "runs a policy's own tests, or says what one caller may; exit 1 when not");
  test->add_option("FILE", o.csv, "policy file; default: the standard policy")->check(CLI::ExistingFile);
  test->add_option("--as", o.id, "the caller's id");
  test->add_option("--type", o.type, "its type");
  test->add_option("--level", o.clearance, "its access level; default: basic");
  test->add_option("--role", o.role, "device, operator or gateway")->capture_default_str();
  for (const char* action : {"publish", "subscribe", "read", "write"})
    test->add_option(std::string("--") + action, o.targets[action], std::string("topic, filter or path to ") + action);
  test->add_flag("--json", o.json, "for machines");
  test->callback([&] { exit_code = policy_test(o); });
  policy.add_subcommand("show", "prints the standard policy, as a file to begin with")->callback([&] {
    exit_code = policy_show(o);
  });
}

}  // namespace

void add_identity(CLI::App& app, int& exit_code) {
  static IdentityCommand options;
  options.start.data_dir = "/var/lib/skerry";
  add_pki({*group(app, "pki", "the site's certificates"), options, exit_code});
  add_device({*group(app, "device", "devices of a gateway"), options, exit_code});
  add_account({*group(app, "account", "accounts of people"), options, exit_code});
  add_policy(*group(app, "policy", "who may do what"), options, exit_code);
  const Group audit{*group(app, "audit", "the audit journal"), options, exit_code};
  audit.add("verify", "finds every change and cut in the audit journal; exit 1 when there is one", audit_verify);
}

}  // namespace skerry::cli
