// Any bytes, cut anywhere: the reader neither crashes nor reads a request from one cut that it does not from another.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/reader.hpp"

namespace {

using skerry::http::RequestReader;

struct Seen {
  std::vector<std::string> requests;
  int status = 0;
  bool operator==(const Seen&) const = default;
};

Seen read(std::string_view bytes, std::size_t piece) {
  RequestReader reader({.header_bytes_max = 4096, .body_bytes_max = 4096});
  Seen seen;
  std::string in;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    in += bytes.substr(at, piece);
    for (auto event = reader.read(in); event != RequestReader::Event::more; event = reader.read(in)) {
      if (event == RequestReader::Event::malformed) {
        seen.status = reader.status();
        return seen;
      }
      if (event == RequestReader::Event::request) {
        seen.requests.push_back(reader.request().method + ' ' + reader.request().target + ' ' + reader.request().body);
      }
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read(bytes, size == 0 ? 1 : size);
  const auto pieces = read(bytes, 7);
  if (whole.requests != pieces.requests) std::abort();
  return 0;
}
