// Packs answers, unpacks requests; both bounded.
#include "http/gzip.hpp"

#include <zlib.h>

#include <array>

namespace skerry::http {
namespace {

constexpr int gzip_window = 15 + 16;  // zlib: +16 writes and wants the gzip wrapper
constexpr int level = 4;              // answers are packed on the loop's thread: quick before small

Bytef* in_of(std::string_view text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }

}  // namespace

std::string gzip(std::string_view plain) {
  z_stream stream{};
  INVARIANT(deflateInit2(&stream, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = in_of(plain);
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int rc = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  INVARIANT(rc == Z_STREAM_END);
  return out;
}

Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max) {
  z_stream stream{};
  INVARIANT(inflateInit2(&stream, gzip_window) == Z_OK);
  stream.next_in = in_of(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  std::array<char, 16384> piece;
  int rc = Z_OK;
  while (rc == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    rc = inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
    if (out.size() > bytes_max) {
      inflateEnd(&stream);
      return fail(Code::full, "the body unpacks to more than " + std::to_string(bytes_max) + " bytes");
    }
  }
  const bool whole = rc == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (!whole) return fail(Code::invalid, "the body is not gzip, or is cut off");
  return out;
}

}  // namespace skerry::http
