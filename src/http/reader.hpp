// Reads HTTP/1.1 requests off a stream of bytes: no I/O, no clock (RFC 9112). Beast parses; what it lets pass and we do
// not (two lengths, other transfer codings, two hosts) is refused here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.hpp"

namespace skerry::http {

// Whole, decoded of chunks, not yet unpacked.
struct RawRequest {
  std::string method;
  std::string target;
  std::vector<Header> headers;
  std::string body;
  bool keep_alive = false;
  bool http_1_0 = false;
};

class RequestReader {
 public:
  enum class Event : std::uint8_t {
    more,       // wants further bytes
    proceed,    // the client waits for `100 Continue` before it sends the body; call again
    request,    // request() is whole
    malformed,  // status() and detail() say why; nothing more can be read from this stream
  };
  struct Limits {
    std::size_t header_bytes_max = http::header_bytes_max;
    std::size_t body_bytes_max = http::body_bytes_max;
  };

  explicit RequestReader(const Limits& limits);
  ~RequestReader();

  // Takes what it can off the front of `in`.
  Event read(std::string& in);
  bool begun() const;  // some bytes of a request have been taken
  RawRequest& request() { return request_; }
  int status() const { return status_; }
  const std::string& detail() const { return detail_; }

 private:
  struct Parser;
  Event refuse(int status, std::string detail);
  Event check_head();

  Limits limits_;
  std::unique_ptr<Parser> parser_;
  RawRequest request_;
  bool head_done_ = false;
  bool continued_ = false;
  int status_ = 0;
  std::string detail_;
};

}  // namespace skerry::http
