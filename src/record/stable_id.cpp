// Ids that a replay gives again: 130 bits of a SHA-256.
#include <openssl/evp.h>

#include "record/record.hpp"

namespace skerry::record {

std::string stable_id(std::string_view pipeline, std::string_view version, Position cause, std::uint32_t ordinal) {
  Buffer input;
  append_counted(input, as_bytes(pipeline));
  append_counted(input, as_bytes(version));
  append_le(input, cause.value);
  append_le(input, ordinal);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  INVARIANT(EVP_Digest(input.data(), input.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  static constexpr std::string_view digits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id;
  unsigned bits = 0;
  unsigned held = 0;
  for (unsigned i = 0; id.size() < 26; ++i) {
    bits = (bits << 8) | digest[i];
    held += 8;
    while (held >= 5 && id.size() < 26) {
      held -= 5;
      id += digits[(bits >> held) & 31U];
    }
  }
  return id;
}

}  // namespace skerry::record
