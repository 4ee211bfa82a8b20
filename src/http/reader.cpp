// Requests by Beast's parser, with the strictness a public port needs.
#include "http/reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "http/text.hpp"

namespace skerry::http {
namespace beast = boost::beast::http;

struct RequestReader::Parser {
  using Inner = beast::request_parser<beast::string_body>;
  std::optional<Inner> inner;
  bool begun = false;

  void reset(const Limits& limits) {
    inner.emplace();
    // Stops behind the head: a trailer's fields join the head's, and must not be taken for them.
    inner->eager(false);
    inner->header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    inner->body_limit(limits.body_bytes_max);
    begun = false;
  }
};

namespace {

struct Refusal {
  int status;
  std::string detail;
};

Refusal refusal_of(const boost::system::error_code& ec, const RequestReader::Limits& limits) {
  using beast::error;
  if (ec == error::header_limit) {
    return {431, "the request's head is longer than " + std::to_string(limits.header_bytes_max) + " bytes"};
  }
  if (ec == error::body_limit) {
    return {413, "the body is longer than " + std::to_string(limits.body_bytes_max) + " bytes"};
  }
  if (ec == error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  if (ec == error::bad_method) return {400, "the method is not a token (RFC 9110 9.1)"};
  if (ec == error::bad_target) return {400, "the request target holds a character that may not stand there"};
  if (ec == error::bad_field) return {400, "a header field's name is not a token"};
  if (ec == error::bad_value) return {400, "a header field's value holds a control character"};
  if (ec == error::bad_content_length) return {400, "Content-Length is no number, or contradicts another length"};
  if (ec == error::bad_transfer_encoding) return {400, "Transfer-Encoding contradicts Content-Length"};
  if (ec == error::bad_chunk || ec == error::bad_chunk_extension) return {400, "a chunk of the body is malformed"};
  return {400, "this is no HTTP request: " + ec.message()};
}

}  // namespace

RequestReader::RequestReader(const Limits& limits) : limits_(limits), parser_(std::make_unique<Parser>()) {
  parser_->reset(limits_);
}
RequestReader::~RequestReader() = default;

bool RequestReader::begun() const { return parser_->begun; }

RequestReader::Event RequestReader::refuse(int status, std::string detail) {
  status_ = status;
  detail_ = std::move(detail);
  return Event::malformed;
}

// RFC 9112 6.1 and 3.2: what two programs could read in two ways is refused.
RequestReader::Event RequestReader::check_head() {
  const auto& message = parser_->inner->get();
  request_ = {};
  request_.method = std::string(message.method_string());
  request_.target = std::string(message.target());
  request_.http_1_0 = message.version() == 10;
  request_.keep_alive = message.keep_alive();
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  bool waits = false;
  for (const auto& field : message) {
    const std::string name(field.name_string());
    const std::string value(field.value());
    if (same_name(name, "host")) ++hosts;
    if (same_name(name, "content-length")) {
      ++lengths;
      // Beast takes the list `4, 4`, which RFC 9110 8.6 lets a recipient refuse.
      if (value.find_first_not_of("0123456789") != std::string::npos) return refuse(400, "Content-Length is no number");
    }
    if (same_name(name, "transfer-encoding")) {
      ++codings;
      if (!same_name(value, "chunked")) return refuse(501, "the only transfer coding taken here is chunked");
    }
    if (same_name(name, "expect")) {
      if (!same_name(value, "100-continue")) return refuse(417, "the only expectation met here is 100-continue");
      waits = true;
    }
    request_.headers.push_back({name, value});
  }
  if (request_.target.size() > target_bytes_max) {
    return refuse(414, "the request target is longer than " + std::to_string(target_bytes_max) + " bytes");
  }
  if (hosts > 1 || (hosts == 0 && !request_.http_1_0))
    return refuse(400, "exactly one Host header is needed (RFC 9112 3.2)");
  if (codings > 1 || lengths > 1 || (codings != 0 && lengths != 0)) {
    return refuse(400, "the body's length is given more than once (RFC 9112 6.1)");
  }
  if (codings != 0 && request_.http_1_0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding (RFC 9112 6.1)");
  return waits && !request_.http_1_0 ? Event::proceed : Event::more;
}

RequestReader::Event RequestReader::read(std::string& in) {
  if (status_ != 0) return Event::malformed;
  if (!parser_->begun) {
    // RFC 9112 2.2: an empty line before a request is passed over.
    std::size_t skip = 0;
    while (in.compare(skip, 2, "\r\n") == 0) skip += 2;
    if (skip != 0) in.erase(0, skip);
    if (in == "\r") return Event::more;
  }
  std::size_t used = 0;
  try {
    while (used < in.size() || parser_->inner->is_done()) {
      parser_->begun = true;
      boost::system::error_code ec;
      if (!parser_->inner->is_done())
        used += parser_->inner->put(boost::asio::buffer(in.data() + used, in.size() - used), ec);
      if (ec && ec != beast::error::need_more) {
        in.erase(0, used);
        const auto why = refusal_of(ec, limits_);
        return refuse(why.status, why.detail);
      }
      if (parser_->inner->is_header_done() && !head_done_) {
        head_done_ = true;
        const auto event = check_head();
        if (event == Event::malformed) return event;
        if (event == Event::proceed && !parser_->inner->is_done() && used == in.size()) {
          in.clear();
          return event;
        }
      }
      if (parser_->inner->is_done()) {
        in.erase(0, used);
        request_.body = std::move(parser_->inner->get().body());
        parser_->reset(limits_);
        head_done_ = false;
        return Event::request;
      }
      if (ec == beast::error::need_more) break;
    }
  } catch (const std::exception& e) {
    return refuse(400, std::string("this is no HTTP request: ") + e.what());
  }
  in.erase(0, used);
  // Only a chunk's head can wait here for long once the request's head is done.
  if (in.size() > limits_.header_bytes_max) return refuse(head_done_ ? 400 : 431, "a line of the request is too long");
  return Event::more;
}

}  // namespace skerry::http
