// Names and types of the page's files.
#include "api/page.hpp"

#include <list>

#include "api/embedded.hpp"
#include "http/gzip.hpp"

namespace skerry::api {
namespace {

constexpr std::string_view plain_page =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Skerry</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"><h1>Skerry</h1>"
    "<p>The gateway runs, but this binary was built without its page. Build both with <code>script/build "
    "release</code> "
    "(it needs node and npm; <code>script/bootstrap</code> installs them).</p>"
    "<p>The API is here all the same: <a href=\"/api/v1/status\">status</a>, <a href=\"/api/v1/devices\">devices</a>, "
    "<a href=\"/api/v1/alerts\">alerts</a>, <a href=\"/api/v1/openapi.json\">its description</a>, <a "
    "href=\"/metrics\">metrics</a>.</p></html>\n";

std::string_view type_of(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> types[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".json", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".woff2", "font/woff2"},
      {".txt", "text/plain; charset=utf-8"}};
  for (const auto& [end, type] : types) {
    if (name.ends_with(end)) return type;
  }
  return "application/octet-stream";
}

}  // namespace

std::vector<http::Asset> page_assets(std::string& fallback) {
  // Paths are made once and live as long as the program, like the bytes they name.
  static std::list<std::string> paths;
  std::vector<http::Asset> assets;
  bool index = false;
  for (const auto& file : embedded::page()) {
    const auto type = type_of(file.name);
    const bool hashed = file.name.starts_with("assets/");  // Vite puts a hash into these names
    assets.push_back({paths.emplace_back("/" + std::string(file.name)), type, file.bytes, hashed});
    if (file.name != "index.html") continue;
    index = true;
    assets.push_back({"/", type, file.bytes, false});
  }
  if (!index) {
    fallback = http::gzip(plain_page);
    assets.push_back({"/", "text/html; charset=utf-8", fallback, false});
  }
  return assets;
}

}  // namespace skerry::api
