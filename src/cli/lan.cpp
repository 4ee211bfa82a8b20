// The machine's addresses, an account, a device, and lines to paste.
#include "cli/lan.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/metrics.hpp"
#include "edge/security.hpp"
#include "identity/identity.hpp"

namespace skerry::cli {
namespace {

constexpr const char* account = "admin";
constexpr const char* device = "esp32";

// IPv4, of interfaces that are up and not loopback: what an ESP32 can dial.
std::vector<std::string> lan_addresses() {
  std::vector<std::string> all;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const auto* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if ((each->ifa_flags & IFF_UP) == 0 || (each->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* const in = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
    if (::inet_ntop(AF_INET, &in->sin_addr, text, sizeof text) != nullptr) all.emplace_back(text);
  }
  ::freeifaddrs(first);
  return all;
}

Result<> told(const identity::Answer<>& answer) {
  if (answer) return {};
  return fail(Code::denied, answer.error().what, answer.error().reason);
}

struct Passwords {  // empty: it was there already
  std::string account;
  std::string device;
};

Result<Passwords> make_people(const StartOptions& options) {
  const auto config = TRY(load_config(options));
  TRY(system_files().make_dirs(options.data_dir));
  metrics::Registry counted;
  const auto identity = TRY(identity::Identity::open(system_files(), system_clock(), system_chance(), counted,
                                                     options.data_dir, TRY(edge::identity_options(config, "cli"))));
  Passwords made;
  if (identity->accounts().empty()) {
    made.account = identity::random_code(system_chance(), 5);
    TRY(told(identity->add_account(account, "admin", made.account)));
  }
  if (identity->device(device) == nullptr) {
    made.device = identity::random_code(system_chance(), 5);
    TRY(told(identity->add_device({.id = device, .name = "", .type = "sensor"})));
    TRY(told(identity->set_password(device, made.device)));
  }
  TRY(identity->seal());
  return made;
}

std::string text_of(const std::string& host, const std::string& data_dir, const Passwords& passwords,
                    std::uint16_t mqtts, std::uint16_t https) {
  const auto ca = join_path(data_dir, "pki/ca.pem");
  const auto port = std::to_string(mqtts);
  std::string text = "  On the network, by TLS only (trust " + ca + "):\n\n";
  text += "    Page    https://" + host + ":" + std::to_string(https) + "/   ";
  text += passwords.account.empty()
              ? "log in with the account you have (skerry account list, password)\n"
              : "log in as " + std::string(account) + ", password " + passwords.account + "   (shown once)\n";
  const auto password = passwords.device.empty() ? std::string("PASSWORD") : passwords.device;
  text += "    ESP32   host " + host + "  port " + port + "  user " + device + "  password " + password +
          (passwords.device.empty() ? "   (shown at the first start)\n" : "   (shown once)\n");
  text += "\n    mosquitto_pub -h " + host + " -p " + port + " --cafile " + ca + " -i " + device + " -u " + device +
          " -P " + password + " -q 1 -t sensors/" + device + "/data -m '{\"temperature\":21.5}'\n\n";
  text += "    More devices: skerry device add ID --data " + data_dir + "\n\n";
  return text;
}

}  // namespace

Result<LanText> prepare_lan(StartOptions& options) {
  const auto addresses = lan_addresses();
  if (addresses.empty())
    return fail(Code::not_found,
                "this machine has no IPv4 address that others reach; without --lan it runs on loopback", "--lan");
  std::string names;
  for (const auto& each : addresses) names += (names.empty() ? "" : ",") + each;
  // First, so that --set of the user goes over them.
  options.sets.insert(options.sets.begin(), {"tls.host=0.0.0.0", "tls.names=" + names});
  const auto passwords = TRY(make_people(options));
  return LanText(
      [host = addresses.front(), data_dir = options.data_dir, passwords](std::uint16_t mqtts, std::uint16_t https) {
        return text_of(host, data_dir, passwords, mqtts, https);
      });
}

}  // namespace skerry::cli
