// `skerry device list|show|forget`: questions to a running gateway.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.hpp"

namespace skerry::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* page_items = "1000";

Json parse(const std::string& text) { return Json::parse(text, nullptr, false); }

// Control characters of a device's text must not reach a terminal.
std::string clean(std::string text) {
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string member(const Json& of, const char* name) {
  const auto found = of.find(name);
  if (found == of.end() || found->is_null()) return "-";
  return clean(found->is_string() ? found->get<std::string>() : found->dump());
}

Result<> list(const DeviceOptions& options) {
  const auto client = TRY(HttpClient::connect(options));
  std::string cursor;
  if (!options.json) std::printf("%-32s %12s  %-24s  %s\n", "device", "readings", "last seen", "last reading");
  do {
    const auto text = TRY(client->body("GET", "/api/v1/devices?limit=" + std::string(page_items) +
                                                  (cursor.empty() ? "" : "&cursor=" + encoded(cursor))));
    const auto page = parse(text);
    if (!page.is_object() || !page.contains("items")) return fail(Code::invalid, "the gateway's answer cannot be read");
    for (const auto& device : page["items"]) {
      if (options.json) {
        std::printf("%s\n", device.dump().c_str());
      } else {
        std::printf("%-32s %12s  %-24s  %s\n", member(device, "device_id").c_str(), member(device, "readings").c_str(),
                    member(device, "last_seen").c_str(), member(device, "data").c_str());
      }
    }
    cursor = page["next"].is_string() ? page["next"].get<std::string>() : "";
  } while (!cursor.empty());
  return {};
}

Result<> show(const DeviceOptions& options) {
  const auto client = TRY(HttpClient::connect(options));
  const auto text = TRY(client->body("GET", "/api/v1/devices/" + encoded(options.device)));
  const auto device = parse(text);
  if (options.json || !device.is_object()) {
    std::printf("%s\n", text.c_str());
    return {};
  }
  for (const auto& [name, value] : device.items())
    std::printf("%-14s %s\n", name.c_str(), member(device, name.c_str()).c_str());
  return {};
}

Result<> forget(const DeviceOptions& options) {
  const auto client = TRY(HttpClient::connect(options));
  const auto text = TRY(client->body("DELETE", "/api/v1/devices/" + encoded(options.device)));
  const auto said = parse(text);
  if (options.json || !said.is_object())
    std::printf("%s\n", text.c_str());
  else
    std::printf("%s is forgotten; %s\n", clean(options.device).c_str(), member(said, "remains").c_str());
  return {};
}

int run(Result<> (*what)(const DeviceOptions&), const DeviceOptions& options) {
  const auto done = what(options);
  return done ? 0 : failed(done.error());
}

}  // namespace

int device_list(const DeviceOptions& options) { return run(list, options); }
int device_show(const DeviceOptions& options) { return run(show, options); }
int device_forget(const DeviceOptions& options) { return run(forget, options); }

}  // namespace skerry::cli
