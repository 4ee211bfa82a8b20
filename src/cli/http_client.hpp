// A blocking HTTP client, for commands that ask a running gateway.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace skerry::cli {

// Where a gateway's API is: `--url`, or what DATA/ports.json says. $SKERRY_TOKEN goes along where it is set, else what
// DATA/command.token holds: who can read it may ask for everything.
struct ApiOptions {
  std::string url;  // http://host:port; empty: the data folder says
  std::string data_dir;
};

class HttpClient {
 public:
  struct Answer {
    int status = 0;
    std::string body;
  };
  // Code::not_found: no gateway runs on that folder. Code::io: nobody answers there.
  static Result<std::unique_ptr<HttpClient>> connect(const ApiOptions& options);
  virtual ~HttpClient() = default;
  // One request at a time over one connection. A body goes as JSON.
  virtual Result<Answer> ask(std::string_view method, const std::string& target, const std::string& body = {}) = 0;
  // Of an answer that is no 2xx, what its problem+json says; else its body.
  Result<std::string> body(std::string_view method, const std::string& target, const std::string& body = {});
};

// A text as part of a query: letters, digits and -._~ stay, all else is percent-encoded.
std::string encoded(std::string_view text);

}  // namespace skerry::cli
