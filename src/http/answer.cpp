// Answers as objects: reasons, problems (RFC 9457), JSON strings, and what a request says of itself.
#include <algorithm>

#include "codec/json.hpp"
#include "http/http.hpp"
#include "http/text.hpp"

namespace skerry::http {
namespace {

int status_of(Code code) {
  switch (code) {
    case Code::invalid: return 400;
    case Code::not_found: return 404;
    case Code::exists: return 409;
    case Code::full: return 413;
    case Code::busy: return 503;
    case Code::io:
    case Code::closed: return 503;
    case Code::damaged: return 500;
    case Code::unsupported: return 501;
    case Code::denied: return 403;
  }
  return 500;
}

// Splits `query` into decoded name and value; calls `take` until it returns false.
template <typename Take>
Result<> each_parameter(std::string_view query, Take take) {
  while (!query.empty()) {
    const auto amp = query.find('&');
    const auto pair = query.substr(0, amp);
    query = amp == std::string_view::npos ? std::string_view{} : query.substr(amp + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    const auto name = percent_decode(pair.substr(0, equals), true);
    const auto value =
        percent_decode(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value)
      return fail(Code::invalid, "the query holds a '%' that is not followed by two hex digits", "query");
    take(*name, *value);
  }
  return {};
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const Header& h) { return same_name(h.name, name); });
  return found == headers.end() ? std::string_view{} : std::string_view(found->value);
}

std::string_view Request::segment(std::string_view name) const {
  const auto found = std::ranges::find_if(segments, [&](const Header& h) { return h.name == name; });
  INVARIANT(found != segments.end());
  return found->value;
}

Result<std::optional<std::string>> Request::parameter(std::string_view name) const {
  std::optional<std::string> found;
  bool twice = false;
  TRY(each_parameter(query, [&](const std::string& key, const std::string& value) {
    if (key != name) return;
    twice = twice || found;
    found = value;
  }));
  if (twice) return fail(Code::invalid, "is given more than once", std::string(name));
  return found;
}

Result<std::vector<std::string>> Request::parameter_names() const {
  std::vector<std::string> names;
  TRY(each_parameter(query, [&](const std::string& key, const std::string&) { names.push_back(key); }));
  return names;
}

std::string_view reason(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

Response json(std::string body, int status) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Response problem(int status, std::string_view detail, std::string_view members) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  auto& body = response.body;
  body = R"({"type":"about:blank","title":)";
  codec::append_json_string(body, reason(status));
  body += ",\"status\":" + std::to_string(status) + ",\"detail\":";
  codec::append_json_string(body, detail);
  body += members;
  body += "}";
  if (status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

Response problem(const Error& error) { return problem(status_of(error.code), error.text()); }

}  // namespace skerry::http
