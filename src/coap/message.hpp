// Between libcoap's messages and ours: paths, options, bodies.
#pragma once

#include <coap3/coap.h>

#include <string>
#include <string_view>

#include "coap/coap.hpp"

namespace skerry::coap {

// A request whose bytes are kept; view() is valid as long as it.
class Received {
 public:
  Received(coap_session_t* session, const coap_pdu_t* pdu);

  Request view() const;
  bool in_blocks() const { return in_blocks_; }                 // it came in more than one datagram
  bool ambiguous() const { return ambiguous_; }                 // a path segment with '/', or bytes that are no text
  std::size_t announced_bytes() const { return total_bytes_; }  // of the whole body

 private:
  Method method_;
  std::string path_;
  std::string query_;
  Format format_ = Format::none;
  Bytes body_;
  std::size_t total_bytes_ = 0;
  std::string peer_;
  std::string exchange_;
  bool confirmable_ = true;
  bool observe_ = false;
  bool in_blocks_ = false;
  bool ambiguous_ = false;
};

// The path as libcoap names a resource: what RFC 3986 3.3 does not allow in a segment is escaped.
std::string escaped(std::string_view path);
coap_pdu_code_t code_of(Status status);
Status status_of(coap_pdu_code_t code);
std::string text_of(const coap_address_t* address);

}  // namespace skerry::coap
