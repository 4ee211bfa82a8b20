// Where a gateway's cloud is.
#include <charconv>

#include "link/link.hpp"

namespace skerry::link {

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [text](std::string what, Code code = Code::invalid) {
    return fail(code, std::move(what), std::string(text));
  };
  Url url;
  auto rest = text;
  if (rest.starts_with("wss://")) {
    url.tls = true;
    rest.remove_prefix(6);
  } else if (rest.starts_with("ws://")) {
    rest.remove_prefix(5);
  } else {
    return wrong("must be wss://host:port, or ws://127.0.0.1:port on this machine");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  const bool v6 = rest.starts_with('[');
  if (colon == std::string_view::npos || (v6 && rest.find(']') > colon)) {
    url.address.port = 8091;
  } else {
    const auto digits = rest.substr(colon + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), url.address.port);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || url.address.port == 0)
      return wrong("has no port that is a number from 1 to 65535");
    rest = rest.substr(0, colon);
  }
  if (v6 && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty() || rest.find('/') != std::string_view::npos)
    return wrong("has no host, or a path; neither is asked for");
  url.address.host = rest;
  const bool loopback = rest == "localhost" || rest == "::1" || rest.starts_with("127.");
  if (!url.tls && !loopback)
    return wrong("would send everything readable over the network: ws:// is for this machine only, use wss://",
                 Code::denied);
  return url;
}

std::string text_of(const Url& url) { return (url.tls ? "wss://" : "ws://") + url.address.text(); }

}  // namespace skerry::link
