// What the .cpp files of identity share when they call OpenSSL. Included by no header.
#pragma once

#include <openssl/bio.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace skerry::identity {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

inline const unsigned char* to_uchar(Bytes bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

inline Bio bio_of(std::string_view text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all};
}

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace skerry::identity
