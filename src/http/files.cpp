// Files as they were packed at build time; unpacked only for a client that cannot.
#include "http/files.hpp"

#include <cstdio>

#include "base/crc32c.hpp"
#include "http/gzip.hpp"
#include "http/text.hpp"

namespace skerry::http {
namespace {

constexpr std::size_t file_bytes_max = 64 * MiB;  // unpacked; they are our own
// The page loads nothing from elsewhere and runs nothing inline.
constexpr std::string_view content_policy =
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
    "'none'";

std::string etag_of(const Asset& asset) {
  char text[40];
  std::snprintf(text, sizeof text, "\"%08x-%zx\"", crc32c(skerry::as_bytes(asset.gzip)), asset.gzip.size());
  return text;
}

bool matches(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" || if_none_match.find(etag) != std::string_view::npos;
}

void answer(const Asset& asset, const std::string& etag, const Request& request, Responder responder) {
  Response response;
  response.headers = {{"ETag", etag},
                      {"Vary", "Accept-Encoding"},
                      {"Cache-Control", asset.immutable ? "public, max-age=31536000, immutable" : "no-cache"}};
  if (asset.content_type.starts_with("text/html")) {
    response.headers.push_back({"Content-Security-Policy", std::string(content_policy)});
    response.headers.push_back({"X-Frame-Options", "DENY"});
  }
  if (matches(request.header("if-none-match"), etag)) {
    response.status = 304;
    return responder.respond(std::move(response));
  }
  response.content_type = asset.content_type;
  if (accepts_coding(request.header("accept-encoding"), "gzip")) {
    response.headers.push_back({"Content-Encoding", "gzip"});
    response.body = asset.gzip;
    return responder.respond(std::move(response));
  }
  auto plain = gunzip(asset.gzip, file_bytes_max);
  INVARIANT(plain.has_value());
  response.body = std::move(*plain);
  responder.respond(std::move(response));
}

}  // namespace

std::vector<std::pair<std::string, Handler>> file_handlers(std::span<const Asset> assets) {
  std::vector<std::pair<std::string, Handler>> handlers;
  for (const auto& asset : assets) {
    handlers.emplace_back(asset.path, [asset, etag = etag_of(asset)](const Request& request, Responder responder) {
      answer(asset, etag, request, std::move(responder));
    });
  }
  return handlers;
}

}  // namespace skerry::http
